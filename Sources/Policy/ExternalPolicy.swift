/// A policy that is not ours: it hears operations one at a time and answers with the steps that follow.
public protocol ExternalPolicy: AnyObject {
    /// What its author calls it.
    var name: String { get }

    /// Carries one operation out.
    ///
    /// - Throws: `PolicyFailure` if it crashed, broke a law, answered too late or not as agreed; it is gone then.
    func perform(_ operation: PolicyOperation) throws(PolicyFailure) -> PolicyAnswer
}

/// What an external policy is told; the scheduler's own operations.
public enum PolicyOperation: Sendable, Equatable {
    case addTask(TaskID)
    case create(EventID, EventSpec, leader: EventID)
    case install(EventID)
    case enable(EventID)
    case disable(EventID)
    case remove(EventID)
    case setPeriod(EventID, UInt64)
    case read(EventID)
    case switchTask(pcpu: Int, to: TaskID?)
    case rotate(pcpu: Int)
    case loadGuest(pcpu: Int, vcpu: Int)
    case putGuest(pcpu: Int)
    case overflow(pcpu: Int, EventID)
    case enterGuest(pcpu: Int, vcpu: Int)
    case exitGuest(pcpu: Int, vcpu: Int)
    case createVM(Int)
    case destroyVM(Int)
    case offline(pcpu: Int)
}

extension PolicyOperation: CustomStringConvertible {
    public var description: String {
        switch self {
        case .addTask(let task): "add task \(task)"
        case .create(let event, _, _): "create event \(event)"
        case .install(let event): "install event \(event)"
        case .enable(let event): "enable event \(event)"
        case .disable(let event): "disable event \(event)"
        case .remove(let event): "remove event \(event)"
        case .setPeriod(let event, let period): "set event \(event)'s period to \(period)"
        case .read(let event): "read event \(event)"
        case .switchTask(let pcpu, let task?): "switch pCPU \(pcpu) to task \(task)"
        case .switchTask(let pcpu, nil): "switch pCPU \(pcpu) to a task without events"
        case .rotate(let pcpu): "rotate pCPU \(pcpu)"
        case .loadGuest(let pcpu, let vcpu): "load vCPU \(vcpu)'s guest on pCPU \(pcpu)"
        case .putGuest(let pcpu): "put the guest on pCPU \(pcpu)"
        case .overflow(let pcpu, let event): "overflow of event \(event) on pCPU \(pcpu)"
        case .enterGuest(let pcpu, let vcpu): "vCPU \(vcpu) enters its guest on pCPU \(pcpu)"
        case .exitGuest(let pcpu, let vcpu): "vCPU \(vcpu) leaves its guest on pCPU \(pcpu)"
        case .createVM(let vm): "create VM \(vm)"
        case .destroyVM(let vm): "destroy VM \(vm)"
        case .offline(let pcpu): "take pCPU \(pcpu) offline"
        }
    }
}

/// What an external policy answers, in the order in which a kernel would do it.
public enum PolicyStep: Sendable, Equatable {
    case sectionBegin(pcpu: Int)
    case sectionEnd(pcpu: Int)
    case start(pcpu: Int, event: EventID, counter: Int)
    case stop(pcpu: Int, event: EventID, counter: Int)
    case read(pcpu: Int, event: EventID, counter: Int)
    case period(event: EventID, period: UInt64)
    case state(pcpu: Int?, event: EventID, EventState)
    case timerWanted(pcpu: Int)
}

public struct PolicyAnswer: Sendable, Equatable {
    public var steps: [PolicyStep]
    /// After a tick of the multiplexing timer: whether it goes on.
    public var goesOn: Bool
    /// Whether multiplexing is needed on each pCPU: bit 0 for its own events, bit 1 for the current task's.
    public var rotates: [UInt8]
    /// After the creation of an event: why it may not be, nil if it may.
    public var refusal: Refusal.Reason?

    public init(
        steps: [PolicyStep] = [], goesOn: Bool = false, rotates: [UInt8] = [], refusal: Refusal.Reason? = nil
    ) {
        self.refusal = refusal
        self.steps = steps
        self.goesOn = goesOn
        self.rotates = rotates
    }
}

/// How an external policy failed; what was replayed under it cannot be judged.
public struct PolicyFailure: Error, Equatable, CustomStringConvertible {
    public var policy: String
    /// What it was doing, nil while it was being loaded.
    public var operation: PolicyOperation?
    public var reason: String

    public init(policy: String, operation: PolicyOperation?, reason: String) {
        self.policy = policy
        self.operation = operation
        self.reason = reason
    }

    public var description: String {
        "policy \(policy): \(operation.map { "at `\($0)`" } ?? "while it was loaded"): \(reason)"
    }
}
