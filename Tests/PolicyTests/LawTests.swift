import PMU
import Policy
import Testing

/// The laws hold while our policies run, and the checker sees those that break them.
@Suite struct LawTests {
    static func spec(_ mask: UInt64, _ priority: EventSpec.Priority = .pinned) -> EventSpec {
        EventSpec(config: 0xc4, constraint: Constraint(mask: mask), priority: priority, scope: .pcpu(0))
    }

    static func checker(_ rules: PolicyRules = .emulated) -> LawChecker<StepRecorder> {
        LawChecker(pcpus: 1, gp: 4, fixed: 3, rules: rules, base: StepRecorder())
    }

    struct Crime: Sendable, CustomTestStringConvertible {
        var law: Law
        var commit: @Sendable (inout LawChecker<StepRecorder>) -> Void
        var testDescription: String { law.rawValue }
    }

    static let crimes: [Crime] = [
        Crime(law: .oneHolder) {
            $0.sectionBegin(pcpu: 0)
            $0.stateChanged(pcpu: 0, event: 0, from: .inactive, to: .active)
            $0.start(pcpu: 0, event: 0, counter: 1)
            $0.stateChanged(pcpu: 0, event: 1, from: .inactive, to: .active)
            $0.start(pcpu: 0, event: 1, counter: 1)
            $0.sectionEnd(pcpu: 0)
        },
        Crime(law: .oneHolder) {
            $0.sectionBegin(pcpu: 0)
            $0.stop(pcpu: 0, event: 0, counter: 1)
            $0.sectionEnd(pcpu: 0)
        },
        Crime(law: .constraint) {
            $0.sectionBegin(pcpu: 0)
            $0.stateChanged(pcpu: 0, event: 1, from: .inactive, to: .active)
            $0.start(pcpu: 0, event: 1, counter: 0)
            $0.sectionEnd(pcpu: 0)
        },
        Crime(law: .activeHolds) {
            $0.sectionBegin(pcpu: 0)
            $0.stateChanged(pcpu: 0, event: 0, from: .inactive, to: .active)
            $0.sectionEnd(pcpu: 0)
        },
        Crime(law: .activeHolds) {
            $0.sectionBegin(pcpu: 0)
            $0.start(pcpu: 0, event: 0, counter: 0)
            $0.sectionEnd(pcpu: 0)
        },
        Crime(law: .insideSection) {
            $0.stateChanged(pcpu: 0, event: 0, from: .inactive, to: .active)
            $0.start(pcpu: 0, event: 0, counter: 0)
        },
        Crime(law: .stickyError) {
            $0.stateChanged(pcpu: 0, event: 0, from: .inactive, to: .error)
            $0.stateChanged(pcpu: 0, event: 0, from: .error, to: .inactive)
        },
        Crime(law: .onlyPinnedFail) { $0.stateChanged(pcpu: 0, event: 2, from: .inactive, to: .error) },
        Crime(law: .wholeGroup) {
            $0.sectionBegin(pcpu: 0)
            $0.stateChanged(pcpu: 0, event: 3, from: .off, to: .inactive)
            $0.stateChanged(pcpu: 0, event: 2, from: .inactive, to: .active)
            $0.start(pcpu: 0, event: 2, counter: 0)
            $0.sectionEnd(pcpu: 0)
        },
        Crime(law: .guestAlone) {
            $0.guestLoaded(pcpu: 0, vcpu: 0, counters: 0xf)
            $0.sectionBegin(pcpu: 0)
            $0.stateChanged(pcpu: 0, event: 0, from: .inactive, to: .active)
            $0.start(pcpu: 0, event: 0, counter: 0)
            $0.sectionEnd(pcpu: 0)
        },
        Crime(law: .exists) { $0.start(pcpu: 0, event: 99, counter: 0) },
        Crime(law: .exists) { $0.start(pcpu: 0, event: 0, counter: 17) },
        Crime(law: .exists) { $0.sectionBegin(pcpu: 7) },
    ]

    @Test("a policy that breaks a law is named with the law", arguments: crimes)
    func named(_ crime: Crime) {
        var checker = Self.checker()
        checker.created(event: 0, spec: Self.spec(0xf))
        checker.created(event: 1, spec: Self.spec(0x2))
        checker.created(event: 2, spec: Self.spec(0xf, .flexible))
        checker.created(event: 3, spec: Self.spec(0xf, .flexible))
        checker.grouped(event: 3, leader: 2)
        crime.commit(&checker)
        checker.finish()
        #expect(checker.violations.map(\.law).first == crime.law)
        #expect(checker.violationCount > 0)
    }

    @Test("a counter reserved for the other side, and another counter than the exact one, are against the law")
    func places() {
        var rules = PolicyRules.emulated
        rules.reservations = [Reservation(host: CounterShare([.gp(0...1)]), guests: CounterShare([.gp(2...3)]))]
        rules.guest.choice = .exact
        var checker = Self.checker(rules)
        checker.created(event: 0, spec: Self.spec(0xf))
        var guest = Self.spec(0xf)
        guest.owner = .guest(vcpu: 0, counter: .gp(2))
        checker.created(event: 1, spec: guest)
        checker.sectionBegin(pcpu: 0)
        checker.start(pcpu: 0, event: 0, counter: 2)
        checker.start(pcpu: 0, event: 1, counter: 3)
        #expect(checker.violations.map(\.law) == [.reservation, .exactCounter])
    }

