extension ProcessorModel {
    /// `intel_perfmon_event_map`, arch/x86/events/intel/core.c, v6.12.
    static let intelGeneric: [GenericEvent: UInt64] = [
        .cycles: 0x003c, .instructions: 0x00c0, .cacheReferences: 0x4f2e, .cacheMisses: 0x412e, .branches: 0x00c4,
        .branchMisses: 0x00c5, .busCycles: 0x013c, .refCycles: 0x0300,
    ]

    /// The same where CPUID announces an event for reference cycles, as `intel_pmu_ref_cycles_ext()` has it.
    static let intelGenericWithRefCyclesEvent = intelGeneric.merging([.refCycles: 0x013c]) { $1 }

    /// Topdown names of processors whose fixed counter 3 counts slots (`icl_events_attrs`, `spr_events_attrs`).
    static func topdown(metrics: Int) -> [String: UInt64] {
        let names = [
            "topdown-retiring", "topdown-bad-spec", "topdown-fe-bound", "topdown-be-bound", "topdown-heavy-ops",
            "topdown-br-mispredict", "topdown-fetch-lat", "topdown-mem-bound",
        ]
        var named: [String: UInt64] = ["slots": 0x0400]
        for (number, name) in names.prefix(metrics).enumerated() { named[name] = 0x8000 + UInt64(number) << 8 }
        return named
    }

    /// The rows of `count` topdown metrics.
    static func metricRows(_ count: Int) -> [ConstraintRow] {
        (0..<count).map { .metric(0x8000 + UInt64($0) << 8, $0) }
    }

    /// Core events that see the shared cache, memory or other cores, from Intel's event lists (OFFCORE_REQUESTS,
    /// LONGEST_LAT_CACHE, MEM_LOAD_L3_*, and the off-core response events `offcore`).
    static func intelSocketEvents(offcore: [UInt64]) -> [EventPattern] {
        [
            .event("OFFCORE_REQUESTS", 0xb0), .event("OFFCORE_REQUESTS_OUTSTANDING", 0x60),
            .event("LONGEST_LAT_CACHE", 0x2e), .event("MEM_LOAD_L3_HIT_RETIRED", 0xd2),
            .event("MEM_LOAD_L3_MISS_RETIRED", 0xd3), .umask("MEM_LOAD_RETIRED.L3_HIT", 0x04d1),
            .umask("MEM_LOAD_RETIRED.L3_MISS", 0x20d1), .umask("MEM_LOAD_RETIRED.LOCAL_PMM", 0x80d1),
        ] + offcore.map { .umask("OFFCORE_RESPONSE", $0) }
    }
}
