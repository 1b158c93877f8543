import PMU
import Policy
import Testing

/// Multiplexing: `perf_rotate_context()`, kernel/events/core.c.
@Suite struct RotationTests {
    @Test("two flexible events for one counter run half of the ticks each")
    func halves() {
        var pmu = TestPMU()
        let first = pmu.install(.flexible, .cpu, TestPMU.gp1)
        let second = pmu.install(.flexible, .cpu, TestPMU.gp1)
        var ran = [0, 0]
        for tick in 0..<100 {
            pmu.scheduler.sink.now = UInt64(tick) * 1_000_000
            for (index, event) in [first, second].enumerated() where pmu.place(event) == "gp1" { ran[index] += 1 }
            let goesOn = pmu.scheduler.rotate(pcpu: 0)
            #expect(goesOn)
        }
        #expect(ran == [50, 50])
        #expect(pmu.violations() == [])
    }

    @Test("the same holds for two of a task's")
    func taskHalves() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        pmu.run(task)
        pmu.install(.flexible, .task(task), TestPMU.gp1)
        pmu.install(.flexible, .task(task), TestPMU.gp1)
        var seen: [[String]] = []
        for _ in 0..<4 {
            seen.append(pmu.allPlaces())
            pmu.scheduler.rotate(pcpu: 0)
        }
        #expect(seen == [["gp1", "inactive"], ["inactive", "gp1"], ["gp1", "inactive"], ["inactive", "gp1"]])
    }

    @Test("the first group that runs goes to the end of its list")
    func movesToTail() {
        var pmu = TestPMU(gp: 2, fixed: 0)
        for _ in 0..<3 { pmu.install(.flexible, .cpu, 0x3) }
        var seen: [[String]] = []
        for _ in 0..<3 {
            seen.append(pmu.allPlaces().map { $0 == "inactive" ? "-" : "on" })
            pmu.scheduler.rotate(pcpu: 0)
        }
        #expect(seen == [["on", "on", "-"], ["-", "on", "on"], ["on", "-", "on"]])
    }

    @Test("where everybody has a counter the timer stops and nothing moves")
    func notNecessary() {
        var pmu = TestPMU()
        pmu.install(.flexible, .cpu, TestPMU.gp1)
        _ = pmu.take()
        let goesOn = pmu.scheduler.rotate(pcpu: 0)
        #expect(!goesOn)
        let steps1 = pmu.take()
        #expect(steps1 == [])
    }

    @Test("pinned events do not rotate")
    func pinnedStay() {
        var pmu = TestPMU()
        let pinned = pmu.install(.pinned, .cpu, TestPMU.gp1)
        pmu.install(.flexible, .cpu, TestPMU.gp1)
        _ = pmu.take()
        for _ in 0..<4 { pmu.scheduler.rotate(pcpu: 0) }
        #expect(pmu.place(pinned) == "gp1")
        let steps2 = pmu.take()
        #expect(steps2 == [])
    }

    @Test("Linux starves a task's flexible events behind system-wide ones; where they take turns they share")
    func turns() {
        for order in PolicyRules.FlexibleOrder.allCases {
            var rules = PolicyRules.emulated
            rules.flexibleOrder = order
            var pmu = TestPMU(rules: rules)
            let task = pmu.addTask()
            pmu.run(task)
            let agent = pmu.install(.flexible, .cpu, TestPMU.gp1)
            let own = pmu.install(.flexible, .task(task), TestPMU.gp1)
            var ran = [0, 0]
            for _ in 0..<10 {
                for (index, event) in [agent, own].enumerated() where pmu.place(event) == "gp1" { ran[index] += 1 }
                pmu.scheduler.rotate(pcpu: 0)
            }
            #expect(ran == (order == .cpuFirst ? [10, 0] : [5, 5]))
            #expect(pmu.violations() == [])
        }
    }
}
