extension ProcessorModel {
    /// Zen 2 (Family 17h from model 0x30): six equal GP counters, no fixed ones;
    /// no global control.
    ///
    /// Rows: `amd_get_event_constraints_f17h()` and `pair_constraint`. Generic events:
    /// `amd_zen2_perfmon_event_map`. Both in arch/x86/events/amd/core.c, v6.12.
    public static let zen2 = zen(
        name: "zen2", flavour: .amdCoreExt, generic: [.stalledFrontend: 0x00a9], maxFrequency: 5_000_000_000)
}
