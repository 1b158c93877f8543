import PMU
import Policy
import Testing

/// Who goes first, who gives way, and what becomes of those that do not fit: kernel/events/core.c.
@Suite struct PriorityTests {
    enum Rank: Int, CaseIterable, Sendable {
        case cpuPinned, taskPinned, cpuFlexible, taskFlexible
        var priority: EventSpec.Priority { self == .cpuPinned || self == .taskPinned ? .pinned : .flexible }
        var isCPU: Bool { self == .cpuPinned || self == .cpuFlexible }
    }

    static let pairs: [(Rank, Rank)] = Rank.allCases.flatMap { a in
        Rank.allCases.compactMap { a.rawValue < $0.rawValue ? (a, $0) : nil }
    }

    @Test("perf's order: cpu-pinned, task-pinned, cpu-flexible, task-flexible (ctx_resched)", arguments: pairs)
    func fourWayOrder(_ first: Rank, _ second: Rank) {
        for firstComesFirst in [true, false] {
            var pmu = TestPMU()
            let task = pmu.addTask()
            pmu.run(task)
            var ids: [Rank: EventID] = [:]
            for rank in firstComesFirst ? [first, second] : [second, first] {
                ids[rank] = pmu.install(rank.priority, rank.isCPU ? .cpu : .task(task), TestPMU.gp1)
            }
            #expect(pmu.place(ids[first]!) == "gp1")
            #expect(pmu.place(ids[second]!) == (second.priority == .pinned ? "error" : "inactive"))
            #expect(pmu.violations() == [])
        }
    }

    @Test("inside one list creation order decides, and turning an event off and on does not change it")
    func creationOrder() {
        var pmu = TestPMU()
        let old = pmu.install(.pinned, .cpu, TestPMU.gp1)
        pmu.scheduler.disable(old)
        let young = pmu.install(.pinned, .cpu, TestPMU.gp1)
        #expect(pmu.places(old, young) == ["off", "gp1"])
        pmu.scheduler.enable(old)
        #expect(pmu.places(old, young) == ["gp1", "error"])
    }

