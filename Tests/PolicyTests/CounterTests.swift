import PMU
import Policy
import Testing

/// Which physical counter: arch/x86/events/core.c.
@Suite struct CounterTests {
    @Test("a task that comes back gets the counters it had (hw.idx is kept)")
    func stickyCounters() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        pmu.run(task)
        for _ in 0..<3 { pmu.install(.pinned, .task(task), TestPMU.anyGP) }
        pmu.scheduler.remove(0)
        let before = pmu.places(1, 2)
        #expect(before == ["gp1", "gp2"])
        pmu.run(nil)
        pmu.run(task)
        #expect(pmu.places(1, 2) == before)
    }

    @Test("one new event has all of them placed anew, and running ones may move")
    func reassignment() {
        var pmu = TestPMU()
        pmu.install(.pinned, .cpu, TestPMU.anyGP)
        pmu.install(.pinned, .cpu, TestPMU.anyGP)
        #expect(pmu.places(0, 1) == ["gp0", "gp1"])
        _ = pmu.take()
        pmu.install(.flexible, .cpu, 0x1)
        #expect(pmu.places(0, 1, 2) == ["gp1", "gp2", "gp0"])
        #expect(pmu.violations() == [])
    }

    @Test("an event that moved up in the list is restarted although its counter stays (the tag belongs to the place)")
    func tags() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        pmu.run(task)
        let gone = pmu.install(.pinned, .cpu, TestPMU.anyGP)
        pmu.scheduler.remove(gone)
        let first = pmu.install(.pinned, .cpu, TestPMU.anyGP)
        let second = pmu.install(.pinned, .cpu, TestPMU.anyGP)
        #expect(pmu.places(first, second) == ["gp0", "gp1"])
        pmu.scheduler.remove(first)
        _ = pmu.take()
        let newcomer = pmu.install(.flexible, .task(task), 0x1)
        let steps = pmu.take()
        #expect(pmu.places(second, newcomer) == ["gp1", "gp0"])
        #expect(steps == ["stop \(second)@gp1", "start \(second)@gp1", "start \(newcomer)@gp0"])
    }

    @Test("an event that kept its place in the list is not touched by a newcomer")
    func untouched() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        pmu.run(task)
        pmu.install(.pinned, .cpu, TestPMU.gp1)
        _ = pmu.take()
        pmu.install(.flexible, .task(task), 0x1)
        let steps = pmu.take()
        #expect(steps == ["start 1@gp0"])
    }

    @Test("a new period stops and restarts a running event; one that waits is not touched")
    func period() {
        var pmu = TestPMU()
        let on = pmu.install(.flexible, .cpu, TestPMU.gp1)
        let waits = pmu.install(.flexible, .cpu, TestPMU.gp1)
        _ = pmu.take()
        pmu.scheduler.setPeriod(on, 1000)
        let steps2 = pmu.take()
        #expect(steps2 == ["stop 0@gp1", "start 0@gp1"])
        pmu.scheduler.setPeriod(waits, 1000)
        let steps3 = pmu.take()
        #expect(steps3 == [])
    }

    @Test("the watchdog on fixed counter 1 leaves a guest's cycles a GP counter")
    func watchdog() {
        var pmu = TestPMU()
        let watchdog = pmu.install(.pinned, .cpu, TestPMU.cycles)
        let task = pmu.addTask()
        pmu.run(task)
        let guest = pmu.install(.pinned, .task(task), TestPMU.cycles)
        #expect(pmu.places(watchdog, guest) == ["fixed1", "gp0"])
    }

    @Test("large-increment pairs: each takes two neighbours and one from what other events may use")
    func pairs() {
        var pmu = TestPMU(gp: 6, fixed: 0)
        for _ in 0..<2 { pmu.install(.flexible, .cpu, 0x15, kind: .pair) }
        for _ in 0..<3 { pmu.install(.flexible, .cpu, 0x3f) }
        #expect(pmu.allPlaces() == ["gp0", "gp2", "gp4", "gp5", "inactive"])
        #expect(pmu.violations() == [])
    }

    @Test("each pair takes one from the GP placements that are allowed beside it")
    func pairsLowerGPMax() {
        for (gpmax, places) in [
            (5, ["gp0", "gp2", "gp3", "gp4", "inactive"]), (6, ["gp0", "gp2", "gp3", "gp4", "gp5"]),
        ] {
            var pmu = TestPMU(gp: 6, fixed: 0, gpmax: gpmax)
            pmu.install(.flexible, .cpu, 0x15, kind: .pair)
            for _ in 0..<4 { pmu.install(.flexible, .cpu, 0x3f) }
            #expect(pmu.allPlaces() == places)
        }
    }

    @Test("an overlapping constraint costs a counter that exists: six events of a full Family 15h house do not fit")
    func family15h() {
        var pmu = TestPMU(gp: 6, fixed: 0)
        for mask in [0x7, 0x7, 0x7, 0x38, 0x38] as [UInt64] { pmu.install(.flexible, .cpu, mask) }
        let overlapping = pmu.install(.flexible, .cpu, 0x9, kind: .overlap)
        #expect(pmu.place(overlapping) == "inactive")
        var roomy = TestPMU(gp: 6, fixed: 0, gpmax: 7)
        for mask in [0x7, 0x7, 0x7, 0x38, 0x38] as [UInt64] { roomy.install(.flexible, .cpu, mask) }
        let fits = roomy.install(.flexible, .cpu, 0x9, kind: .overlap)
        #expect(roomy.place(fits) == "gp3")
    }

    @Suite("The hyper-threading erratum of Sandy Bridge to Haswell") struct Erratum {
        static func core() -> TestPMU {
            TestPMU(pcpus: 2, erratum: .workedAround, siblings: [1, 0])
        }

        @Test("an exclusive event bars its counter to the sibling")
        func barsCounter() {
            var pmu = Self.core()
            pmu.install(.pinned, .cpu, 0x1, kind: .exclusive, pcpu: 0)
            let other = pmu.install(.pinned, .cpu, 0x3, pcpu: 1)
            #expect(pmu.place(other) == "gp1")
        }

        @Test("any event of the sibling bars its counter to an exclusive one")
        func barredByShared() {
            var pmu = Self.core()
            pmu.install(.pinned, .cpu, 0x1, pcpu: 0)
            let exclusive = pmu.install(.pinned, .cpu, 0xf, kind: .exclusive, pcpu: 1)
            #expect(pmu.place(exclusive) == "gp1")
            var ordinary = Self.core()
            ordinary.install(.pinned, .cpu, 0x1, pcpu: 0)
            let event4 = ordinary.install(.pinned, .cpu, 0xf, pcpu: 1)
            #expect(ordinary.place(event4) == "gp0")
        }

        @Test("while a core has an exclusive event each thread places half as many GP events")
        func halvesGPMax() {
            var pmu = Self.core()
            for _ in 0..<4 { pmu.install(.flexible, .cpu, 0xf, pcpu: 1) }
            #expect(pmu.allPlaces() == ["gp0", "gp1", "gp2", "gp3"])
            pmu = Self.core()
            pmu.install(.flexible, .cpu, 0xf, kind: .exclusive, pcpu: 0)
            for _ in 0..<4 { pmu.install(.flexible, .cpu, 0xf, pcpu: 1) }
            #expect(pmu.allPlaces() == ["gp0", "gp1", "gp2", "inactive", "inactive"])
        }

        @Test("a processor without the erratum does not look at its sibling")
        func absent() {
            var pmu = TestPMU(pcpus: 2, siblings: [1, 0])
            pmu.install(.pinned, .cpu, 0x1, kind: .exclusive, pcpu: 0)
            let event5 = pmu.install(.pinned, .cpu, 0x3, pcpu: 1)
            #expect(pmu.place(event5) == "gp0")
        }
    }
}
