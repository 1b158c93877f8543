/// One processor's PMU as Linux drives it: counters, widths, constraint tables, generic events.
///
/// A model is data; `ProcessorModel+Constraints.swift` looks events up in it. Each model stands in a file of its own
/// under `Models/`, with the kernel table its rows come from.
public struct ProcessorModel: Sendable, Equatable {
    /// The name users type: `skylake-sp`, `zen2`, ...
    public var name: String
    public var flavour: Flavour
    /// Number of GP counters one logical CPU has.
    public var gp: Int
    /// Number of fixed counters.
    public var fixed: Int
    /// Counter width in bits.
    public var width: Int
    /// Whether GP counters can be written at full width (PERF_CAPABILITIES bit 13, FW_WRITE); always true on AMD.
    public var fullWidthWrites: Bool
    /// Architectural perfmon version (CPUID leaf 0xA EAX[7:0]); 1 for AMD without PerfMonV2, 2 with it.
    public var version: Int
    /// The constraint rows in the kernel's table order: the first match wins.
    public var rows: [ConstraintRow]
    /// The rows that a precise event (PEBS) is looked up in first.
    public var preciseRows: [ConstraintRow]
    /// What the driver does beside looking rows up.
    public var rules: DriverRules
    /// Number of topdown metric pseudo counters, from index 48 on.
    public var metrics: Int
    /// perf's generic hardware events: what the host's map turns each into (`*_perfmon_event_map`).
    public var generic: [GenericEvent: UInt64]
    /// Extra event spellings of this model beside perf's generic ones.
    public var named: [String: UInt64]
    /// Core events that tell about the socket rather than the core: what a cautious host leaves to guests that own one.
    public var socketEvents: [EventPattern]
    /// The largest number of core events one cycle can add to a counter (instructions among them: twice the width of
    /// allocation, since two may be fused), and the fastest clock in Hz: with `branchesPerCycle` the physical limits of
    /// counts over time (`physicalLimit(of:)`).
    public var maxEventsPerCycle: UInt64
    public var maxFrequency: UInt64
    /// Branches that one cycle can execute, nil where nobody says.
    public var branchesPerCycle: UInt64?

    public init(
        name: String, flavour: Flavour, gp: Int, fixed: Int, version: Int, fullWidthWrites: Bool = true,
        rows: [ConstraintRow] = [], preciseRows: [ConstraintRow] = [], rules: DriverRules = [], metrics: Int = 0,
        generic: [GenericEvent: UInt64], named: [String: UInt64] = [:], socketEvents: [EventPattern] = [],
        width: Int = 48, maxEventsPerCycle: UInt64 = 16, maxFrequency: UInt64 = 6_000_000_000,
        branchesPerCycle: UInt64? = nil
    ) {
        self.name = name
        self.flavour = flavour
        self.gp = gp
        self.fixed = fixed
        self.version = version
        self.fullWidthWrites = fullWidthWrites
        self.rows = rows
        self.preciseRows = preciseRows
        self.rules = rules
        self.metrics = metrics
        self.generic = generic
        self.named = named
        self.socketEvents = socketEvents
        self.width = width
        self.maxEventsPerCycle = maxEventsPerCycle
        self.maxFrequency = maxFrequency
        self.branchesPerCycle = branchesPerCycle
    }

    /// All ones over the counter's width.
    public var counterMask: UInt64 { width >= 64 ? .max : (1 << UInt64(width)) - 1 }
    public var gpMask: UInt64 { (1 << UInt64(gp)) - 1 }
    public var fixedMask: UInt64 { ((1 << UInt64(fixed)) - 1) << 32 }
    public var allCounters: UInt64 { gpMask | fixedMask }
    /// The topdown metric pseudo counters.
    public var metricMask: UInt64 { ((1 << UInt64(metrics)) - 1) << 48 }

    /// The longest period the kernel arms a counter with, in events: half the width, or 2^31-1 where a GP counter can
    /// only be written with 32 bits (`x86_pmu.max_period`, arch/x86/events/intel/core.c intel_pmu_init, v6.12).
    public var maxPeriod: UInt64 { fullWidthWrites ? counterMask >> 1 : 0x7fff_ffff }

    /// Whether `config` tells about the socket rather than the core.
    public func isSocketEvent(_ config: UInt64) -> Bool { socketEvents.contains { $0.matches(config) } }
}
