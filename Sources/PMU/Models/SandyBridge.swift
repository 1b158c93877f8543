extension ProcessorModel {
    /// Sandy Bridge with hyper-threading and its erratum: 4 GP and 3 fixed counters; memory events (0xd0 to 0xd3) are
    /// exclusive between the two threads of a core. GP counters are written with 32 bits.
    ///
    /// Rows: `intel_snb_event_constraints`, arch/x86/events/intel/core.c, v6.12. Precise rows:
    /// `intel_snb_pebs_event_constraints`, arch/x86/events/intel/ds.c, v6.12. Stalled cycles: `intel_pmu_init()`.
    public static let sandyBridge = ProcessorModel(
        name: "sandy-bridge", flavour: .intel, gp: 4, fixed: 3, version: 3, fullWidthWrites: false,
        rows: [
            .fixed(0x00c0, 0), .fixed(0x003c, 1), .fixed(0x0300, 2), .umask(0x04a3, 0xf), .umask(0x05a3, 0xf),
            .umask(0x02a3, 0x4), .umask(0x06a3, 0x4), .event(0x48, 0x4), .umask(0x01c0, 0x2), .event(0xcd, 0x8),
        ] + exclusiveRows,
        preciseRows: [.plainUmask(0x01c0, 0x2), .event(0xcd, 0x8)] + exclusiveRows + [.everything(0xf)],
        rules: .hyperthreadErratum,
        generic: intelGeneric.merging([.stalledFrontend: 0x0180_010e, .stalledBackend: 0x0180_01b1]) { $1 },
        socketEvents: intelSocketEvents(offcore: [0x01b7, 0x01bb]), maxEventsPerCycle: 6,
        maxFrequency: 4_000_000_000, branchesPerCycle: 1)

    /// `INTEL_EXCLEVT_CONSTRAINT` rows of Sandy Bridge to Haswell.
    static let exclusiveRows: [ConstraintRow] = (0xd0...0xd3).map { .event($0, 0xf, kind: .exclusive) }
}
