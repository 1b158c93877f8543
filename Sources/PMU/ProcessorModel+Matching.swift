extension ProcessorModel {
    /// The model that Linux would choose for a processor, with the counters its CPUID leaves announce.
    ///
    /// Families and models are those of arch/x86/include/asm/intel-family.h and `init_amd()`, v6.12. A processor that
    /// no table names becomes an architectural model built from its leaf; nil where nothing is known of its counters.
    public static func matching(_ identity: ProcessorIdentity) -> ProcessorModel? {
        switch identity.vendor {
        case "GenuineIntel": intel(identity)
        case "AuthenticAMD", "HygonGenuine": amd(identity)
        default: nil
        }
    }

    /// The same from single values, as a trace's metadata holds them.
    public static func matching(
        vendor: String, family: UInt32, model: UInt32, stepping: UInt32 = 0, leaf0A: [UInt32]? = nil,
        leaf80000022: [UInt32]? = nil, perfCapabilities: UInt64? = nil
    ) -> ProcessorModel? {
        matching(
            ProcessorIdentity(
                vendor: vendor, family: family, model: model, stepping: stepping, leaf0A: leaf0A,
                leaf80000022: leaf80000022, perfCapabilities: perfCapabilities))
    }

    private static func intel(_ identity: ProcessorIdentity) -> ProcessorModel? {
        let counters = identity.intelCounters
        guard identity.family == 6, var model = intelTable(identity, gp: counters?.gp) else {
            guard let counters else { return nil }
            return architectural(
                version: counters.version, gp: counters.gp, fixed: counters.fixed, width: counters.width,
                fullWidthWrites: identity.fullWidthWrites ?? true)
        }
        if let counters {
            (model.version, model.gp, model.width, model.fixed) = counters
            if counters.fixed < 4 { model.metrics = 0 }
        }
        if let fullWidth = identity.fullWidthWrites { model.fullWidthWrites = fullWidth }
        return model
    }

    private static func intelTable(_ identity: ProcessorIdentity, gp: Int?) -> ProcessorModel? {
        let hasAllCoreCounters = gp ?? 4 > 4
        return switch identity.model {
        case 0x2a, 0x2d: sandyBridge
        case 0x3a, 0x3e: ivyBridge
        case 0x3c, 0x3f, 0x45, 0x46: haswell
        case 0x55 where identity.stepping >= 5: hasAllCoreCounters ? cascadeLakeWithoutHT : cascadeLake
        case 0x4e, 0x55, 0x5e, 0x8e, 0x9e, 0xa5, 0xa6: hasAllCoreCounters ? skylakeSPWithoutHT : skylakeSP
        case 0x6a, 0x6c, 0x7d, 0x7e, 0x8c, 0x8d, 0x9d, 0xa7: iceLakeSP
        case 0x8f, 0xad, 0xae, 0xcf: sapphireRapids
        case 0xb5, 0xbd, 0xc5, 0xc6: lionCove
        default: nil
        }
    }

    private static func amd(_ identity: ProcessorIdentity) -> ProcessorModel? {
        let counters = identity.amdCounters
        guard var model = amdTable(identity) else {
            guard identity.family >= 0x17 else { return nil }
            return amdArchitectural(version: counters?.version ?? 1, gp: counters?.gp ?? 6)
        }
        if let counters {
            model.gp = counters.gp
            model.version = counters.version
            model.flavour = .amdV2
        }
        return model
    }

    private static func amdTable(_ identity: ProcessorIdentity) -> ProcessorModel? {
        switch (identity.family, identity.model) {
        case (0x15, _): family15h
        case (0x17, ..<0x30), (0x18, _): zen1
        case (0x17, _): zen2
        case (0x19, 0x10...0x1f), (0x19, 0x60...0x7f), (0x19, 0xa0...0xaf): zen4
        case (0x19, _): zen3
        case (0x1a, _): zen5
        default: nil
        }
    }
}
