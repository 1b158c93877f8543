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
