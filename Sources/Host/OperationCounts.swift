/// What a policy costs, in operations: the one overhead that holds on any machine.
public struct OperationCounts: Sendable, Hashable {
    /// Guest accesses to PMU registers that left the guest.
    public var interceptedAccesses: UInt64 = 0
    /// perf events made for guest counters, enabled again after a pause, given back, and periods replaced.
    public var eventsCreated: UInt64 = 0
    public var eventsEnabled: UInt64 = 0
    public var eventsReleased: UInt64 = 0
    public var periodsReplaced: UInt64 = 0
    /// Counters reprogrammed (`reprogram_counter()` ran).
    public var reprogrammed: UInt64 = 0
    /// Counter interrupts of events behind guest counters.
    public var interrupts: UInt64 = 0
    /// Times a counter's event was looked up in the VM's event filter.
    public var filterLookups: UInt64 = 0
    /// Registers written, and read, around VM entry and exit to hand the PMU over. Of counters it is those that count
    /// whose values are taken to differ from what the hardware holds; the others' are both 0.
    public var registersWrittenAtEntry: UInt64 = 0
    public var registersWrittenAtExit: UInt64 = 0
    public var registersRead: UInt64 = 0

    public init() {}

    /// Operations of KVM and perf, register accesses at entry and exit apart: a trap, a look-up or a rescheduling costs
    /// many times what a register write does, so the two are not added up without a cost table.
    public var software: UInt64 {
        interceptedAccesses + eventsCreated + eventsEnabled + eventsReleased + periodsReplaced + reprogrammed
            + filterLookups
    }

    public static func + (a: OperationCounts, b: OperationCounts) -> OperationCounts {
        var sum = a
        sum.interceptedAccesses += b.interceptedAccesses
        sum.eventsCreated += b.eventsCreated
        sum.eventsEnabled += b.eventsEnabled
        sum.eventsReleased += b.eventsReleased
        sum.periodsReplaced += b.periodsReplaced
        sum.reprogrammed += b.reprogrammed
        sum.interrupts += b.interrupts
        sum.filterLookups += b.filterLookups
        sum.registersWrittenAtEntry += b.registersWrittenAtEntry
        sum.registersWrittenAtExit += b.registersWrittenAtExit
        sum.registersRead += b.registersRead
        return sum
    }
}
