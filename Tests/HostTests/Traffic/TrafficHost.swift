import PMU
import Policy

@testable import Host

/// Accesses in words: `w 38f=0`, `r 38e=1`, `p 0=ff`, `nmi w ...`. Counters hold what a test puts there.
struct AccessLog: TrafficOutput {
    var lines: [String] = []
    var values = [UInt64](repeating: 0, count: 64)
    private var isNMI = false

    mutating func access(_ access: RegisterAccess, pcpu: Int) {
        let letter =
            switch access.instruction {
            case .wrmsr: "w"
            case .rdmsr: "r"
            case .rdpmc: "p"
            }
        let text = "\(letter) \(String(access.address, radix: 16))=\(String(access.value, radix: 16))"
        lines.append(isNMI ? "nmi " + text : text)
    }
    mutating func value(pcpu: Int, counter: Counter) -> UInt64 { values[Int(counter.index)] }
    mutating func written(pcpu: Int, counter: Counter, value: UInt64) { values[Int(counter.index)] = value }
    mutating func context(pcpu: Int, _ context: InterruptContext) { isNMI = context == .nmi }
}

/// A host of one pCPU with one vCPU whose register traffic is looked at.
struct TrafficHost {
    var machine: HostMachine<TrafficDriver<AccessLog>>

    init(
        _ model: ProcessorModel = .skylakeSP, rules: PolicyRules = .emulated, kvm: KVMRules = KVMRules(),
        habits: TrafficHabits = TrafficHabits(), hostEvents: [Demand.HostEvent] = []
    ) {
        let actors = Demand.Actors(
            pcpus: 1, vms: [.init(name: "vm")], vcpus: [.init(vm: 0, index: 0, thread: 100)], hostEvents: hostEvents)
        machine = HostMachine(
            model: model, rules: rules, actors: actors, kvm: kvm,
            sink: TrafficDriver(pcpus: 1, model: model, habits: habits, output: AccessLog()))
    }

    @discardableResult
    mutating func apply(_ kind: DemandOperation.Kind) -> GuestAnswer {
        machine.apply(DemandOperation(time: 0, pcpu: 0, kind: kind))
    }

    mutating func run() { apply(.taskSwitch(to: .vcpu(0))) }
    mutating func enter() { apply(.guestEnter(vcpu: 0)) }
    mutating func exit() { apply(.guestExit(vcpu: 0, reentersFast: false)) }

    @discardableResult
    mutating func write(_ register: UInt32, _ value: UInt64) -> GuestAnswer {
        apply(.guestWrite(vcpu: 0, register: register, value: value, faulted: false))
    }

    @discardableResult
    mutating func read(_ register: UInt32) -> GuestAnswer {
        apply(.guestRead(vcpu: 0, register: register, faulted: false))
    }

    /// The accesses since the last call.
    mutating func take() -> [String] {
        defer { machine.scheduler.sink.output.lines.removeAll() }
        return machine.scheduler.sink.output.lines
    }

    /// The hardware counts: the counter holds this value now.
    mutating func set(_ counter: Counter, _ value: UInt64) {
        machine.scheduler.sink.output.values[Int(counter.index)] = value
    }
}

extension Demand.HostEvent {
    /// A host event on pCPU 0, user and kernel mode.
    static func pinned(
        _ config: UInt64, name: String = "agent", exclusion: EventSpec.Exclusion = .none, period: UInt64 = 0
    ) -> Demand.HostEvent {
        Demand.HostEvent(
            name: name, config: config | 0x30000, priority: .pinned, exclusion: exclusion, scope: .pcpu(0),
            samplePeriod: period)
    }
    static func flexible(
        _ config: UInt64, name: String = "agent", exclusion: EventSpec.Exclusion = .none
    ) -> Demand.HostEvent {
        Demand.HostEvent(
            name: name, config: config | 0x30000, priority: .flexible, exclusion: exclusion, scope: .pcpu(0))
    }
}
