import Host
import PMU
import Policy

/// Makes up scenarios from a seed: small hosts with watchdog, monitoring agents and guests that count, sample, stop,
/// reprogram and read, migrate and leave guest mode, for tests that want many different ones. Every other one has
/// groups, sampling agents, events of tasks and of vCPU threads, or event filters as well.
///
/// The same seed gives the same scenario.
public struct ScenarioGenerator {
    private var random: SeededRandom
    private let seed: UInt64
    private var model = ProcessorModel.skylakeSP
    private var duration: UInt64 = 0

    /// Processors that scenarios are made for.
    public static let models: [ProcessorModel] = [.skylakeSP, .iceLakeSP, .zen2, .zen3, .zen4]
    /// More of them, for scenarios with more in them.
    private static let richModels: [ProcessorModel] =
        models + [.cascadeLake, .sapphireRapids, .zen1, .zen5]

    private init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed, purpose: "scenario")
    }

    public static func scenario(seed: UInt64) -> Scenario {
        var generator = ScenarioGenerator(seed: seed)
        return generator.make()
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int(random.below(UInt64(elements.count)))]
    }

    private mutating func chance(_ percent: UInt64) -> Bool { random.below(100) < percent }

    private mutating func make() -> Scenario {
        let isRich = seed % 2 == 0
        model = pick(isRich ? ScenarioGenerator.richModels : ScenarioGenerator.models)
        duration = 10_000_000 * (2 + random.below(4))
        let cores = 1 + Int(random.below(2))
        let topology = Scenario.Topology(sockets: 1, coresPerSocket: cores, threadsPerCore: 1 + Int(random.below(2)))
        var scenario = Scenario(
            name: "random-\(seed)", model: model, topology: topology, kernel: pick(["6.12.29", "6.12.29", "5.17.3"]),
            duration: duration, seed: seed, muxInterval: pick([1_000_000, 4_000_000]), timeslice: 3_000_000,
            watchdog: chance(60)
                ? Scenario.Watchdog(period: pick([25_000_000_000, 40_000_000]), from: .at(0)) : nil,
            hostRates: rates(), tasks: [], events: [], vms: [])
        let guestRates = rates()
        for vm in 0..<(1 + Int(random.below(2))) {
            scenario.vms.append(self.vm(vm, pcpus: topology.pcpus, rates: guestRates))
        }
        for index in 0..<Int(random.below(5)) { scenario.events.append(event(index, pcpus: topology.pcpus)) }
        if isRich { enrich(&scenario) }
        return scenario
    }

    // MARK: - What makes it rich

    private mutating func enrich(_ scenario: inout Scenario) {
        let pcpus = scenario.topology.pcpus
        if chance(50) {
            scenario.tasks.append(task(pcpus: pcpus))
            scenario.events.append(follower("task-agent", .task(0)))
        }
        if chance(40) {
            let vm = Int(random.below(UInt64(scenario.vms.count)))
            let vcpu = Int(random.below(UInt64(scenario.vms[vm].vcpus.count)))
            scenario.events.append(follower("thread-agent", .vcpu(vm: vm, vcpu: vcpu)))
        }
        if chance(50) {
            var leader = event(scenario.events.count, pcpus: pcpus)
            leader.name = "group"
            scenario.events.append(leader)
            for member in 0..<(1 + Int(random.below(2))) {
                var sibling = leader
                sibling.name = "group-\(member)"
                sibling.config = pick(configs) | EventSelect.user | EventSelect.os
                sibling.group = leader.name
                sibling.readEvery = nil
                scenario.events.append(sibling)
            }
        }
        if chance(40) {
            var sampler = event(scenario.events.count, pcpus: pcpus)
            sampler.name = "sampler"
            sampler.samplePeriod = 1_000_000 + random.below(9_000_000)
            scenario.events.append(sampler)
        }
        if chance(20) {
            scenario.vms[0].filter = FilterPlan(
                action: chance(50) ? .allow : .deny, events: [pick(configs) & 0xffff, pick(configs) & 0xffff],
                fixedCounters: UInt32(random.below(8)))
        }
    }

    private mutating func task(pcpus: Int) -> ThreadPlan {
        ThreadPlan(
            name: "worker", tid: 900, placements: [.init(from: 0, pcpu: Int(random.below(UInt64(pcpus))))],
            run: 1_000_000 + random.below(4_000_000), sleep: 500_000 + random.below(3_000_000),
            start: random.below(2_000_000), jitterPercent: pick([0, 20]))
    }

    /// An event that goes where its thread goes.
    private mutating func follower(_ name: String, _ scope: HostEventPlan.Scope) -> HostEventPlan {
        var plan = event(0, pcpus: 1)
        plan.name = name
        plan.scope = scope
        return plan
    }

    // MARK: - What happens

    /// Generic events this model has, by config.
    private var configs: [UInt64] {
        let wanted: [GenericEvent] = [.cycles, .instructions, .branches, .branchMisses, .cacheMisses, .cacheReferences]
        return wanted.compactMap { model.generic[$0] }
    }

    private mutating func rates() -> RatePhases {
        var phases: [RatePhases.Phase] = []
        let changes = chance(50) ? 0 : 1 + random.below(2)
        for number in 0...changes {
            var phase = RatePhases.Phase(from: number * duration / (changes + 1), rates: [:])
            for (order, config) in configs.enumerated() {
                let scale: UInt64 = [3_000_000_000, 2_500_000_000, 500_000_000, 10_000_000, 5_000_000, 60_000_000][
                    order]
                phase.rates[RatePhases.key(of: config)] = scale / 2 + random.below(scale)
            }
            phases.append(phase)
        }
        return RatePhases(phases: phases)
    }

    private mutating func event(_ index: Int, pcpus: Int) -> HostEventPlan {
        let from = chance(50) ? 0 : random.below(duration / 2)
        return HostEventPlan(
            name: "agent-\(index)", config: pick(configs) | EventSelect.user | EventSelect.os,
            priority: chance(50) ? .pinned : .flexible, exclusion: chance(25) ? .guest : .none,
            scope: .pcpus(chance(70) ? Array(0..<pcpus) : [Int(random.below(UInt64(pcpus)))]),
            samplePeriod: 0, group: nil, from: .at(from),
            to: chance(40) ? from + 1_000_000 + random.below(duration / 2) : nil, disabled: [],
            readEvery: chance(50) ? 5_000_000 : nil)
    }

    private mutating func vm(_ index: Int, pcpus: Int, rates: RatePhases) -> VMPlan {
        let process = Int32(3_000 + 1_000 * index)
        var plan = VMPlan(name: "vm\(index)", from: 0, to: nil, process: process, vcpus: [], filter: nil)
        for vcpu in 0..<(1 + Int(random.below(2))) {
            var placements = [ThreadPlan.Placement(from: 0, pcpu: Int(random.below(UInt64(pcpus))))]
            if pcpus > 1, chance(40) {
                placements.append(.init(from: duration / 3, pcpu: Int(random.below(UInt64(pcpus)))))
            }
            let sleeps = chance(60)
            plan.vcpus.append(
                VCPUPlan(
                    thread: ThreadPlan(
                        name: "CPU \(vcpu)/KVM", tid: process + 3 + Int32(vcpu), placements: placements,
                        run: sleeps ? 2_000_000 + random.below(8_000_000) : nil,
                        sleep: sleeps ? 100_000 + random.below(3_000_000) : 0, start: random.below(1_000_000),
                        jitterPercent: pick([0, 20])),
                    rates: rates,
                    modes: chance(80)
                        ? .init(guest: 200_000 + random.below(800_000), host: 3_000 + random.below(20_000)) : nil,
                    program: program()))
        }
        return plan
    }

    // MARK: - What guests do

    private mutating func program() -> GuestProgram {
        let from = 500_000 + random.below(duration / 8)
        switch random.below(10) {
        case 0...1:
            let events = (0..<(1 + Int(random.below(4)))).map { _ in pick(configs) | EventSelect.user | EventSelect.os }
            return GuestProgram(
                kind: .perfStat(
                    .init(
                        events: events, from: from, to: duration - duration / 8, rotateEvery: 4_000_000,
                        readEvery: 7_000_000)))
        case 2...3:
            let events = [
                GuestProgram.PerfRecord.Sampled(
                    config: configs[0] | EventSelect.user | EventSelect.os, period: 2_000_000 + random.below(4_000_000))
            ]
            return GuestProgram(kind: .perfRecord(.init(events: events, from: from, to: duration - duration / 8)))
        default: return GuestProgram(kind: .openLoop(openLoop(from: from)))
        }
    }

    private mutating func openLoop(from: UInt64) -> [GuestProgram.Step] {
        let registers = GuestRegisterMap(shape: GuestPMUShape(host: model))
        let wanted = (0..<(1 + Int(random.below(4)))).map { _ in pick(configs) | EventSelect.user | EventSelect.os }
        let placed = zip(wanted, registers.place(wanted, model: model)).compactMap { config, counter in
            counter.map { (config: config, counter: $0) }
        }
        var fixed: UInt64 = 0
        var actions: [GuestDriver.Action] = registers.stopAll()
        for (config, counter) in placed {
            actions += registers.start(counter, config: config, period: registers.longestPeriod, fixed: &fixed)
        }
        actions += registers.startAll()
        var steps: [GuestProgram.Step] = [.at(from)] + actions.map(ScenarioGenerator.step)
        for _ in 0..<(2 + Int(random.below(6))) {
            steps.append(.wait(500_000 + random.below(6_000_000)))
            let (config, counter) = pick(placed)
            switch random.below(4) {
            case 0:
                steps += (registers.stopAll() + registers.startAll()).map(ScenarioGenerator.step)
            case 1:
                steps += registers.stop(counter, config: config, fixed: &fixed).map(ScenarioGenerator.step)
                steps.append(.wait(300_000 + random.below(2_000_000)))
                steps += registers.start(counter, config: config, period: registers.longestPeriod, fixed: &fixed)
                    .map(ScenarioGenerator.step)
            case 2: steps.append(.readPMC(counter))
            default: steps.append(.read(register: registers.counter(counter)))
            }
        }
        if chance(60) {
            steps.append(.wait(1_000_000))
            for (config, counter) in placed {
                steps += registers.stop(counter, config: config, fixed: &fixed).map(ScenarioGenerator.step)
            }
        }
        return steps
    }

    private static func step(_ action: GuestDriver.Action) -> GuestProgram.Step {
        switch action {
        case .write(let register, let value): .write(register: register, value: value)
        case .read(let register): .read(register: register)
        case .readPMC(let counter): .readPMC(counter)
        case .emulated(let isBranch): .emulated(isBranch: isBranch)
        }
    }
}
