import Host
import Policy
import Scenario
import Testing

@testable import Replay
@testable import Timeline

/// What no record shows, told by what the traffic would have been otherwise.
@Suite("Self-replay beside what happens unseen")
struct UnseenDemandTests {
    private static func timeline(_ text: String) throws -> Timeline {
        try Recording(ScenarioReader.read(text: text, file: "unseen"), .emulated).timeline
    }

    @Test("a new event that starts ahead of others which only come back is pinned, and they are not")
    func newcomer() throws {
        let timeline = try Self.timeline(
            """
            name: newcomer
            processor: {model: skylake-sp, sockets: 1, cores: 1, smt: 1}
            duration: 30ms
            nmi-watchdog: {period: 24G, from: before}
            rates: {host: {cycles: 2G, instructions: 2G, branches: 300M, cache-misses: 3M}}
            events:
              - {name: old, event: cache-misses, cpus: all, from: before}
              - {name: older, event: branches, cpus: all, from: before}
              - {name: first, event: cycles, priority: pinned, cpus: all, from: 0}
              - {name: second, event: instructions, priority: pinned, cpus: all, from: 0, to: 9ms}
            """)
        #expect(SelfReplay.check(timeline).difference == nil)
        let events = timeline.demand.actors.hostEvents
        let pinned = events.filter { $0.priority == .pinned }.map(\.name)
        #expect(Set(pinned) == [Demand.watchdogName, "cycles@cpu0", "instructions@cpu0"])
    }

    @Test("a thread's event that was removed while the thread was away does not come back, and the inference is said")
    func removedWhileAway() throws {
        let timeline = try Self.timeline(
            """
            name: away
            processor: {model: ice-lake-sp, sockets: 1, cores: 1, smt: 1}
            duration: 30ms
            nmi-watchdog: on
            rates: {host: {cycles: 2G, branch-misses: 3M, branches: 300M}}
            tasks: [{name: worker, thread: 500, cpu: 0, run: 3ms, sleep: 2ms}]
            events:
              - {name: agent, event: branches, priority: pinned, cpus: all, from: before, to: 25ms}
              - {name: own, event: branch-misses, task: worker, from: before, to: 14ms}
            """)
        #expect(SelfReplay.check(timeline).difference == nil)
        #expect(timeline.inferred.contains { $0.what.hasPrefix("branch-misses@task500 was removed after") })
        // When it was removed nobody knows: it may have counted on under another policy.
        #expect(timeline.taints.contains { $0.origin == .inferredDemand && $0.to == timeline.end })
        let row = try #require(
            Replayer.replay(timeline, under: .emulated).series.first { $0.key.owner == "host:branch-misses@task500" })
        #expect(row.reading.mark != .exact)
    }

    @Test("an event that is moved passes the watchdog's counter over: it is not the watchdog")
    func movedBesideWatchdog() throws {
        let timeline = try Self.timeline(
            """
            name: sampler
            processor: {model: ice-lake-sp, sockets: 1, cores: 1, smt: 1}
            duration: 30ms
            nmi-watchdog: {period: 24G, from: before}
            rates: {host: {cycles: 2G, branches: 300M, cache-references: 60M}}
            tasks: [{name: worker, thread: 500, cpu: 0, run: 3ms, sleep: 2ms, start: 1ms}]
            events:
              - {name: agent, event: cache-references, priority: pinned, cpus: all, from: before}
              - {name: sampler, event: cycles, priority: pinned, period: 7500000, cpus: all, from: before, to: 14ms}
              - {name: own, event: branches, priority: pinned, task: worker, from: 0}
            """)
        #expect(SelfReplay.check(timeline).difference == nil)
        let watchdog = try #require(timeline.demand.actors.hostEvents.first { $0.name == Demand.watchdogName })
        #expect(watchdog.counterBefore == .fixed(1))
    }

    @Test("a thread's new event that passes a counter over at its thread's arrival shows that somebody has it")
    func passedOverAtArrival() throws {
        let timeline = try Self.timeline(
            """
            name: passed-over
            processor: {model: cascade-lake, sockets: 1, cores: 1, smt: 1}
            duration: 30ms
            nmi-watchdog: off
            rates: {host: {branches: 300M, cache-misses: 3M}}
            tasks: [{name: worker, thread: 500, cpu: 0, run: 3ms, sleep: 2ms}]
            events:
              - {name: sampler, event: cache-misses, cpus: all, from: before}
              - {name: own, event: branches, task: worker, from: 9ms}
            """)
        #expect(SelfReplay.check(timeline).difference == nil)
        #expect(timeline.demand.actors.hostEvents.map(\.name) == ["branches@task500", "unseen-gp0@cpu0"])
    }

    @Test("on the timer's grid, too, events that come back as they went were put out for one that has no room")
    func noRoomOnTheGrid() throws {
        let timeline = try Self.timeline(
            """
            name: no-room
            processor: {model: zen3, sockets: 1, cores: 1, smt: 1}
            duration: 30ms
            nmi-watchdog: off
            mux-interval: 1ms
            rates: {host: {cycles: 2G, instructions: 2G, branches: 300M, branch-misses: 3M, cache-misses: 3M, cache-references: 60M, r02c7: 3M}}
            events:
              - {name: e1, event: instructions, cpus: all, from: before}
              - {name: e2, event: cycles, cpus: all, from: before}
              - {name: e3, event: branches, cpus: all, from: before}
              - {name: e4, event: branch-misses, cpus: all, from: before}
              - {name: e5, event: cache-misses, cpus: all, from: 0}
              - {name: e6, event: cache-references, cpus: all, from: 0}
              - {name: e7, event: r02c7, cpus: all, from: 0}
            """)
        #expect(SelfReplay.check(timeline).difference == nil)
        // The first tick is that of the timer, one interval after the seventh event found no counter.
        #expect(timeline.demand.operations.first { $0.kind == .rotationTick }?.time == 1_000_000)
    }

    /// Every other event of the scenario was there before the trace, and so was the watchdog.
    private static func scenario(_ seed: UInt64) -> Scenario {
        var scenario = ScenarioGenerator.scenario(seed: seed)
        for index in scenario.events.indices where (seed / 2 + UInt64(index)) % 2 == 0 {
            scenario.events[index].from = .before
        }
        // A group comes as one.
        for index in scenario.events.indices {
            guard let name = scenario.events[index].group,
                let leader = scenario.events.first(where: { $0.name == name })
            else { continue }
            scenario.events[index].from = leader.from
        }
        if scenario.watchdog != nil { scenario.watchdog?.from = .before }
        return scenario
    }

    @Test(
        "of a hundred random hosts with events from before the trace, under three policies, at most one in six differs")
    func survey() throws {
        var differing: [String] = []
        for seed in UInt64(1)...100 {
            let scenario = Self.scenario(seed)
            for rules in [PolicyRules.emulated, .mediated, .none] {
                let timeline = Timeline(try Recording(scenario, rules).trace, recordedRules: rules)
                guard let difference = SelfReplay.check(timeline).difference else { continue }
                differing.append("seed \(seed) under \(rules.name): \(difference.what)")
            }
        }
        #expect(differing.count <= 50, "\(differing.joined(separator: "\n"))")
    }
}
