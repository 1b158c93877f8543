extension ProcessorModel {
    /// Haswell with hyper-threading and its erratum: 4 GP and 3 fixed counters, checkpointed events on GP 2.
    ///
    /// Rows: `intel_hsw_event_constraints` and `hsw_get_event_constraints()`, arch/x86/events/intel/core.c, v6.12.
    /// Precise rows: `intel_hsw_pebs_event_constraints`, arch/x86/events/intel/ds.c, v6.12.
    public static let haswell = ProcessorModel(
        name: "haswell", flavour: .intel, gp: 4, fixed: 3, version: 3,
        rows: [
            .fixed(0x00c0, 0), .fixed(0x003c, 1), .fixed(0x0300, 2), .umask(0x0148, 0x4), .umask(0x01c0, 0x2),
            .event(0xcd, 0x8), .umask(0x08a3, 0x4), .umask(0x0ca3, 0x4), .umask(0x04a3, 0xf),
        ] + exclusiveRows,
        preciseRows: [.plainUmask(0x01c0, 0x2), .umask(0x01cd, 0xf)] + exclusiveRows + [.everything(0xf)],
        rules: [.checkpointedOnGP2, .hyperthreadErratum], generic: intelGeneric,
        socketEvents: intelSocketEvents(offcore: [0x01b7, 0x01bb]), maxEventsPerCycle: 8,
        maxFrequency: 4_400_000_000, branchesPerCycle: 2)
}
