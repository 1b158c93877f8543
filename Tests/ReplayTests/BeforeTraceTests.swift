import PMU
import Policy
import Scenario
import Testing

@testable import Replay
@testable import Timeline

/// Events that hold counters since before the trace: nothing shows their start, and of a pinned one nothing may show at
/// all.
@Suite("Self-replay beside events that were there before the trace")
struct BeforeTraceTests {
    private static let watchdogs = ["on", "off", "{period: 24G, from: before}", "{period: 3M, from: before}"]

    private static func recording(
        _ model: ProcessorModel, watchdog: String, events: String, kernel: String = "6.12.29"
    ) throws -> Recording {
        let (select, counter, stride) =
            model.flavour == .intel ? (0x186, 0xc1, 1) : (0xc001_0200, 0xc001_0201, 2)
        let global =
            model.flavour == .intel
            ? "{at: 2ms, write: [0x38f, 0x70000000f]}" : "{at: 2ms, write: [0xc0000301, 0x3f]}"
        let text = """
            name: before
            processor: {model: \(model.name), sockets: 1, cores: 1, smt: 1}
            kernel: \(kernel)
            duration: 20ms
            nmi-watchdog: \(watchdog)
            rates:
              host: {cycles: 2G, branches: 300M, instructions: 2G, r02c7: 3M}
              guest: {cycles: 2G, branches: 300M, instructions: 2G, r02c7: 3M}
            events:
            \(events)
            vms:
              - name: vm
                guest: 700us
                host: 9us
                program:
                  - \(global)
                  - {at: 3ms, write: [\(counter), 0x1000]}
                  - {write: [\(select), 0x5300c0]}
                  - {at: 6ms, write: [\(select + stride), 0x5301c5]}
                  - {at: 15ms, read: \(counter)}
                vcpus: [{cpu: 0}]
            """
        return try Recording(ScenarioReader.read(text: text, file: "before"), .emulated)
    }

    @Test("a pinned one beside the watchdog", arguments: ProcessorModel.all.map(\.name), watchdogs)
    func pinned(name: String, watchdog: String) throws {
        let model = try #require(ProcessorModel.named(name))
        let recording = try Self.recording(
            model, watchdog: watchdog,
            events: "  - {name: agent, event: branches, priority: pinned, cpus: all, from: before}")
        let check = SelfReplay.check(recording.timeline)
        #expect(check.difference == nil)
        #expect(check.matchedReadings == check.readings && check.steps > 0)
    }

    @Test("several, of which some come along and some make no traffic", arguments: ProcessorModel.all.map(\.name))
    func several(name: String) throws {
        let model = try #require(ProcessorModel.named(name))
        let recording = try Self.recording(
            model, watchdog: "on",
            events: """
                  - {name: silent, event: branches, priority: pinned, cpus: all, from: before}
                  - {name: turn, event: r02c7, priority: flexible, cpus: all, from: before, to: 12ms}
                  - {name: late, event: instructions, priority: flexible, cpus: all, from: 8ms}
                """)
        #expect(SelfReplay.check(recording.timeline).difference == nil)
    }

    @Test("a counter that a new event passes over is somebody's, and the inference is said")
    func unseen() throws {
        let recording = try Self.recording(
            .zen4, watchdog: "off",
            events: """
                  - {name: silent, event: branches, priority: pinned, cpus: all, from: before}
                  - {name: late, event: r02c7, priority: flexible, cpus: all, from: 1ms}
                """)
        let timeline = recording.timeline
        let hidden = timeline.demand.actors.hostEvents.filter { $0.name.hasPrefix("unseen") }
        #expect(hidden.map(\.name) == ["unseen-gp0@cpu0"])
        #expect(hidden.first?.exclusionKnown == false)
        #expect(timeline.inferred.contains { $0.what.contains("somebody holds gp0 of pCPU 0") })
        #expect(SelfReplay.check(timeline).difference == nil)
    }

    @Test("up to v5.17 the field of a fixed counter is cleared before it is read: what it was is known all the same")
    func immediateFixedControl() throws {
        let recording = try Self.recording(
            .iceLakeSP, watchdog: "off",
            events: """
                  - {name: old, event: instructions, priority: flexible, cpus: all, from: before}
                  - {name: late, event: r02c7, priority: flexible, cpus: all, from: 1ms}
                """, kernel: "5.17.0")
        let timeline = recording.timeline
        #expect(timeline.demand.actors.hostEvents.filter { $0.config & 0xffff == 0xc0 }.count == 1)
        #expect(SelfReplay.check(timeline).difference == nil)
    }
}
