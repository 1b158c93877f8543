import PMU
import Policy

/// What a user says about host events that no trace shows (`--host-events FILE.yaml`).
public struct HostEventsFile: Sendable, Equatable {
    public var events: [Entry]

    public init(events: [Entry]) { self.events = events }

    /// One kind of event, on some pCPUs or of one thread.
    public struct Entry: Sendable, Equatable {
        public var name: String
        /// perf's spelling.
        public var event: String
        public var priority: EventSpec.Priority?
        public var exclusion: EventSpec.Exclusion?
        /// The pCPUs it counts on; nil is all. Of no account for a thread's event.
        public var pcpus: [Int]?
        /// The thread that it follows; nil for a pCPU's event.
        public var owner: Owner?
        public var samplePeriod: UInt64?

        /// A thread, by its id or by its name in the trace's `sched_switch` records or thread list.
        public enum Owner: Sendable, Equatable {
            case thread(Int32)
            case comm(String)
        }

        public init(
            name: String, event: String, priority: EventSpec.Priority? = nil,
            exclusion: EventSpec.Exclusion? = nil, pcpus: [Int]? = nil, owner: Owner? = nil,
            samplePeriod: UInt64? = nil
        ) {
            self.name = name
            self.event = event
            self.priority = priority
            self.exclusion = exclusion
            self.pcpus = pcpus
            self.owner = owner
            self.samplePeriod = samplePeriod
        }
    }
}
