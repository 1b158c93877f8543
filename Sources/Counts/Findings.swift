/// What one vCPU's policy cost in operations. `owner` is `guest:VM/VCPU`, or `host` for work no vCPU caused.
public struct OperationCounts: Equatable, Sendable, Codable {
    public var owner: String
    /// Guest register accesses that left the guest.
    public var interceptedAccesses: UInt64 = 0
    /// Host perf events made, enabled and reprogrammed on the guest's behalf.
    public var eventsCreated: UInt64 = 0
    public var eventsEnabled: UInt64 = 0
    public var eventsReprogrammed: UInt64 = 0
    /// PMU registers written by the hand-over at VM entry and VM exit.
    public var registersWrittenAtEntry: UInt64 = 0
    public var registersWrittenAtExit: UInt64 = 0
    /// PMU registers the host's scheduler wrote outside of hand-overs.
    public var registersWrittenByScheduler: UInt64 = 0
    /// Changes of who holds a physical counter, and those that moved an event to another counter.
    public var decisions: UInt64 = 0
    public var migrations: UInt64 = 0
    /// What all that takes in time; nil where nobody stated costs.
    public var cost: Cost?

    /// A time, and where the costs behind it come from.
    public struct Cost: Equatable, Sendable, Codable {
        public var ns: UInt64
        public var source: String

        public init(ns: UInt64, source: String) {
            self.ns = ns
            self.source = source
        }
    }

    public init(owner: String) {
        self.owner = owner
    }

    /// All register writes together.
    public var registerWrites: UInt64 {
        registersWrittenAtEntry &+ registersWrittenAtExit &+ registersWrittenByScheduler
    }
}

/// A moment at which the policy would have changed what guest or host does next; what depends on it later is at best
/// bounded.
public struct OpenLoopItem: Equatable, Sendable, Codable {
    /// ns of the trace's clock.
    public var time: UInt64
    /// `guest:VM/VCPU` or `host:NAME`, nil where it concerns everybody.
    public var owner: String?
    public var cause: String

    public init(time: UInt64, owner: String?, cause: String) {
        self.time = time
        self.owner = owner
        self.cause = cause
    }
}

/// A host event that the policy took its counter from, or never gave it one.
public struct DisplacedEvent: Equatable, Sendable, Codable {
    /// `host:NAME`.
    public var owner: String
    public var pcpu: Int?
    public var event: String
    /// ns of the trace's clock when it first went without.
    public var since: UInt64
    /// ns in total that it went without.
    public var lostNs: UInt64
    public var reason: String

    public init(owner: String, pcpu: Int?, event: String, since: UInt64, lostNs: UInt64, reason: String) {
        self.owner = owner
        self.pcpu = pcpu
        self.event = event
        self.since = since
        self.lostNs = lostNs
        self.reason = reason
    }
}

/// An interval in which the trace cannot be trusted about something; nil fields mean "all of them".
public struct Taint: Equatable, Sendable, Codable {
    public var owner: String?
    public var pcpu: Int?
    public var counter: String?
    /// ns of the trace's clock, both inclusive.
    public var from: UInt64
    public var to: UInt64
    public var cause: String

    public init(owner: String?, pcpu: Int?, counter: String?, from: UInt64, to: UInt64, cause: String) {
        self.owner = owner
        self.pcpu = pcpu
        self.counter = counter
        self.from = from
        self.to = to
        self.cause = cause
    }
}

/// A moment at which, and the way in which, a guest was told about its counters.
public struct Notice: Equatable, Sendable, Codable {
    /// ns of the trace's clock.
    public var time: UInt64
    public var owner: String
    public var what: String

    public init(time: UInt64, owner: String, what: String) {
        self.time = time
        self.owner = owner
        self.what = what
    }
}
