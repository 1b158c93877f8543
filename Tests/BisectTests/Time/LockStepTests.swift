import Host
import PMU
import Policy
import Testing

@testable import Bisect
@testable import Timeline

@Suite("Bisection over time")
struct LockStepTests {
    static let retrying = PolicyRules(name: "retry", guests: .emulated, pinnedMisfit: .retryAtSchedIn)

    /// A guest counter that goes to ERROR while host events hold everything, and the host gives up at a chosen slice:
    /// a policy that retries differs at the next switch in, one that does not never does.
    private func starved(slices: Int, until freed: Int) -> (DemandFixture, switchIn: Int) {
        var demand = DemandFixture(pcpus: 2)
        let fillers = demand.fill()
        demand.slice(0) { $0.program(0, 0, "instructions") }
        var planted = 0
        for number in 0..<slices {
            if number == freed {
                demand.add(.hostRemove(event: Int32(fillers[0])))
                planted = demand.operations.count
            }
            demand.slice(0)
            // Noise on the other CPU, alike under both.
            demand.slice(0, 20, pcpu: 1)
        }
        return (demand, planted)
    }

    @Test("a planted difference is found at its very operation, event and time", arguments: 1...8)
    func planted(_ seed: UInt64) throws {
        var random = TestRandom(state: seed)
        let freed = Int.random(in: 3..<900, using: &random)
        let (demand, _) = starved(slices: 900, until: freed)
        let timeline = demand.timeline
        var search = LockStep(timeline, a: .emulated, b: Self.retrying)
        let difference = search.firstDifference()
        let found = try #require(difference)
        // The fillers are on CPU 0 only, so the first slice on CPU 1 is where a retry succeeds, whatever was freed.
        let first = try #require(
            timeline.demand.operations.firstIndex { $0.kind == .taskSwitch(to: .vcpu(0)) && $0.pcpu == 1 })
        #expect(found.operation == first)
        #expect(found.event == timeline.demand.operations[first].source)
        #expect(found.time == timeline.demand.operations[first].time)
        #expect(found.a == nil && found.b == .guest(vcpu: 0, counter: .gp(0)))
    }

    @Test(
        "a difference deep in a trace is found exactly, and what was before it is played again exactly",
        arguments: 1...4)
    func deep(_ seed: UInt64) throws {
        var random = TestRandom(state: seed * 31)
        let freed = Int.random(in: 10..<6_000, using: &random)
        var demand = DemandFixture()
        let fillers = demand.fill()
        demand.slice(0) { $0.program(0, 0, "instructions") }
        var planted = 0
        for number in 0..<6_000 {
            if number == freed {
                demand.add(.hostRemove(event: Int32(fillers[2])))
                planted = demand.operations.count
            }
            demand.slice(0)
        }
        let timeline = demand.timeline
        var search = LockStep(timeline, a: .emulated, b: Self.retrying)
        let difference = search.firstDifference()
        let found = try #require(difference)
        #expect(found.operation == planted)
        #expect(found.counter == .gp(2))
        let before = search.before(found)
        #expect(before.a.machine.scheduler.sink.holders == before.b.machine.scheduler.sink.holders)
        let event = try #require(before.a.machine.event(vcpu: 0, counter: .gp(0)))
        #expect(before.a.machine.scheduler.state(of: event) == .error)
    }

    @Test("equal policies never differ, whatever they are called")
    func alike() {
        let (demand, _) = starved(slices: 50, until: 10)
        var other = PolicyRules.emulated
        other.name = "other"
        var search = LockStep(demand.timeline, a: .emulated, b: other)
        #expect(search.firstDifference() == nil)
    }

    @Test("only differences about the wanted owner count")
    func owner() throws {
        var demand = DemandFixture(pcpus: 2, vcpus: [1, 1])
        _ = demand.fill()
        demand.slice(0) { $0.program(0, 0, "instructions") }
        demand.slice(0, pcpu: 1)
        _ = demand.fill(pcpu: 1)
        demand.slice(1) { $0.program(1, 0, "cycles") }
        let before = demand.operations.count
        demand.add(.hostRemove(event: 0))
        demand.slice(1)
        let timeline = demand.timeline
        let first = try #require(TimeBisection(timeline, a: .emulated, b: Self.retrying).run(.decision))
        #expect(first.operation < before)
        let other = try #require(
            TimeBisection(timeline, a: .emulated, b: Self.retrying, owners: ["guest:vm1"]).run(.decision))
        #expect(other.operation == before + 1)
        #expect(other.words.contains("guest:vm1/0 gp0"))
    }
}
