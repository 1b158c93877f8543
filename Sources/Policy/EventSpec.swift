import PMU

/// An event of the host: what `perf_event_open()` or KVM asked perf core for.
public struct EventSpec: Sendable, Equatable {
    /// Raw event select with its USR, OS and INT bits, without EN and AMD's guest/host-only bits.
    public var config: UInt64
    public var constraint: Constraint
    public var priority: Priority
    public var scope: Scope
    public var exclusion: Exclusion
    /// Events between interrupts; 0 for a counting event, which is armed with the longest period.
    public var samplePeriod: UInt64
    /// Whose event it is; scheduling does not depend on it.
    public var owner: EventOwner

    public enum Priority: UInt8, Sendable { case pinned, flexible }

    /// Where the event counts: everything on one pCPU, or one task wherever it runs.
    public enum Scope: Sendable, Hashable {
        case pcpu(Int)
        case task(TaskID)
    }

    /// `attr.exclude_host` and `attr.exclude_guest`.
    public enum Exclusion: UInt8, Sendable { case none, host, guest }

    public init(
        config: UInt64, constraint: Constraint, priority: Priority, scope: Scope, exclusion: Exclusion = .none,
        samplePeriod: UInt64 = 0, owner: EventOwner = .host(0)
    ) {
        self.owner = owner
        self.config = config
        self.constraint = constraint
        self.priority = priority
        self.scope = scope
        self.exclusion = exclusion
        self.samplePeriod = samplePeriod
    }
}

/// Whose event it is: a host user's, by its index in the demand's list, or the one behind a guest's counter.
public enum EventOwner: Sendable, Hashable {
    case host(Int)
    /// `vcpu` is an index into the demand's vCPUs, `counter` the virtual counter the guest programmed.
    case guest(vcpu: Int, counter: Counter)
}

/// A task whose events migrate with it: an index into the scheduler's tasks.
public typealias TaskID = Int
/// An event of the scheduler: an index that is never used again, unless that is asked for
/// (`CounterScheduler.eventIDs`).
public typealias EventID = Int

/// `enum perf_event_state` (include/linux/perf_event.h): what perf core is doing with an event.
public enum EventState: Int8, Sendable {
    case active = 1
    case inactive = 0
    case off = -1
    /// A pinned event that did not fit: sticky until somebody enables it again.
    case error = -2
    case exited = -3
}
