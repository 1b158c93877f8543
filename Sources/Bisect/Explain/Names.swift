import Host
import PMU
import Timeline

/// What reports call owners, counters and operations.
struct Names {
    let timeline: Timeline

    init(_ timeline: Timeline) { self.timeline = timeline }

    /// `guest:VM/VCPU` or `host:NAME`.
    func owner(_ holder: CounterHolder) -> String {
        switch holder {
        case .host(let index): timeline.owner(hostEvent: index)
        case .guest(let vcpu, _): timeline.owner(vcpu: vcpu)
        }
    }

    /// The virtual counter of a guest.
    func counter(_ holder: CounterHolder) -> String? {
        if case .guest(_, let counter) = holder { return counter.description }
        return nil
    }

    /// Owner, virtual counter and, for hosts, the event.
    func full(_ holder: CounterHolder) -> String {
        switch holder {
        case .host(let index):
            "\(owner(holder)) (\(timeline.model.eventName(of: timeline.demand.actors.hostEvents[index].config)))"
        case .guest(_, let counter): "\(owner(holder)) \(counter)"
        }
    }

    func words(_ operation: DemandOperation) -> String {
        func vcpu(_ number: Int32) -> String { timeline.owner(vcpu: Int(number)) }
        func host(_ number: Int32) -> String { timeline.owner(hostEvent: Int(number)) }
        func hex(_ number: some BinaryInteger) -> String { "0x" + String(number, radix: 16) }
        switch operation.kind {
        case .taskSwitch(.vcpu(let number)): return "\(vcpu(number)) is switched in on cpu \(operation.pcpu)"
        case .taskSwitch(.hostTask(let task)):
            return "host task \(timeline.demand.actors.hostTasks[Int(task)]) is switched in on cpu \(operation.pcpu)"
        case .taskSwitch(.other): return "another task is switched in on cpu \(operation.pcpu)"
        case .guestEnter(let number): return "VM entry of \(vcpu(number)) on cpu \(operation.pcpu)"
        case .guestExit(let number, _): return "VM exit of \(vcpu(number)) on cpu \(operation.pcpu)"
        case .guestWrite(let number, let register, let value, _):
            return "\(vcpu(number)) writes \(hex(value)) to register \(hex(register))"
        case .guestRead(let number, let register, _): return "\(vcpu(number)) reads register \(hex(register))"
        case .guestReadPMC(let number): return "RDPMC of \(vcpu(number))"
        case .hostInstall(let event): return "\(host(event)) is installed"
        case .hostEnable(let event): return "\(host(event)) is enabled"
        case .hostDisable(let event): return "\(host(event)) is disabled"
        case .hostRemove(let event): return "\(host(event)) is removed"
        case .hostPeriod(let event, let period): return "\(host(event)) gets the period \(period)"
        case .hostRead(let event): return "\(host(event)) is read"
        case .rotationTick: return "the multiplexing timer of cpu \(operation.pcpu)"
        case .overflow: return "a counter of cpu \(operation.pcpu) overflows"
        case .emulatedInstruction(let number, _): return "KVM emulates an instruction of \(vcpu(number))"
        case .pcpuOffline: return "cpu \(operation.pcpu) goes offline"
        case .pcpuOnline: return "cpu \(operation.pcpu) comes online"
        case .vmCreate(let vm): return "VM \(timeline.demand.actors.vms[Int(vm)].name) is created"
        case .vmDestroy(let vm): return "VM \(timeline.demand.actors.vms[Int(vm)].name) is destroyed"
        }
    }
}
