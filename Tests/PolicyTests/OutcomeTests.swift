import PMU
import Policy
import Testing

/// Outcomes that the kernel's own scheduling code gave, step by step.
@Suite struct OutcomeTests {
    /// What an operation leaves behind, in the order of the events' ids.
    struct Step: Sendable {
        var operation: @Sendable (inout TestPMU) -> Void
        var places: String
        init(_ places: String, _ operation: @escaping @Sendable (inout TestPMU) -> Void) {
            (self.operation, self.places) = (operation, places)
        }
    }

    /// A watchdog (0), two cycles, three any-GP and one instructions event of a guest (1 to 6) and a host event that
    /// comes and goes (7), on 4 GP and 3 fixed counters.
    static let masks: [UInt64] = [
        TestPMU.cycles, TestPMU.cycles, TestPMU.cycles, TestPMU.anyGP, TestPMU.anyGP, TestPMU.anyGP,
        TestPMU.instructions, TestPMU.anyGP,
    ]

    static func install(_ event: Int) -> @Sendable (inout TestPMU) -> Void {
        { pmu in
            let isHost = event == 0 || event == 7
            pmu.install(.pinned, isHost ? .cpu : .task(0), masks[event])
        }
    }

    static let running: [Step] = [
        Step("fixed1", install(0)), Step("fixed1", { $0.run(0) }), Step("fixed1 gp0", install(1)),
        Step("fixed1 gp0 gp1", install(2)), Step("fixed1 gp1 gp2 gp0", install(3)),
        Step("fixed1 gp2 gp3 gp0 gp1", install(4)), Step("fixed1 gp2 gp3 gp0 gp1 error", install(5)),
        Step("fixed1 gp2 gp3 gp0 gp1 error fixed0", install(6)),
        Step("fixed1 gp2 gp3 gp1 error error error gp0", install(7)),
        Step("fixed1 gp2 gp3 gp1 error error error exited", { $0.scheduler.remove(7) }),
        Step("fixed1 gp2 gp3 off error error error exited", { $0.scheduler.disable(3) }),
        Step("fixed1 gp2 gp3 gp1 error error error exited", { $0.scheduler.enable(3) }),
        Step("fixed1 gp2 gp3 gp0 gp1 error error exited", { $0.scheduler.enable(4) }),
        Step("fixed1 gp2 gp3 gp0 gp1 error fixed0 exited", { $0.scheduler.enable(6) }),
    ]

    @Test("one short-lived pinned host event leaves two guest counters dead, one on an uncontended fixed counter")
    func cascade() {
        var pmu = TestPMU()
        _ = pmu.addTask()
        for (number, step) in Self.running.enumerated() {
            step.operation(&pmu)
            #expect(pmu.allPlaces().joined(separator: " ") == step.places, "step \(number)")
        }
        #expect(pmu.violations() == [])
    }

    @Test("made while the vCPU is off, the guest's events fail at sched-in: one does not fit, the next is never tried")
    func cascadeAtSchedIn() {
        var pmu = TestPMU()
        let task = pmu.addTask()
        for event in 0..<7 { Self.install(event)(&pmu) }
        #expect(pmu.allPlaces().dropFirst().allSatisfy { $0 == "inactive" })
        let after = "fixed1 gp2 gp3 gp0 gp1 error error"
        pmu.run(task)
        #expect(pmu.allPlaces().joined(separator: " ") == after)
        pmu.run(nil)
        #expect(
            pmu.allPlaces().joined(separator: " ") == "fixed1 inactive inactive inactive inactive error error")
        pmu.run(task)
        #expect(pmu.allPlaces().joined(separator: " ") == after)
    }

    @Test("what people propose: retrying at sched-in, or trying later groups, brings back what the cascade killed")
    func proposals() {
        for (name, change, places) in [
            (
                "retry", { $0.pinnedMisfit = .retryAtSchedIn },
                "fixed1 gp2 gp3 gp0 gp1 error error exited"
            ),
            ("try later", { $0.misfit = .tryLater }, "fixed1 gp2 gp3 gp1 error error fixed0 exited"),
        ] as [(String, (inout PolicyRules) -> Void, String)] {
            var rules = PolicyRules.emulated
            change(&rules)
            var pmu = TestPMU(rules: rules)
            let task = pmu.addTask()
            pmu.run(task)
            for event in 0..<8 { Self.install(event)(&pmu) }
            pmu.scheduler.remove(7)
            pmu.run(nil)
            pmu.run(task)
            #expect(pmu.allPlaces().joined(separator: " ") == places, "\(name)")
            #expect(pmu.violations() == [])
        }
    }

    @Test("refilling at once gives a freed counter to the flexible event that waits for it")
    func refill() {
        var rules = PolicyRules.emulated
        rules.freed = .refillsAtOnce
        var pmu = TestPMU(rules: rules)
        let first = pmu.install(.flexible, .cpu, TestPMU.gp1)
        let second = pmu.install(.flexible, .cpu, TestPMU.gp1)
        pmu.scheduler.remove(first)
        #expect(pmu.place(second) == "gp1")
        #expect(pmu.violations() == [])
    }

    @Test("a mediated guest has the PMU to itself; afterwards the host's events return in the usual order")
    func mediated() {
        var pmu = TestPMU(rules: .mediated)
        let task = pmu.addTask()
        let flexible = pmu.install(.flexible, .cpu, TestPMU.gp1)
        let waiting = pmu.install(.flexible, .cpu, TestPMU.gp1)
        let pinned = pmu.install(.pinned, .cpu, TestPMU.cycles)
        pmu.run(task)
        pmu.scheduler.loadGuest(pcpu: 0, vcpu: 3, counters: 0x1)
        #expect(pmu.places(flexible, waiting, pinned) == ["inactive", "inactive", "inactive"])
        let late = pmu.install(.pinned, .cpu, TestPMU.anyGP)
        #expect(pmu.place(late) == "inactive")
        #expect(pmu.scheduler.loadedGuest(pcpu: 0) == 3)
        pmu.scheduler.putGuest(pcpu: 0)
        #expect(pmu.places(flexible, waiting, pinned, late) == ["gp1", "inactive", "fixed1", "gp0"])
        #expect(pmu.scheduler.loadedGuest(pcpu: 0) == nil)
        #expect(pmu.violations() == [])
    }
}
