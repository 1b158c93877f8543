extension ProcessorModel {
    /// Ice Lake-SP: 8 GP and 4 fixed counters whether hyper-threading is on or off, 4 topdown metrics.
    ///
    /// Rows: `intel_icl_event_constraints` and `icl_get_event_constraints()`, arch/x86/events/intel/core.c, v6.12.
    /// Precise rows: `intel_icl_pebs_event_constraints`, arch/x86/events/intel/ds.c, v6.12.
    public static let iceLakeSP = ProcessorModel(
        name: "ice-lake-sp", flavour: .intel, gp: 8, fixed: 4, version: 5,
        rows: [
            .fixed(0x00c0, 0), .fixed(0x01c0, 0), .fixed(0x0100, 0), .fixed(0x003c, 1), .fixed(0x0300, 2),
            .fixed(0x0400, 3),
        ] + metricRows(4) + [
            .events(0x03, 0x0a, 0xf), .events(0x1f, 0x28, 0xf), .event(0x32, 0xf), .events(0x48, 0x56, 0xf),
            .events(0x60, 0x8b, 0xf), .umask(0x04a3, 0xff), .umask(0x10a3, 0xff), .umask(0x14a3, 0xff),
            .event(0xa3, 0xf), .events(0xa8, 0xb0, 0xf), .events(0xb7, 0xbd, 0xf), .events(0xd0, 0xe6, 0xf),
            .event(0xef, 0xf), .events(0xf0, 0xf4, 0xf),
        ],
        preciseRows: [
            .plainUmask(0x01c0, Counter.fixed(0).bit), .plainUmask(0x0100, Counter.fixed(0).bit),
            .plainUmask(0x0400, Counter.fixed(3).bit), .umask(0x01cd, 0xff), .plainUmask(0x11d0, 0xf),
            .plainUmask(0x12d0, 0xf), .plainUmask(0x21d0, 0xf), .plainUmask(0x41d0, 0xf), .plainUmask(0x42d0, 0xf),
            .plainUmask(0x81d0, 0xf), .plainUmask(0x82d0, 0xf), .events(0xd1, 0xd4, 0xf), .plainEvent(0xd0, 0xf),
        ],
        rules: [.checkpointedOnGP2, .preciseInstructionsOnFixed0, .preciseOnAnyEvent], metrics: 4,
        generic: intelGeneric, named: topdown(metrics: 4),
        socketEvents: intelSocketEvents(offcore: [0x01b7, 0x01bb]), maxEventsPerCycle: 10,
        maxFrequency: 5_000_000_000, branchesPerCycle: 2)
}
