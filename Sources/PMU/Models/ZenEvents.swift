extension ProcessorModel {
    /// The large-increment event 0x003 of Family 17h and later takes two neighbouring counters, the first of them even
    /// (`amd_is_pair_event_code()`, `amd_core_pmu_init()`, arch/x86/events/amd/core.c, v6.12).
    static let largeIncrement = ConstraintRow.amdEvent(0x003, 0x15, kind: .pair, weight: 3)

    /// What the generic maps of Zen 1 to Zen 5 share (`amd_zen1_perfmon_event_map` and its successors, same file).
    static func zenGeneric(_ more: [GenericEvent: UInt64]) -> [GenericEvent: UInt64] {
        let common: [GenericEvent: UInt64] = [
            .cycles: 0x0076, .instructions: 0x00c0, .cacheReferences: 0xff60, .cacheMisses: 0x0964, .branches: 0x00c2,
            .branchMisses: 0x00c3,
        ]
        return common.merging(more) { $1 }
    }

    /// A Zen generation: six equal GP counters and no fixed ones. Two units execute branches up to Zen 4, three from
    /// Zen 5 on (Software Optimization Guides for Families 17h, 19h and 1Ah).
    static func zen(
        name: String, flavour: Flavour, generic: [GenericEvent: UInt64], maxFrequency: UInt64,
        branchesPerCycle: UInt64? = 2
    ) -> ProcessorModel {
        ProcessorModel(
            name: name, flavour: flavour, gp: 6, fixed: 0, version: flavour == .amdV2 ? 2 : 1, rows: [largeIncrement],
            generic: zenGeneric(generic), socketEvents: zenSocketEvents, maxEventsPerCycle: 16,
            maxFrequency: maxFrequency, branchesPerCycle: branchesPerCycle)
    }

    /// Core events that name the source of a fill beyond the core's own caches (Family 17h and 19h PPRs).
    static let zenSocketEvents: [EventPattern] = [
        .event("ls_dmnd_fills_from_sys", 0x043), .event("ls_any_fills_from_sys", 0x044),
        .event("ls_sw_pf_dc_fill", 0x059), .event("ls_hw_pf_dc_fill", 0x05a),
        .event("l2_pf_hit_l2_miss_l3", 0x071), .event("l2_pf_miss_l2_l3", 0x072),
    ]
}
