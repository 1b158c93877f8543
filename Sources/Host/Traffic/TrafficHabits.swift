import PMU

/// Habits of a kernel's PMU driver that show in traffic and change from version to version or case to case.
public struct TrafficHabits: Sendable, Equatable {
    public var fixedControl: KVMRules.FixedControlWrites
    public var overflowPolls: OverflowPolls

    /// AMD waits for a pending overflow before it believes that a counter stands still
    /// (`amd_pmu_wait_on_overflow()`, arch/x86/events/amd/core.c, v6.12): one RDMSR at least.
    public enum OverflowPolls: Sendable { case shown, leftOut }

    public init(fixedControl: KVMRules.FixedControlWrites = .lazy, overflowPolls: OverflowPolls = .leftOut) {
        self.fixedControl = fixedControl
        self.overflowPolls = overflowPolls
    }
}
