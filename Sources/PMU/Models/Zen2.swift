extension ProcessorModel {
    /// Zen 2: six equal GP counters, no fixed ones, no global control; FLOPs events take two neighbouring counters.
    ///
    /// Rows: `amd_get_event_constraints_f17h()` and `pair_constraint`, arch/x86/events/amd/core.c, v6.12. Generic
    /// events: `amd_zen2_perfmon_event_map`, same file.
    public static let zen2 = ProcessorModel(
        name: "zen2", flavour: .amdCoreExt, gp: 6, fixed: 0, version: 1,
        rows: [largeIncrement],
        generic: [
            .cycles: 0x0076, .instructions: 0x00c0, .cacheReferences: 0xff60, .cacheMisses: 0x0964, .branches: 0x00c2,
            .branchMisses: 0x00c3, .stalledFrontend: 0x00a9,
        ],
        maxEventsPerCycle: 8, maxFrequency: 5_000_000_000)

    /// The large-increment event 0x003 of Family 17h and later (`amd_is_pair_event_code()`).
    static let largeIncrement = ConstraintRow(
        code: 0x003, size: 0, compare: EventSelect.amdEventMask, mask: 0x15, kind: .pair, weight: 3)
}
