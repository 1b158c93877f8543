import PMU
import Policy

/// What a user says about host events that no trace shows (`--host-events FILE.yaml`).
public struct HostEventsFile: Sendable, Equatable {
    public var events: [Entry]

    public init(events: [Entry]) { self.events = events }

    /// One kind of event on some pCPUs.
    public struct Entry: Sendable, Equatable {
        public var name: String
        /// perf's spelling.
        public var event: String
        public var priority: EventSpec.Priority?
        public var exclusion: EventSpec.Exclusion?
        /// The pCPUs it counts on; nil is all.
        public var pcpus: [Int]?
        public var samplePeriod: UInt64?

        public init(
            name: String, event: String, priority: EventSpec.Priority? = nil,
            exclusion: EventSpec.Exclusion? = nil, pcpus: [Int]? = nil, samplePeriod: UInt64? = nil
        ) {
            self.name = name
            self.event = event
            self.priority = priority
            self.exclusion = exclusion
            self.pcpus = pcpus
            self.samplePeriod = samplePeriod
        }
    }
}
