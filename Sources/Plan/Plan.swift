import Policy
import Timeline

/// What the owner of a host must give up so that no guest's counter is silent any more.
public struct Plan: Equatable, Sendable {
    /// The policy that the host keeps.
    public var policy: String
    /// Parts of the host between which nothing passes, in the order of their pCPUs. Parts whose guests are never silent
    /// are left out.
    public var parts: [Part]
    /// Silent time of all guests, ns: as things are, and with everything in `parts` given up.
    public var silentNs: UInt64
    public var silentNsAfter: UInt64
    /// What each policy makes of the host as it is and of the host as planned.
    public var effects: [Effect] = []

    public struct Part: Equatable, Sendable {
        public var pcpus: [Int]
        public var given: [Given]
        /// Of the part's guests, ns.
        public var silentNs: UInt64
        public var silentNsAfter: UInt64
        /// How many choices there were, and how many sets of them were tried.
        public var choices: Int
        public var tries: Int
        public var proof: Proof
        /// Sets of the same number of counters that do as well, this one included; nil where they were not counted.
        public var equals: Int?

        /// Events to give up: counters, on every pCPU together.
        public var counters: Int { given.reduce(0) { $0 + $1.counters } }
    }

    /// One event, or group of events, of a kind.
    public struct Given: Equatable, Sendable, Encodable {
        /// Owners as results name them, `host:NAME`, one for each pCPU or thread.
        public var owners: [String]
        public var event: String
        /// The pCPUs it counts on; empty for an event of a thread.
        public var pcpus: [Int]
        /// Events that go, on every pCPU and in the group together.
        public var counters: Int
    }

    /// How it is known that no smaller set does.
    public enum Proof: String, Equatable, Sendable, Encodable {
        /// Every smaller set was tried.
        case exhaustive
        /// There were too many: nothing in the set can be kept, but a smaller one may exist elsewhere.
        case irreducible
    }

    /// What one policy makes of it. Times in ns.
    public struct Effect: Equatable, Sendable, Encodable {
        public var policy: String
        public var silentNs: UInt64
        public var silentNsAfter: UInt64
        /// Time that host events want a counter and have none, or are blind. Those given up want none any more.
        public var hostLostNs: UInt64
        public var hostLostNsAfter: UInt64
        /// VMs and host events refused, as open-loop moments count them.
        public var refusals: Int
        public var refusalsAfter: Int
    }

    /// Events to give up: counters, over all parts.
    public var counters: Int { parts.reduce(0) { $0 + $1.counters } }
    /// Whether nothing is silent once the plan is carried out.
    public var endsSilence: Bool { silentNsAfter == 0 }
}
