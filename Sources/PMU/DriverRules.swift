/// What a model's driver does beside looking an event up in its tables.
public struct DriverRules: OptionSet, Sendable, Hashable {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A checkpointed event (IN_TXCP) may use GP 2 alone, and nothing if its constraint lacks GP 2
    /// (`hsw_get_event_constraints()`, arch/x86/events/intel/core.c, v6.12).
    public static let checkpointedOnGP2 = DriverRules(rawValue: 1 << 0)
    /// GP 3 belongs to the firmware's TSX workaround: no event may use it (`tfa_get_event_constraints()`, same file,
    /// with the PMU's `allow_tsx_force_abort` off; it is on by default).
    public static let reservesGP3ForTSX = DriverRules(rawValue: 1 << 1)
    /// Instructions at the highest precision use fixed counter 0 alone (`icl_get_event_constraints()`, same file).
    public static let preciseInstructionsOnFixed0 = DriverRules(rawValue: 1 << 2)
    /// Every other event at the highest precision uses GP 0 alone, and nothing if its constraint lacks GP 0
    /// (`glc_get_event_constraints()`, same file).
    public static let preciseDistributionOnGP0 = DriverRules(rawValue: 1 << 3)
    /// A precise event that no precise row names is looked up in the ordinary table (`PMU_FL_PEBS_ALL`); without this
    /// it may use no counter (`intel_pebs_constraints()`, arch/x86/events/intel/ds.c, v6.12).
    public static let preciseOnAnyEvent = DriverRules(rawValue: 1 << 4)
    /// Exclusive events bar a counter to the sibling hyper-thread, and while a core has one, each thread gets half of
    /// its GP counters (`intel_get_excl_constraints()`, `x86_schedule_events()`, v6.12).
    public static let hyperthreadErratum = DriverRules(rawValue: 1 << 5)
    /// Event selects have a second unit mask (`EventSelect.unitMask2`).
    public static let secondUnitMask = DriverRules(rawValue: 1 << 6)
}
