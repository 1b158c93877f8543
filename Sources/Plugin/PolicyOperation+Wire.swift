import CPolicy
import Glibc
import PMU
import Policy

extension PluginPolicy {
    /// An operation as the child hears it.
    static func request(_ operation: PolicyOperation) -> vpmu_wire_request {
        var request = vpmu_wire_request()
        func set(_ kind: vpmu_wire_operation, _ a: Int, b: Int = 0) {
            request.operation = kind.rawValue
            request.a = UInt32(a)
            request.b = Int32(b)
        }
        switch operation {
        case .addTask(let task): set(VPMU_WIRE_ADD_TASK, task)
        case .create(let event, let spec, let leader):
            set(VPMU_WIRE_CREATE_EVENT, event)
            request.spec = self.spec(spec, leader: leader)
        case .install(let event): set(VPMU_WIRE_INSTALL, event)
        case .enable(let event): set(VPMU_WIRE_ENABLE, event)
        case .disable(let event): set(VPMU_WIRE_DISABLE, event)
        case .remove(let event): set(VPMU_WIRE_REMOVE, event)
        case .setPeriod(let event, let period):
            set(VPMU_WIRE_SET_PERIOD, event)
            request.c = period
        case .read(let event): set(VPMU_WIRE_READ, event)
        case .switchTask(let pcpu, let task): set(VPMU_WIRE_SWITCH_TASK, pcpu, b: task ?? -1)
        case .rotate(let pcpu): set(VPMU_WIRE_ROTATE, pcpu)
        case .loadGuest(let pcpu, let vcpu): set(VPMU_WIRE_LOAD_GUEST, pcpu, b: vcpu)
        case .putGuest(let pcpu): set(VPMU_WIRE_PUT_GUEST, pcpu)
        case .overflow(let pcpu, let event): set(VPMU_WIRE_OVERFLOW, pcpu, b: event)
        case .enterGuest(let pcpu, let vcpu): set(VPMU_WIRE_ENTER_GUEST, pcpu, b: vcpu)
        case .exitGuest(let pcpu, let vcpu): set(VPMU_WIRE_EXIT_GUEST, pcpu, b: vcpu)
        case .createVM(let vm): set(VPMU_WIRE_CREATE_VM, vm)
        case .destroyVM(let vm): set(VPMU_WIRE_DESTROY_VM, vm)
        case .offline(let pcpu): set(VPMU_WIRE_PCPU_OFFLINE, pcpu)
        }
        return request
    }

    private static func spec(_ spec: EventSpec, leader: EventID) -> vpmu_event_spec {
        var wire = vpmu_event_spec()
        wire.size = UInt32(MemoryLayout<vpmu_event_spec>.size)
        wire.leader = UInt32(leader)
        wire.config = spec.config
        wire.mask = spec.constraint.mask
        wire.weight = UInt32(spec.constraint.weight)
        wire.kind = UInt32(spec.constraint.kind.rawValue)
        wire.priority = UInt32(spec.priority.rawValue)
        wire.exclusion = UInt32(spec.exclusion.rawValue)
        wire.period = spec.samplePeriod
        switch spec.scope {
        case .pcpu(let pcpu): (wire.pcpu, wire.task) = (Int32(pcpu), -1)
        case .task(let task): (wire.pcpu, wire.task) = (-1, Int32(task))
        }
        switch spec.owner {
        case .host: wire.vcpu = -1
        case .guest(let vcpu, let counter):
            wire.vcpu = Int32(vcpu)
            wire.virtual_counter = UInt32(counter.index)
        }
        return wire
    }
}

extension Refusal.Reason {
    /// What an errno of the policy means; nil for 0. Any that the interface does not name is taken for EINVAL.
    init?(errno: UInt32) {
        switch errno {
        case 0: return nil
        case UInt32(EBUSY): self = .busy
        case UInt32(EOPNOTSUPP): self = .notSupported
        default: self = .invalid
        }
    }
}

extension PolicyStep {
    /// A step as the child wrote it; nil if it is none.
    init?(_ step: vpmu_wire_step) {
        let pcpu = Int(step.pcpu)
        let event = Int(step.event)
        let value = Int(step.value)
        switch step.kind {
        case VPMU_STEP_SECTION_BEGIN.rawValue: self = .sectionBegin(pcpu: pcpu)
        case VPMU_STEP_SECTION_END.rawValue: self = .sectionEnd(pcpu: pcpu)
        case VPMU_STEP_START.rawValue: self = .start(pcpu: pcpu, event: event, counter: value)
        case VPMU_STEP_STOP.rawValue: self = .stop(pcpu: pcpu, event: event, counter: value)
        case VPMU_STEP_READ.rawValue: self = .read(pcpu: pcpu, event: event, counter: value)
        case VPMU_STEP_PERIOD.rawValue: self = .period(event: event, period: step.period)
        case VPMU_STEP_STATE.rawValue:
            guard let state = Int8(exactly: step.value).flatMap(EventState.init(rawValue:)) else { return nil }
            self = .state(pcpu: pcpu < 0 ? nil : pcpu, event: event, state)
        case VPMU_STEP_TIMER_WANTED.rawValue: self = .timerWanted(pcpu: pcpu)
        default: return nil
        }
    }
}

extension LawChecker {
    /// A step on its way from an external policy.
    mutating func hear(_ step: PolicyStep) {
        switch step {
        case .sectionBegin(let pcpu): sectionBegin(pcpu: pcpu)
        case .sectionEnd(let pcpu): sectionEnd(pcpu: pcpu)
        case .start(let pcpu, let event, let counter): start(pcpu: pcpu, event: event, counter: counter)
        case .stop(let pcpu, let event, let counter): stop(pcpu: pcpu, event: event, counter: counter)
        case .read(let pcpu, let event, let counter): read(pcpu: pcpu, event: event, counter: counter)
        case .period(let event, let period): periodChanged(event: event, period: period)
        case .state(let pcpu, let event, let state): changeState(pcpu: pcpu, event: event, to: state)
        case .timerWanted(let pcpu): rotationTimerWanted(pcpu: pcpu)
        }
    }
}
