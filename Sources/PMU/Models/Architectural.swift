extension ProcessorModel {
    /// A processor that Linux has no table for: "architectural perfmon vN with G GP and F fixed counters".
    ///
    /// Rows: `intel_gen_event_constraints` for versions 2 to 4, `intel_v5_gen_event_constraints` from 5 on, none for
    /// version 1 (`intel_pmu_init()`, arch/x86/events/intel/core.c, v6.12), trimmed to the counters there are. With
    /// version 6 comes CPUID leaf 0x23, and with it a second unit mask.
    ///
    /// - Precondition: `gp` is at most 32, `fixed` at most 16.
    public static func architectural(
        version: Int, gp: Int, fixed: Int, width: Int = 48, fullWidthWrites: Bool = true
    ) -> ProcessorModel {
        let fixed = version >= 2 ? fixed : 0
        var rows: [ConstraintRow] = []
        if version >= 2 { rows += [.fixed(0x00c0, 0), .fixed(0x003c, 1), .fixed(0x0300, 2)] }
        if version >= 5 { rows += (3..<16).map { .fixed(UInt64($0 + 1) << 8, $0) } }
        return ProcessorModel(
            name: "architectural-v\(version)-\(gp)gp-\(fixed)fixed", flavour: .intel, gp: gp,
            fixed: fixed, version: version, fullWidthWrites: fullWidthWrites, rows: rows,
            rules: version >= 6 ? .secondUnitMask : [],
            generic: intelGeneric, socketEvents: intelSocketEvents(offcore: []), width: width)
    }

    /// An AMD processor that Linux has no generation for: equal counters, PerfMonV2 from version 2 on.
    static func amdArchitectural(version: Int, gp: Int) -> ProcessorModel {
        var model = zen(
            name: "amd-v\(version)-\(gp)gp", flavour: version >= 2 ? .amdV2 : .amdCoreExt, generic: [:],
            maxFrequency: 6_000_000_000)
        model.gp = gp
        return model
    }

    /// The model that a name of the form `architectural-v4-8gp-3fixed` stands for, nil if it has not that form or no
    /// processor could be so.
    static func architectural(named name: String) -> ProcessorModel? {
        let parts = name.split(separator: "-")
        guard parts.count == 4, parts[0] == "architectural",
            parts[1].hasPrefix("v"), let version = Int(parts[1].dropFirst()), (1...6).contains(version),
            parts[2].hasSuffix("gp"), let gp = Int(parts[2].dropLast(2)), (1...32).contains(gp),
            parts[3].hasSuffix("fixed"), let fixed = Int(parts[3].dropLast(5)), (0...16).contains(fixed)
        else { return nil }
        let model = architectural(version: version, gp: gp, fixed: fixed)
        return model.name == name ? model : nil
    }
}
