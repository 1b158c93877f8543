extension ProcessorModel {
    /// AMD Family 15h (Bulldozer to Excavator): six GP counters that are not equal, no fixed ones; event 0x02e is the
    /// one whose constraint overlaps others without nesting.
    ///
    /// Rows: `amd_get_event_constraints_f15h()`, arch/x86/events/amd/core.c, v6.12; event types in bits 7:4 of the
    /// code; northbridge events (types 0xe0 and 0xf0) belong to another PMU there. Generic events:
    /// `amd_perfmon_event_map`, same file.
    public static let family15h = ProcessorModel(
        name: "amd-family-15h", flavour: .amdCoreExt, gp: 6, fixed: 0, version: 1,
        rows: floatingPoint + loadStore + restOfCore + [.everything(0)],
        generic: [
            .cycles: 0x0076, .instructions: 0x00c0, .cacheReferences: 0x077d, .cacheMisses: 0x077e, .branches: 0x00c2,
            .branchMisses: 0x00c3, .stalledFrontend: 0x00d0, .stalledBackend: 0x00d1,
        ],
        socketEvents: [
            EventPattern("northbridge", code: 0xe0, compare: 0xe0), .event("L2 requests", 0x7d),
            .event("L2 misses", 0x7e),
        ],
        maxEventsPerCycle: 8, maxFrequency: 5_000_000_000, branchesPerCycle: 2)

    private static let floatingPoint: [ConstraintRow] = [
        .amdEvent(0x000, 0x08, umask: .bothHalves), .amdEvent(0x004, 0x08, umask: .severalBits),
        .amdEvent(0x003, 0x08), .amdEvent(0x00b, 0x08), .amdEvent(0x00d, 0x08), .amdTypes(0x00, 0x10, 0x38),
    ]

    private static let loadStore: [ConstraintRow] = [
        .amdEvent(0x023, 0x07), .amdEvent(0x043, 0x07), .amdEvent(0x045, 0x07), .amdEvent(0x046, 0x07),
        .amdEvent(0x054, 0x07), .amdEvent(0x055, 0x07), .amdEvent(0x02d, 0x08), .amdEvent(0x02e, 0x09, kind: .overlap),
        .amdEvent(0x031, 0x07, umask: .atMostOneBit), .amdEvent(0x031, 0), .amdEvent(0x1c0, 0x38),
        .amdTypes(0x20, 0x50, 0x3f), .amdTypes(0xc0, 0xc0, 0x3f),
    ]

    private static let restOfCore: [ConstraintRow] = [
        .amdEvent(0x08f, 0x01), .amdEvent(0x187, 0x01), .amdEvent(0x188, 0x01), .amdEvent(0x0db, 0x3f),
        .amdEvent(0x0dc, 0x3f), .amdEvent(0x0dd, 0x3f), .amdEvent(0x0de, 0x3f), .amdEvent(0x0df, 0x3f),
        .amdEvent(0x1d6, 0x3f), .amdEvent(0x1d8, 0x3f), .amdTypes(0x60, 0x90, 0x07), .amdTypes(0xd0, 0xd0, 0x07),
    ]
}
