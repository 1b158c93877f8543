extension ProcessorModel {
    /// Lion Cove (the big cores of Lunar Lake and Arrow Lake): 10 GP and 4 fixed counters, 8 topdown metrics.
    ///
    /// Rows: `intel_lnc_event_constraints`, arch/x86/events/intel/core.c, v6.12 with the corrections of its stable
    /// series. Precise rows: `intel_lnc_pebs_event_constraints`, arch/x86/events/intel/ds.c.
    public static let lionCove = ProcessorModel(
        name: "lion-cove", flavour: .intel, gp: 10, fixed: 4, version: 5,
        rows: goldenCoveFixedRows + [
            .event(0x20, 0xf), .umask(0x012a, 0xf), .umask(0x012b, 0xf), .umask(0x0148, 0x4), .umask(0x0175, 0x4),
            .event(0x2e, 0x3ff), .event(0x3c, 0x3ff), .umask(0x08a3, 0x4), .umask(0x0ca3, 0x4), .umask(0x04a4, 0x1),
            .umask(0x08a4, 0x1), .umask(0x10a4, 0x1), .umask(0x01b1, 0x8), .umask(0x01cd, 0x3fc),
            .umask(0x02cd, 0x3), .events(0xd0, 0xdf, 0xf), .umask(0x00e0, 0xf),
        ],
        preciseRows: [
            .plainUmask(0x0100, Counter.fixed(0).bit), .plainUmask(0x0400, Counter.fixed(3).bit),
            .umask(0x01cd, 0x3fc), .umask(0x02cd, 0x3),
        ] + memoryRows,
        rules: [.checkpointedOnGP2, .preciseInstructionsOnFixed0, .preciseOnAnyEvent, .secondUnitMask], metrics: 8,
        generic: intelGenericWithRefCyclesEvent, named: topdown(metrics: 8),
        socketEvents: intelSocketEvents(offcore: [0x012a, 0x012b]), maxEventsPerCycle: 16,
        maxFrequency: 6_000_000_000, branchesPerCycle: 3)
}
