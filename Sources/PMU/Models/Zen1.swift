extension ProcessorModel {
    /// Zen 1 and Zen+ (Family 17h models 0x00 to 0x2f): six equal GP counters, no fixed ones;
    /// no global control.
    ///
    /// Rows: `amd_get_event_constraints_f17h()` and `pair_constraint`. Generic events:
    /// `amd_zen1_perfmon_event_map`. Both in arch/x86/events/amd/core.c, v6.12.
    public static let zen1 = zen(
        name: "zen1", flavour: .amdCoreExt, generic: [.stalledFrontend: 0x0287, .stalledBackend: 0x0187],
        maxFrequency: 4_500_000_000)
}
