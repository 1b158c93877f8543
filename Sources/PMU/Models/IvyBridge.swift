extension ProcessorModel {
    /// Ivy Bridge with hyper-threading and its erratum: 4 GP and 3 fixed counters.
    ///
    /// Rows: `intel_ivb_event_constraints`, arch/x86/events/intel/core.c, v6.12. Precise rows:
    /// `intel_ivb_pebs_event_constraints`, arch/x86/events/intel/ds.c, v6.12.
    public static let ivyBridge = ProcessorModel(
        name: "ivy-bridge", flavour: .intel, gp: 4, fixed: 3, version: 3,
        rows: [
            .fixed(0x00c0, 0), .fixed(0x003c, 1), .fixed(0x0300, 2), .umask(0x0148, 0x4), .umask(0x0279, 0xf),
            .umask(0x019c, 0xf), .umask(0x02a3, 0xf), .umask(0x04a3, 0xf), .umask(0x05a3, 0xf), .umask(0x06a3, 0xf),
            .umask(0x08a3, 0x4), .umask(0x0ca3, 0x4), .umask(0x01c0, 0x2),
        ] + exclusiveRows,
        preciseRows: [.plainUmask(0x01c0, 0x2), .event(0xcd, 0x8)] + exclusiveRows + [.everything(0xf)],
        rules: .hyperthreadErratum, generic: intelGeneric.merging([.stalledFrontend: 0x0180_010e]) { $1 },
        socketEvents: intelSocketEvents(offcore: [0x01b7, 0x01bb]), maxEventsPerCycle: 6,
        maxFrequency: 4_200_000_000, branchesPerCycle: 1)
}
