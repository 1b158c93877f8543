import Counts
import Host
import PMU
import Policy
import Replay
import Testing

@testable import Bisect
@testable import Timeline

@Suite("Bisection over counts")
struct CountBisectionTests {
    private let b = PlantedCase.rules("b") { $0.pinnedMisfit = .retryAtSchedIn }

    /// A guest counter in ERROR which a retrying policy gives a counter late in the trace.
    private func late(_ slices: Int, freed: Int) -> Timeline {
        var demand = DemandFixture()
        let events = demand.fill()
        demand.slice(0) { $0.program(0, 0, "instructions") }
        for number in 0..<slices {
            if number == freed { demand.add(.hostRemove(event: Int32(events[0]))) }
            demand.slice(0)
        }
        return demand.timeline
    }

    @Test("a count that differs near the end is found exactly, for less than 1.3 replays")
    func nearTheEnd() throws {
        let timeline = late(2000, freed: 1950)
        let bisection = TimeBisection(timeline, a: .emulated, b: b, owners: ["guest:vm0"], tolerances: Tolerances())
        let moment = try #require(bisection.run(.running))
        // As counted where operations are played: all up to the moment, and an interval between two checkpoints.
        #expect(moment.replays < 1.3)
        #expect(moment.replays > Double(moment.operation) / Double(timeline.demand.operations.count))
        // Read at every operation, nothing differs one operation earlier.
        var pair = (ReplayCursor(timeline, under: .emulated), ReplayCursor(timeline, under: b))
        func runs(_ cursor: ReplayCursor, _ time: UInt64) -> UInt64 {
            cursor.table(at: time) { $0 == "guest:vm0/0" }.series.reduce(0) { $0 + $1.runningNs }
        }
        let operations = timeline.demand.operations
        pair.0.advance(to: moment.operation)
        pair.1.advance(to: moment.operation)
        let before = operations[moment.operation - 1].time
        #expect(runs(pair.0, before) == runs(pair.1, before))
        pair.0.advance(to: moment.operation + 1)
        pair.1.advance(to: moment.operation + 1)
        #expect(runs(pair.0, moment.time) != runs(pair.1, moment.time))
        #expect(operations[moment.operation].kind == .guestExit(vcpu: 0, reentersFast: false))
    }

    @Test("a cursor that is stopped, copied and played on gives the replay's table")
    func cursor() {
        let timeline = late(50, freed: 20)
        let whole = Replayer.replay(timeline, under: b)
        let meter = PlayMeter()
        var cursor = ReplayCursor(timeline, under: b, meter: meter)
        cursor.advance(to: 31)
        var copy = cursor
        _ = cursor.table(at: timeline.demand.operations[30].time)
        cursor.advance(to: .max)
        copy.advance(to: 77)
        copy.advance(to: .max)
        #expect(cursor.table(at: timeline.end) == whole)
        #expect(copy.table(at: timeline.end) == whole)
        // All of it by the one, what came after the copy by the other.
        let all = timeline.demand.operations.count
        #expect(meter.played == all + (all - 31))
    }

    @Test("counts that nobody measured are no difference, and not the same either")
    func undecided() throws {
        let moment = try #require(TimeBisection(late(50, freed: 20), a: .emulated, b: b).run(.count))
        #expect(moment.certainty == .cannotJudge)
        #expect(moment.words.hasPrefix("guest:vm0/0 gp0 instructions: "), "\(moment.words)")
        #expect(
            TraceMoment.text([TraceMoment(trace: "t", moment: moment)]).hasPrefix("t: nothing differs for certain; "))
    }

    @Test("nothing is found where no count differs")
    func alike() {
        let timeline = late(50, freed: 20)
        #expect(TimeBisection(timeline, a: .emulated, b: .emulated).run(.count) == nil)
    }
}
