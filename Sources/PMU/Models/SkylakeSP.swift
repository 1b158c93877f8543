extension ProcessorModel {
    /// Skylake-SP with hyper-threading: 4 GP and 3 fixed counters.
    ///
    /// Rows: `intel_skl_event_constraints` and `hsw_get_event_constraints()` (a checkpointed event only on PMC2),
    /// arch/x86/events/intel/core.c, v6.12. Generic events: `intel_perfmon_event_map`, same file.
    public static let skylakeSP = skylake(name: "skylake-sp", gp: 4)

    static func skylake(name: String, gp: Int) -> ProcessorModel {
        let all: UInt64 = (1 << UInt64(gp)) - 1
        let checkpointed = ConstraintRow(
            code: EventSelect.inTXCheckpointed, size: 0, compare: EventSelect.inTXCheckpointed, mask: 0x4, kind: .plain)
        return ProcessorModel(
            name: name, flavour: .intel, gp: gp, fixed: 3, version: 4,
            rows: [
                checkpointed,
                .fixed(0x00c0, 0, gp: all), .fixed(0x003c, 1, gp: all), .fixed(0x0300, 2, gp: all),
                .umask(0x01c0, 0x2),
                .event(0xd0, 0xf), .event(0xd1, 0xf), .event(0xd2, 0xf), .event(0xcd, 0xf), .event(0xc6, 0xf),
            ],
            generic: intelGeneric, maxEventsPerCycle: 8, maxFrequency: 5_000_000_000)
    }

    /// `intel_perfmon_event_map`, arch/x86/events/intel/core.c, v6.12.
    static let intelGeneric: [GenericEvent: UInt64] = [
        .cycles: 0x003c, .instructions: 0x00c0, .cacheReferences: 0x4f2e, .cacheMisses: 0x412e, .branches: 0x00c4,
        .branchMisses: 0x00c5, .busCycles: 0x013c, .refCycles: 0x0300,
    ]
}