    @Test("after the first group that does not fit no later one of its list is tried: a free fixed counter is no help")
    func cascade() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        for _ in 0..<4 { pmu.install(.pinned, .task(task), TestPMU.anyGP) }
        let misfit = pmu.install(.pinned, .task(task), TestPMU.anyGP)
        let innocent = pmu.install(.pinned, .task(task), TestPMU.instructions)
        pmu.run(task)
        #expect(pmu.places(misfit, innocent) == ["error", "error"])
        #expect(pmu.violations() == [])
    }

    @Test("a flexible list stops at its first misfit too, and asks for the multiplexing timer")
    func flexibleCascade() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        let first = pmu.install(.flexible, .task(task), TestPMU.gp1)
        let second = pmu.install(.flexible, .task(task), TestPMU.gp1)
        let third = pmu.install(.flexible, .task(task), TestPMU.instructions)
        #expect(pmu.scheduler.sink.base.timerWanted == 0)
        pmu.run(task)
        #expect(pmu.places(first, second, third) == ["gp1", "inactive", "inactive"])
        #expect(pmu.scheduler.sink.base.timerWanted > 0)
        #expect(pmu.scheduler.rotateNecessary(pcpu: 0) == (false, true))
    }

    @Test("the misfit of one list does not stop the lists after it")
    func listsAreIndependent() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        pmu.run(task)
        pmu.install(.pinned, .cpu, TestPMU.gp1)
        let misfit = pmu.install(.pinned, .cpu, TestPMU.gp1)
        let other = pmu.install(.pinned, .task(task), TestPMU.anyGP)
        #expect(pmu.places(misfit, other) == ["error", "gp0"])
    }

    @Test("ERROR survives task switches, the competitor's removal, the timer and a disable; only an enable ends it")
    func stickyError() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        pmu.run(task)
        let host = pmu.install(.pinned, .cpu, TestPMU.gp1)
        let guest = pmu.install(.pinned, .task(task), TestPMU.gp1)
        #expect(pmu.place(guest) == "error")
        pmu.scheduler.remove(host)
        #expect(pmu.place(guest) == "error")
        pmu.run(nil)
        pmu.run(task)
        #expect(pmu.place(guest) == "error")
        pmu.scheduler.rotate(pcpu: 0)
        #expect(pmu.place(guest) == "error")
        pmu.scheduler.disable(guest)
        #expect(pmu.place(guest) == "error")
        pmu.scheduler.enable(guest)
        #expect(pmu.place(guest) == "gp1")
        #expect(pmu.violations() == [])
    }

    @Test("ERROR travels with the task to another pCPU, and so does the counter used last")
    func migration() {
        var pmu = TestPMU(pcpus: 2)
        let task = pmu.addTask()
        pmu.run(task)
        let first = pmu.install(.pinned, .task(task), TestPMU.anyGP)
        let second = pmu.install(.pinned, .task(task), TestPMU.anyGP)
        let host = pmu.install(.pinned, .cpu, TestPMU.gp1)
        let dead = pmu.install(.pinned, .task(task), TestPMU.gp1)
        pmu.scheduler.remove(host)
        let before = pmu.places(first, second)
        pmu.run(nil)
        pmu.run(task, pcpu: 1)
        #expect(pmu.places(first, second) == before)
        #expect(pmu.place(dead) == "error")
        #expect(pmu.scheduler.pcpu(of: first) == 1)
        #expect(pmu.violations() == [])
    }

    @Test("turning on one task-pinned event stops and restarts the task's others, and leaves cpu-pinned running")
    func rescheduling() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        pmu.run(task)
        pmu.install(.pinned, .cpu, TestPMU.cycles)
        pmu.install(.pinned, .task(task), TestPMU.anyGP)
        _ = pmu.take()
        pmu.install(.pinned, .task(task), TestPMU.anyGP)
        let steps1 = pmu.take()
        #expect(steps1 == ["stop 1@gp0", "start 1@gp0", "start 2@gp1"])
    }

    @Test("a task-pinned newcomer makes cpu-flexible events give way")
    func displacesFlexible() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        pmu.run(task)
        let agent = pmu.install(.flexible, .cpu, TestPMU.gp1)
        let guest = pmu.install(.pinned, .task(task), TestPMU.gp1)
        #expect(pmu.places(agent, guest) == ["inactive", "gp1"])
    }

    @Test("a task with pinned events pushes cpu-flexible out when it comes, and its leaving brings nobody back")
    func taskSwitches() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        let agent = pmu.install(.flexible, .cpu, TestPMU.gp1)
        let guest = pmu.install(.pinned, .task(task), TestPMU.gp1)
        #expect(pmu.place(agent) == "gp1")
        pmu.run(task)
        #expect(pmu.places(agent, guest) == ["inactive", "gp1"])
        pmu.run(nil)
        #expect(pmu.places(agent, guest) == ["inactive", "inactive"])
        pmu.scheduler.rotate(pcpu: 0)
        #expect(pmu.place(agent) == "gp1")
    }

    @Test("a task with flexible events only takes what is left")
    func flexibleTask() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        let agent = pmu.install(.flexible, .cpu, TestPMU.gp1)
        let own = pmu.install(.flexible, .task(task), TestPMU.gp1)
        pmu.run(task)
        #expect(pmu.places(agent, own) == ["gp1", "inactive"])
    }

    @Test("removing or disabling an event takes it out and brings nobody in")
    func noRefill() {
        for removes in [true, false] {
            var pmu = TestPMU()
            let first = pmu.install(.flexible, .cpu, TestPMU.gp1)
            let second = pmu.install(.flexible, .cpu, TestPMU.gp1)
            if removes { pmu.scheduler.remove(first) } else { pmu.scheduler.disable(first) }
            #expect(pmu.place(second) == "inactive")
            pmu.scheduler.rotate(pcpu: 0)
            #expect(pmu.place(second) == "gp1")
        }
    }

    @Test("a group is on whole or not at all; a member that is off does not stand in its way")
    func groups() {
        var pmu = TestPMU()
        let blocker = pmu.install(.pinned, .cpu, TestPMU.gp1)
        let group = pmu.install(.flexible, .cpu, TestPMU.anyGP, TestPMU.gp1)
        #expect(pmu.places(group, group + 1) == ["inactive", "inactive"])
        pmu.scheduler.disable(group + 1)
        pmu.scheduler.rotate(pcpu: 0)
        #expect(pmu.places(group, group + 1) == ["gp0", "off"])
        pmu.scheduler.remove(blocker)
        #expect(pmu.violations() == [])
    }

    @Test("more events than counters are refused before the solver is asked (collect_events)")
    func tooMany() {
        var pmu = TestPMU(gp: 2, fixed: 1)
        for _ in 0..<3 { pmu.install(.flexible, .cpu, 0x1_0000_0003) }
        let fourth = pmu.install(.flexible, .cpu, 1 << 48)
        #expect(pmu.place(fourth) == "inactive")
    }
}
