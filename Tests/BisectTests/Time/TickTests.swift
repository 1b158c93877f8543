import Host
import PMU
import Policy
import Testing

@testable import Bisect
@testable import Replay
@testable import Timeline

@Suite("The multiplexing timer's ticks")
struct TickTests {
    /// Sums the time that host events held counters.
    struct Held: HoldingVisitor {
        var running: [UInt64]

        mutating func held(pcpu: Int, counter: Counter, by holder: CounterHolder, from: UInt64, to: UInt64) {
            if case .host(let event) = holder { running[event] += to - from }
        }
        mutating func spent(_ holder: CounterHolder, in state: HoldingState, from: UInt64, to: UInt64) {}
    }

    @Test(
        "a tick takes a guest out of guest mode for explain and bisect as it does for replay",
        arguments: [PolicyRules.mediated, .emulated])
    func alike(_ rules: PolicyRules) {
        var demand = DemandFixture()
        for number in 0..<demand.model.gp + 2 {
            demand.install(demand.host("turn\(number)", "branches", .flexible, exclusion: .guest))
        }
        // Long slices: most ticks find the guest in guest mode.
        for _ in 0..<6 { demand.slice(0, 7_300) { $0.program(0, 0, "instructions") } }
        let timeline = demand.timeline
        var play = HoldingPlay(
            timeline, rules: rules,
            visitor: Held(running: [UInt64](repeating: 0, count: timeline.demand.actors.hostEvents.count)))
        play.run()
        let replayed = Replayer.replay(timeline, under: rules, ticks: .own).series
            .filter { $0.key.owner.hasPrefix("host:") }
        #expect(replayed.count == timeline.demand.actors.hostEvents.count)
        for (number, event) in timeline.demand.actors.hostEvents.enumerated() {
            let row = replayed.first { $0.key.owner == "host:\(event.name)" }
            #expect(row?.runningNs == play.visitor.running[number], "\(event.name)")
        }
        // Everybody had a turn, so the ticks came through.
        #expect(play.visitor.running.allSatisfy { $0 > 0 })
    }

    @Test("no timer fires at the clock's end, where times of a trace may stand: playing ends there")
    func clockEnd() {
        var demand = DemandFixture()
        for number in 0..<demand.model.gp + 2 {
            demand.install(demand.host("turn\(number)", "branches", .flexible))
        }
        demand.wait(5_500)
        demand.switchOut()
        var timeline = demand.timeline
        let shift = UInt64.max - timeline.end
        let moved = timeline.demand.operations.map { operation in
            var operation = operation
            operation.time += shift
            return operation
        }
        timeline.demand = Demand(actors: timeline.demand.actors, operations: moved)
        (timeline.start, timeline.end) = (timeline.start + shift, .max)
        var play = HoldingPlay(
            timeline, rules: .emulated,
            visitor: Held(running: [UInt64](repeating: 0, count: timeline.demand.actors.hostEvents.count)))
        play.run()
        #expect(play.visitor.running.allSatisfy { $0 > 0 })
        var steps = LockStep(timeline, a: .emulated, b: .emulated)
        #expect(steps.firstDifference() == nil)
        #expect(Replayer.replay(timeline, under: .emulated, ticks: .own).end == .max)
    }
}
