import Host
import PMU
import Policy

@testable import Timeline

/// A host on which two policies differ for one reason that is known beforehand.
struct PlantedCase: Sendable, CustomStringConvertible {
    let description: String
    let cause: String
    /// Words the account must hold.
    let words: [String]
    let make: @Sendable () -> (Timeline, PolicyRules, PolicyRules)

    static func rules(_ name: String, _ change: (inout PolicyRules) -> Void = { _ in }) -> PolicyRules {
        var rules = PolicyRules.emulated
        rules.name = name
        change(&rules)
        return rules
    }

    private static func make(
        _ description: String, _ cause: String, _ words: [String], vcpus: [Int] = [1], model: ProcessorModel = .zen2,
        a: @escaping @Sendable (inout PolicyRules) -> Void = { _ in },
        b: @escaping @Sendable (inout PolicyRules) -> Void, _ plot: @escaping @Sendable (inout DemandFixture) -> Void
    ) -> PlantedCase {
        PlantedCase(description: description, cause: cause, words: words) {
            var demand = DemandFixture(pcpus: 2, vcpus: vcpus, model: model)
            plot(&demand)
            return (demand.timeline, rules("a", a), rules("b", b))
        }
    }

    static let all: [PlantedCase] = [
        make(
            "a guest beats pinned host events only with the ultimate priority", "priority",
            ["ERROR", "held by host:filler"]
        ) {
            $0.guest.priority = .ultimate
        } _: {
            _ = $0.fill()
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        make("one VM is given a higher priority than the others", "priority", ["guest:vm1/0", "ERROR"], vcpus: [1, 1]) {
            $0.overrides["vm1"] = $0.guest
            $0.overrides["vm1"]!.priority = .ultimate
        } _: {
            _ = $0.fill()
            $0.slice(0) { $0.program(0, 0, "instructions") }
            $0.slice(1) { $0.program(1, 0, "cycles") }
        },
        make("flexible guests wait where pinned ones had a counter", "priority", ["guest:vm0/0"]) {
            $0.guest.priority = .flexible
        } _: {
            _ = $0.fill(.flexible)
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        make(
            "a guest event stays in ERROR although a counter is free again", "error-kept", ["went to ERROR, and stays"]
        ) {
            $0.pinnedMisfit = .retryAtSchedIn
        } _: {
            let events = $0.fill()
            $0.slice(0) { $0.program(0, 0, "instructions") }
            $0.add(.hostRemove(event: Int32(events[3])))
            $0.slice(0)
        },
        make("a host user's pinned task event stays in ERROR", "error-kept", ["host:late", "went to ERROR"]) {
            $0.pinnedMisfit = .retryAtSchedIn
        } _: {
            let late = $0.host("late", "instructions", .pinned, scope: .vcpu(0))
            let events = $0.fill()
            $0.slice(0) { $0.install(late) }
            $0.add(.hostRemove(event: Int32(events[0])))
            $0.slice(0)
        },
        make(
            "a task's pinned event makes a system-wide flexible one give way", "displacement",
            ["task-pinned", "goes to ERROR"]
        ) {
            $0.taskPinned = .spares
        } _: {
            _ = $0.fill(.flexible)
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        make("an event filter denies the guest's event", "filter", ["guest:vm0/0 gp0"]) {
            $0.guest.filter = EventFilterRule(action: .deny, entries: [0xc0])
        } _: {
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        make("an event filter allows one event and not the other", "filter", ["guest:vm0/0 gp1"]) {
            $0.guest.filter = EventFilterRule(action: .allow, entries: [0xc0])
        } _: {
            $0.slice(0) {
                $0.program(0, 0, "instructions")
                $0.program(0, 1, "cycles")
            }
        },
        make("counters reserved for the host are not the guest's", "reservation", ["guest:vm0/0"]) {
            $0.reservations = [Reservation(host: .everything, guests: .nothing)]
        } _: {
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        make("a counter reserved for firmware is nobody's", "reservation", ["host:agent"]) {
            $0.reservations = [Reservation(firmware: CounterShare([.gp(0...0)]))]
        } _: {
            $0.install($0.host("agent"))
            $0.slice(0)
        },
        make("flexible events take turns with a task's at the timer's tick", "flexible-order", ["waits for its turn"]) {
            $0.guest.priority = .flexible
        } b: {
            $0.guest.priority = .flexible
            $0.flexibleOrder = .takesTurns
        } _: {
            _ = $0.fill(.flexible)
            $0.slice(0, 5000) { $0.program(0, 0, "instructions") }
        },
        make(
            "the whole PMU is handed to the guest at VM entry", "mediated-hand-over",
            ["the whole PMU of cpu 0 belongs to guest:vm0/0"]
        ) {
            $0 = PolicyRules.mediated
            $0.name = "b"
            $0.hostVisibility = .blinded
        } _: {
            $0.install($0.host("agent"))
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        make("an event that counts guests is refused while a VM holds the PMU", "refusal", ["refused with EOPNOTSUPP"])
        {
            $0 = PolicyRules.mediated
            $0.name = "b"
        } _: {
            $0.install($0.host("agent"))
            $0.slice(0)
        },
        make("guests have no PMU", "no-pmu", ["guest:vm0/0 gp0"]) {
            $0.guest.access = .none
        } _: {
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        make("a group that does not fit keeps a later event from being tried", "misfit-blocks-later", ["host:single"]) {
            $0.misfit = .tryLater
        } _: {
            _ = $0.fill(besides: 2)
            let leader = $0.host("group", "cycles", .flexible)
            for number in 0..<2 { $0.host("group\(number)", "branches", .flexible, leader: leader) }
            let single = $0.host("single", "instructions", .flexible)
            $0.install(leader)
            $0.install(single)
            $0.slice(0)
        },
        make(
            "a freed counter is given away at once or at the next rescheduling", "freed-counter", ["waits for its turn"]
        ) {
            $0.freed = .refillsAtOnce
        } _: {
            let events = $0.fill()
            $0.install($0.host("late", "instructions", .flexible))
            $0.wait(100)
            $0.add(.hostRemove(event: Int32(events[1])))
            $0.slice(0)
        },
        make("who came first keeps the counter", "first-come", ["guest:vm0/0"]) {
            $0.arbitration = .firstCome
        } _: {
            _ = $0.fill(.flexible)
            $0.slice(0) { $0.program(0, 0, "instructions") }
        },
        make("virtual counter M must be physical counter M", "exact-counter", ["guest:vm0/0 gp2", "instead of"]) {
            $0.guest.choice = .exact
        } _: {
            $0.slice(0) { $0.program(0, 2, "instructions") }
        },
        make("counters in use at power-on are not the guest's", "in-use-at-power-on", ["guest:vm0/0 gp0"]) {
            $0.guest.choice = .exact
        } b: {
            $0.guest.choice = .exact
            $0.guest.availability = .freeAtPowerOn
        } _: { demand in
            var demand2 = DemandFixture(pcpus: 2, vcpus: [])
            demand2.actors = demand.actors
            let agent = demand2.host("agent")
            demand2.install(agent)
            demand2.add(.vmCreate(vm: 0))
            demand2.slice(0) { _ in }
            demand2.add(.hostRemove(event: Int32(agent)))
            demand2.slice(0) { $0.program(0, 0, "instructions") }
            demand = demand2
        },
        make("the trace is incomplete where the decision falls", "loss", ["guest:vm0/0"]) {
            $0.guest.priority = .ultimate
        } _: {
            _ = $0.fill()
            $0.slice(0) { $0.program(0, 0, "instructions") }
            $0.taints = [TimelineTaint(vcpu: nil, pcpu: 0, from: 0, to: 50_000, cause: "7 records were lost")]
        },
        make(
            "an event's constraint names the one counter it may use", "priority", ["its constraint leaves it gp1 only"],
            model: .skylakeSP
        ) {
            $0.guest.priority = .ultimate
        } _: {
            $0.install($0.host("agent", "event=0xc0,umask=0x1"))
            $0.slice(0) { $0.program(0, 0, "event=0xc0,umask=0x1") }
        },
    ]
}
