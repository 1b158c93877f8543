import Host
import PMU
import Policy
import PolicyFile
import Testing

/// Every preset plays a busy host's demand without breaking a law.
@Suite struct PresetLawTests {
    /// Listens to nothing.
    struct Silence: PMUSink {}

    struct Case: Sendable, CustomTestStringConvertible {
        var policy: String
        var model: String
        var testDescription: String { "\(policy) on \(model)" }
    }

    static let cases = PolicyCatalogue.names.flatMap { policy in
        ["skylake-sp", "sapphire-rapids", "zen2", "zen4", "amd-family-15h", "haswell"].map {
            Case(policy: policy, model: $0)
        }
    }

    @Test("every preset keeps the laws on every kind of PMU, and answers the same twice", arguments: cases)
    func lawful(_ question: Case) throws {
        let rules = try #require(try PolicyCatalogue.rules(named: question.policy))
        let model = try #require(ProcessorModel.named(question.model))
        let checker = Self.play(rules, model, seed: 11)
        #expect(checker.violations == [])
        #expect(Self.play(rules, model, seed: 11).digest == checker.digest)
    }

    static func play(_ rules: PolicyRules, _ model: ProcessorModel, seed: UInt64) -> LawChecker<Silence> {
        var random = Numbers(state: seed)
        let actors = actors(model)
        let checker = LawChecker(
            pcpus: actors.pcpus, gp: model.gp, fixed: model.fixed, rules: rules, base: Silence())
        var machine = HostMachine(model: model, rules: rules, actors: actors, sink: checker)
        for step in 0..<500 {
            machine.scheduler.sink.now = UInt64(step) * 1000
            let pcpu = Int32(random.below(2))
            machine.apply(
                DemandOperation(
                    time: UInt64(step) * 1000, pcpu: pcpu, kind: operation(step, model, actors, &random)))
        }
        machine.scheduler.sink.finish()
        return machine.scheduler.sink
    }

    static func actors(_ model: ProcessorModel) -> Demand.Actors {
        let cycles = (model.generic[.cycles] ?? 0) | EventSelect.user | EventSelect.os
        func event(_ priority: EventSpec.Priority, _ scope: Demand.HostEvent.Scope, _ leader: Int? = nil)
            -> Demand.HostEvent
        {
            Demand.HostEvent(name: "e", config: cycles, priority: priority, scope: scope, leader: leader)
        }
        return Demand.Actors(
            pcpus: 2, vms: [.init(name: "a"), .init(name: "b")],
            vcpus: [
                .init(vm: 0, index: 0, thread: 1), .init(vm: 0, index: 1, thread: 2),
                .init(vm: 1, index: 0, thread: 3),
            ],
            hostEvents: [
                event(.pinned, .pcpu(0)), event(.pinned, .pcpu(1)), event(.flexible, .pcpu(0)),
                event(.flexible, .pcpu(0), 2), event(.flexible, .task(0)), event(.flexible, .vcpu(0)),
                event(.pinned, .vcpu(1)),
            ],
            hostTasks: [50], siblings: [1, 0])
    }

    static func operation(
        _ step: Int, _ model: ProcessorModel, _ actors: Demand.Actors, _ random: inout Numbers
    ) -> DemandOperation.Kind {
        let vcpu = Int32(random.below(3))
        let leaders: [Int32] = [0, 1, 2, 4, 5, 6]
        let event = leaders[random.below(leaders.count)]
        switch random.below(14) {
        case 0: return .taskSwitch(to: .vcpu(vcpu))
        case 1: return .taskSwitch(to: random.below(2) == 0 ? .other : .hostTask(0))
        case 2, 3: return .guestEnter(vcpu: vcpu)
        case 4: return .guestExit(vcpu: vcpu, reentersFast: random.below(4) == 0)
        case 5, 6, 7: return control(vcpu, model, &random)
        case 8: return .hostInstall(event: event)
        case 9: return random.below(2) == 0 ? .hostRemove(event: event) : .hostEnable(event: event)
        case 10: return .rotationTick
        case 11: return .overflow(owner: .guest(vcpu: Int(vcpu), counter: .gp(random.below(4))))
        case 12: return .emulatedInstruction(vcpu: vcpu, branch: true)
        default: return .guestReadPMC(vcpu: vcpu)
        }
    }

    /// A guest's write to one of its control registers.
    static func control(
        _ vcpu: Int32, _ model: ProcessorModel, _ random: inout Numbers
    ) -> DemandOperation.Kind {
        let enable = EventSelect.enable | EventSelect.os | EventSelect.user
        let codes: [UInt64] = [0xc0, 0x3c, 0xc4, 0x01c0, 0x03, 0x11d0, 0x2e]
        let config = codes[random.below(codes.count)] | (random.below(4) == 0 ? 0 : enable)
        let register: UInt32
        var value = config
        if model.flavour != .intel {
            register = MSR.amdControl + 2 * UInt32(random.below(6))
        } else {
            switch random.below(5) {
            case 0: (register, value) = (MSR.fixedControl, [0, 0xb, 0xbb, 0xb0][random.below(4)])
            case 1: (register, value) = (MSR.globalControl, [0, 0x7_0000_000f][random.below(2)])
            default: register = MSR.intelEventSelect + UInt32(random.below(4))
            }
        }
        return .guestWrite(vcpu: vcpu, register: register, value: value, faulted: false)
    }

    /// The same numbers every time.
    struct Numbers {
        var state: UInt64
        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }
}
