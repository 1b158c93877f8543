import PMU

/// Habits of a kernel's PMU driver that show in traffic and change from version to version or case to case.
public struct TrafficHabits: Sendable, Equatable {
    public var fixedControl: KVMRules.FixedControlWrites
    public var overflowPolls: OverflowPolls
    public var virtualization: Virtualization

    /// Whether SVM is on. Without it AMD's driver leaves the host-only bit out of every PERF_CTL
    /// (`perf_ctr_virt_mask`, `amd_pmu_enable_virt()`, arch/x86/events/amd/core.c, v6.12).
    public enum Virtualization: Sendable { case on, off }

    /// AMD waits for a pending overflow before it believes that a counter stands still
    /// (`amd_pmu_wait_on_overflow()`, arch/x86/events/amd/core.c, v6.12): one RDMSR at least.
    public enum OverflowPolls: Sendable { case shown, leftOut }

    public init(
        fixedControl: KVMRules.FixedControlWrites = .lazy, overflowPolls: OverflowPolls = .leftOut,
        virtualization: Virtualization = .on
    ) {
        self.virtualization = virtualization
        self.fixedControl = fixedControl
        self.overflowPolls = overflowPolls
    }
}