    @Test("time that a counter was held without being ACTIVE does not add up")
    func time() {
        var checker = Self.checker()
        checker.created(event: 0, spec: Self.spec(0xf))
        checker.sectionBegin(pcpu: 0)
        checker.start(pcpu: 0, event: 0, counter: 0)
        checker.now = 10
        let isLawful = checker.finish()
        #expect(!isLawful)
        #expect(checker.violations.last?.law == .timeConserved)
    }

    static let policies: [PolicyRules] = {
        func rules(_ name: String, _ change: (inout PolicyRules) -> Void) -> PolicyRules {
            var rules = PolicyRules(name: name, guests: .emulated)
            change(&rules)
            return rules
        }
        return [
            .emulated, rules("ultimate") { $0.guest.priority = .ultimate },
            rules("ultimate, retrying") {
                $0.guest.priority = .ultimate
                $0.pinnedMisfit = .retryAtSchedIn
            },
            rules("exact") {
                $0.guest.priority = .ultimate
                $0.guest.choice = .exact
            },
            rules("fair") {
                $0.guest.priority = .flexible
                $0.flexibleOrder = .takesTurns
            },
            rules("first come") { $0.arbitration = .firstCome }, rules("try later") { $0.misfit = .tryLater },
            rules("refill") { $0.freed = .refillsAtOnce }, rules("spare") { $0.taskPinned = .spares },
            rules("split") {
                $0.reservations = [
                    Reservation(
                        host: CounterShare([.lowerHalfOfGP, .fixed(1...1)]),
                        guests: CounterShare([.upperHalfOfGP, .fixed(0...0), .fixed(2...2)]))
                ]
            },
        ]
    }()

    @Test(
        "fifteen hundred random operations keep every law, and the same ones give the same steps", arguments: policies)
    func random(_ rules: PolicyRules) {
        let first = Self.play(rules, seed: 7)
        #expect(first.violations == [])
        #expect(Self.play(rules, seed: 7).digest == first.digest)
        #expect(Self.play(rules, seed: 8).digest != first.digest)
    }

    /// Random operations of two guests and three host users on two pCPUs.
    static func play(_ rules: PolicyRules, seed: UInt64) -> LawChecker<StepRecorder> {
        var random = SeededGenerator(seed: seed)
        var pmu = TestPMU(pcpus: 2, rules: rules)
        let tasks = [pmu.addTask(), pmu.addTask(), pmu.addTask()]
        let masks: [UInt64] = [TestPMU.anyGP, TestPMU.cycles, TestPMU.instructions, TestPMU.gp1, 0x4_0000_0000]
        var live: [EventID] = []
        var current: [TaskID?] = [nil, nil]
        for operation in 0..<1500 {
            pmu.scheduler.sink.now = UInt64(operation) * 1000
            let pcpu = Int.random(in: 0..<2, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0 where live.count < 16:
                let task = tasks.randomElement(using: &random)!
                let isGuest = task < 2
                let mask = masks.randomElement(using: &random)!
                let owner: EventOwner =
                    isGuest ? .guest(vcpu: task, counter: .gp(Int.random(in: 0..<4, using: &random))) : .host(0)
                let isCPU = !isGuest && Bool.random(using: &random)
                let isPinned = isGuest || Bool.random(using: &random)
                if isGuest || Bool.random(using: &random) {
                    live.append(
                        pmu.install(
                            isPinned ? .pinned : .flexible, isCPU ? .cpu : .task(task), mask, pcpu: pcpu, owner: owner))
                } else {
                    live.append(
                        pmu.install(
                            isPinned ? .pinned : .flexible, isCPU ? .cpu : .task(task), mask, TestPMU.anyGP, pcpu: pcpu,
                            owner: owner))
                }
            case 1 where !live.isEmpty:
                pmu.scheduler.remove(live.remove(at: Int.random(in: 0..<live.count, using: &random)))
            case 2, 3: if let event = live.randomElement(using: &random) { pmu.scheduler.disable(event) }
            case 4, 5: if let event = live.randomElement(using: &random) { pmu.scheduler.enable(event) }
            case 6, 7, 8:
                let next = Bool.random(using: &random) ? tasks.randomElement(using: &random) : nil
                if let next, current[1 - pcpu] == next {
                    pmu.run(nil, pcpu: 1 - pcpu)
                    current[1 - pcpu] = nil
                }
                pmu.run(next, pcpu: pcpu)
                current[pcpu] = next
            case 9: if let event = live.randomElement(using: &random) { pmu.scheduler.setPeriod(event, 1000) }
            case 10: if let event = live.randomElement(using: &random) { pmu.scheduler.read(event) }
            default: pmu.scheduler.rotate(pcpu: pcpu)
            }
        }
        pmu.scheduler.sink.finish()
        return pmu.scheduler.sink
    }
}
