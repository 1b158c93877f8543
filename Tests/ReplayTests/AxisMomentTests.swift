import Host
import PolicyFile
import Scenario
import Testing
import Timeline

@testable import Replay

@Suite("When a clock that does not run all the time went beyond a value")
struct AxisMomentTests {
    /// The plain way: for each value a walk of its own over the whole demand.
    private static func plainly(_ axis: ModeClocks.Axis, beyond clock: UInt64, _ timeline: Timeline) -> UInt64 {
        if case .pcpu = axis { return timeline.start + clock }
        var clocks = ModeClocks(
            actors: timeline.demand.actors, start: timeline.start, entries: timeline.kvm.entries)
        func moment(by time: UInt64) -> UInt64? {
            let now = clocks.now(axis, time)
            return now > clock ? time - (now - clock) : nil
        }
        for operation in timeline.demand.operations {
            if let found = moment(by: operation.time) { return found }
            clocks.take(operation)
        }
        return moment(by: timeline.end) ?? timeline.end
    }

    private static func axes(_ actors: Demand.Actors) -> [ModeClocks.Axis] {
        actors.vcpus.indices.flatMap { [.guest($0), .thread($0)] } + actors.hostTasks.indices.map { .hostTask($0) }
            + (0..<actors.pcpus).map { .pcpu($0) }
    }

    @Test(
        "many values asked at once are found where one walk for each finds them",
        arguments: 1...12 as ClosedRange<UInt64>)
    func together(seed: UInt64) throws {
        let timeline = try Recording(ScenarioGenerator.scenario(seed: seed), .emulated).timeline
        let length = timeline.end - timeline.start
        let values = (0...16).map { length / 16 * $0 } + [1, 999, length / 3, length * 2]
        var moments = AxisMoments()
        for axis in Self.axes(timeline.demand.actors) {
            for value in values { moments.ask(axis, beyond: value) }
        }
        moments.find(in: timeline)
        for axis in Self.axes(timeline.demand.actors) {
            for value in values {
                #expect(
                    moments.moment(axis, beyond: value, in: timeline) == Self.plainly(axis, beyond: value, timeline),
                    "\(axis) beyond \(value)")
            }
        }
    }
}
