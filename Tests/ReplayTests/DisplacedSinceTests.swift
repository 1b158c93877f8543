import Counts
import Policy
import PolicyFile
import Scenario
import Testing
import Trace

@testable import Replay
@testable import Timeline

/// Every event here is one that counter 0 alone can count (`intel_glc_event_constraints`), so that two are one too
/// many.
@Suite("Since when a host event goes without its counter")
struct DisplacedSinceTests {
    private static func recording(_ events: String, more: String = "") throws -> Recording {
        let text = """
            name: since
            processor: {model: sapphire-rapids, sockets: 1, cores: 1, smt: 1}
            duration: 40ms
            nmi-watchdog: off
            rates: {host: {r04a4: 1M, r08a4: 1M}}
            \(more)
            events:
            \(events)
            """
        return try Recording(ScenarioReader.read(text: text, file: "since"), .emulated)
    }

    private static func since(_ recording: Recording, _ rules: PolicyRules, scope: String) throws -> [UInt64] {
        Replayer.replay(recording.timeline, under: rules).displaced.filter { $0.owner.contains(scope) }.map(\.since)
    }

    @Test("a pinned newcomer takes a flexible event's counter: from then on")
    func newcomer() throws {
        let recording = try Self.recording(
            """
              - {name: old, event: r04a4, cpus: "0", from: 1ms}
              - {name: new, event: r08a4, priority: pinned, cpus: "0", from: 13ms, to: 21ms}
            """)
        #expect(try Self.since(recording, .emulated, scope: "cpu0") == [13_000_000])
    }

    @Test("a thread's event goes without when the thread next runs, not when it was away")
    func thread() throws {
        let recording = try Self.recording(
            """
              - {name: own, event: r04a4, task: worker, from: 1ms}
              - {name: new, event: r08a4, priority: pinned, cpus: "0", from: 13ms, to: 31ms}
            """, more: "tasks: [{name: worker, thread: 500, cpu: 0, run: 4ms, sleep: 6ms}]")
        // It runs from 0, 10, 20 and 30 ms on, for 4 ms each.
        let arrivals = recording.trace.events.filter { $0.kind == .schedSwitch && $0.nextPID == 500 }.map(\.time)
        #expect(arrivals.prefix(3) == [0, 10_000_000, 20_000_000])
        #expect(try Self.since(recording, .emulated, scope: "task500") == [13_000_000])
        let later = try Self.recording(
            """
              - {name: own, event: r04a4, task: worker, from: 1ms}
              - {name: new, event: r08a4, priority: pinned, cpus: "0", from: 15ms, to: 31ms}
            """, more: "tasks: [{name: worker, thread: 500, cpu: 0, run: 4ms, sleep: 6ms}]")
        #expect(try Self.since(later, .emulated, scope: "task500") == [20_000_000])
    }

    @Test("a policy that lends guests the PMU: from the first entry on; one that refuses: from the refusal on")
    func lent() throws {
        let recording = try Self.recording(
            """
              - {name: agent, event: r04a4, cpus: "0", from: 1ms}
            """,
            more: """
                vms:
                  - {name: vm, start: 7ms, vcpus: [{cpu: 0, run: 2ms, sleep: 3ms}], program: [{at: 8ms, write: [0x186, 0x5300c0]}]}
                """)
        let entry = try #require(recording.trace.events.first { $0.kind == .kvmEntry }).time
        #expect(entry >= 7_000_000)
        let lent = try #require(try PolicyCatalogue.rules(named: "confidential"))
        #expect(try Self.since(recording, lent, scope: "cpu0") == [entry])
        let table = Replayer.replay(recording.timeline, under: .mediated)
        let refusal = try #require(table.openLoop.first { $0.cause.contains("perf_event_open answers") }).time
        #expect(table.displaced.map(\.since) == [refusal])
    }
}
