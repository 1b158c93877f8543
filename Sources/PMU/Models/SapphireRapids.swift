extension ProcessorModel {
    /// Sapphire Rapids (Golden Cove): 8 GP and 4 fixed counters, 8 topdown metrics.
    ///
    /// Rows: `intel_glc_event_constraints` and `glc_get_event_constraints()`, arch/x86/events/intel/core.c, v6.12.
    /// Precise rows: `intel_glc_pebs_event_constraints`, arch/x86/events/intel/ds.c, v6.12.
    public static let sapphireRapids = ProcessorModel(
        name: "sapphire-rapids", flavour: .intel, gp: 8, fixed: 4, version: 5,
        rows: goldenCoveFixedRows + [
            .event(0x2e, 0xff), .event(0x3c, 0xff), .events(0x01, 0x8f, 0xf), .umask(0x01a3, 0xf),
            .umask(0x02a3, 0xf), .umask(0x08a3, 0xf), .umask(0x04a4, 0x1), .umask(0x08a4, 0x1), .umask(0x02cd, 0x1),
            .event(0xce, 0x1), .events(0xd0, 0xdf, 0xf), .events(0x90, 0xfe, 0xff),
        ],
        preciseRows: [
            .plainUmask(0x0100, Counter.fixed(0).bit), .plainUmask(0x0400, Counter.fixed(3).bit),
            .plainEvent(0xc0, 0xfe), .umask(0x01cd, 0xfe), .umask(0x02cd, 0x1),
        ] + memoryRows,
        rules: [.checkpointedOnGP2, .preciseInstructionsOnFixed0, .preciseDistributionOnGP0, .preciseOnAnyEvent],
        metrics: 8, generic: intelGenericWithRefCyclesEvent, named: topdown(metrics: 8),
        socketEvents: intelSocketEvents(offcore: [0x012a, 0x012b]), maxEventsPerCycle: 12,
        maxFrequency: 5_500_000_000, branchesPerCycle: 2)

    /// Fixed and metric rows that Golden Cove and Lion Cove share.
    static let goldenCoveFixedRows: [ConstraintRow] =
        [
            .fixed(0x00c0, 0), .fixed(0x0100, 0), .fixed(0x003c, 1), .fixed(0x0300, 2), .fixed(0x013c, 2),
            .fixed(0x0400, 3),
        ] + metricRows(8)

    /// Precise rows of the memory events, which Golden Cove and Lion Cove share.
    static let memoryRows: [ConstraintRow] = [
        .plainUmask(0x11d0, 0xf), .plainUmask(0x12d0, 0xf), .plainUmask(0x21d0, 0xf), .plainUmask(0x41d0, 0xf),
        .plainUmask(0x42d0, 0xf), .plainUmask(0x81d0, 0xf), .plainUmask(0x82d0, 0xf), .events(0xd1, 0xd4, 0xf),
        .plainEvent(0xd0, 0xf),
    ]
}
