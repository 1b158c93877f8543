extension ProcessorModel {
    /// Zen 3 (Family 19h): six equal GP counters, no fixed ones; no global control. An event with a branch stack (BRS)
    /// is confined to GP 0, which no config shows.
    ///
    /// Rows: `amd_get_event_constraints_f17h()` and `pair_constraint`. Generic events:
    /// `amd_zen2_perfmon_event_map`. Both in arch/x86/events/amd/core.c, v6.12.
    public static let zen3 = zen(
        name: "zen3", flavour: .amdCoreExt, generic: [.stalledFrontend: 0x00a9], maxFrequency: 5_000_000_000)
}
