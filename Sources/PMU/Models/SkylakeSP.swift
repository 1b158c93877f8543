extension ProcessorModel {
    /// Skylake-SP with hyper-threading: 4 GP and 3 fixed counters.
    public static let skylakeSP = skylake(name: "skylake-sp", gp: 4)

    /// Skylake-SP with hyper-threading off: the core's 8 GP counters belong to one logical CPU.
    public static let skylakeSPWithoutHT = skylake(name: "skylake-sp-noht", gp: 8)

    /// Rows: `intel_skl_event_constraints`, `hsw_get_event_constraints()`, arch/x86/events/intel/core.c, v6.12.
    /// Precise rows: `intel_skl_pebs_event_constraints`, arch/x86/events/intel/ds.c, v6.12.
    static func skylake(name: String, gp: Int) -> ProcessorModel {
        ProcessorModel(
            name: name, flavour: .intel, gp: gp, fixed: 3, version: 4,
            rows: [
                .fixed(0x00c0, 0), .fixed(0x003c, 1), .fixed(0x0300, 2), .umask(0x01c0, 0x2), .event(0xd0, 0xf),
                .event(0xd1, 0xf), .event(0xd2, 0xf), .event(0xcd, 0xf), .event(0xc6, 0xf),
            ],
            preciseRows: [.plainUmask(0x01c0, 0x2), .plainUmask(0x1080_00c0, 0xf), .everything(0xf)],
            rules: .checkpointedOnGP2, generic: intelGeneric,
            socketEvents: intelSocketEvents(offcore: [0x01b7, 0x01bb]), maxEventsPerCycle: 8,
            maxFrequency: 5_000_000_000, branchesPerCycle: 2)
    }
}
