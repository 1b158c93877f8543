extension ProcessorModel {
    /// Zen 5 (Family 1Ah): six equal GP counters, no fixed ones;
    /// PerfMonV2: global control and status.
    ///
    /// Rows: `amd_get_event_constraints_f17h()` and `pair_constraint`. Generic events:
    /// `amd_zen4_perfmon_event_map`. Both in arch/x86/events/amd/core.c, v6.12.
    public static let zen5 = zen(
        name: "zen5", flavour: .amdV2, generic: [.stalledFrontend: 0x00a9, .refCycles: 0x1_0000_0120],
        maxFrequency: 6_000_000_000, branchesPerCycle: 3)
}
