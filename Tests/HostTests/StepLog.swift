import Host
import PMU
import Policy

/// The scheduler's steps in words, for tests that state what a rule sets off.
struct StepLog: PMUSink {
    var steps: [String] = []
    var refusals: [Refusal] = []
    var periods: [EventID: UInt64] = [:]
    var counts: [EventID: UInt64] = [:]
    private var names: [EventID: String] = [:]

    mutating func created(event: EventID, spec: EventSpec) {
        let name: String =
            switch spec.owner {
            case .host(let index): "host\(index)"
            case .guest(let vcpu, let counter): "v\(vcpu).\(counter)"
            }
        names[event] = name
        periods[event] = spec.samplePeriod
        steps.append("create \(name) \(String(spec.config, radix: 16))")
    }
    mutating func start(pcpu: Int, event: EventID, counter: Int) {
        steps.append("start \(name(event)) \(Counter(index: UInt8(counter)))")
    }
    mutating func stop(pcpu: Int, event: EventID, counter: Int) {
        steps.append("stop \(name(event)) \(Counter(index: UInt8(counter)))")
    }
    mutating func read(pcpu: Int, event: EventID, counter: Int) {
        steps.append("read \(name(event)) \(Counter(index: UInt8(counter)))")
    }
    mutating func periodChanged(event: EventID, period: UInt64) {
        periods[event] = period
        steps.append("period \(name(event)) \(period)")
    }
    mutating func stateChanged(pcpu: Int?, event: EventID, from: EventState, to: EventState) {
        if to == .error || to == .exited { steps.append("\(to) \(name(event))") }
    }
    mutating func guestLoaded(pcpu: Int, vcpu: Int, counters: UInt64) {
        steps.append("load v\(vcpu) \(String(counters, radix: 16))")
    }
    mutating func guestPut(pcpu: Int, vcpu: Int, counters: UInt64) { steps.append("put v\(vcpu)") }
    mutating func overflowed(pcpu: Int, event: EventID, counter: Int) { steps.append("overflow \(name(event))") }
    mutating func guestEnabledChanged(vcpu: Int, mask: UInt64) {
        steps.append("believes v\(vcpu) \(String(mask, radix: 16))")
    }
    mutating func refused(_ refusal: Refusal) { refusals.append(refusal) }
    func count(of event: EventID) -> UInt64 { counts[event] ?? 0 }

    private func name(_ event: EventID) -> String { names[event] ?? "?" }
}

/// A host of one pCPU and a VM of one vCPU whose thread is current, and the steps since `take()` last.
struct TestHost {
    var machine: HostMachine<StepLog>

    init(
        _ model: ProcessorModel = .skylakeSP, rules: PolicyRules = .emulated, kvm: KVMRules = KVMRules(),
        hostEvents: [Demand.HostEvent] = [], pcpus: Int = 1
    ) {
        let actors = Demand.Actors(
            pcpus: pcpus, vms: [.init(name: "vm")], vcpus: [.init(vm: 0, index: 0, thread: 100)],
            hostEvents: hostEvents)
        machine = HostMachine(model: model, rules: rules, actors: actors, kvm: kvm, sink: StepLog())
    }

    mutating func take() -> [String] {
        defer { machine.scheduler.sink.steps.removeAll() }
        return machine.scheduler.sink.steps
    }

    @discardableResult
    mutating func apply(_ kind: DemandOperation.Kind, pcpu: Int32 = 0) -> GuestAnswer {
        machine.apply(DemandOperation(time: 0, pcpu: pcpu, kind: kind))
    }

    mutating func run() { apply(.taskSwitch(to: .vcpu(0))) }
    mutating func sleep() { apply(.taskSwitch(to: .other)) }
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
}
