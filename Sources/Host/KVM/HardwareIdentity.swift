import PMU

/// KVM's own tables from event selects to perf's generic hardware ids, as they stood before 2022
/// (`intel_arch_events[]`, arch/x86/kvm/vmx/pmu_intel.c; `amd_event_mapping[]`, arch/x86/kvm/svm/pmu.c; v5.4, v5.17).
///
/// A generic id is translated back by the *host's* table: where the two disagree, the guest's event becomes another.
enum HardwareIdentity {
    private static let intel: [UInt64: GenericEvent] = [
        0x003c: .cycles, 0x00c0: .instructions, 0x013c: .busCycles, 0x4f2e: .cacheReferences, 0x412e: .cacheMisses,
        0x00c4: .branches, 0x00c5: .branchMisses,
    ]
    private static let amd: [UInt64: GenericEvent] = [
        0x0076: .cycles, 0x00c0: .instructions, 0x077d: .cacheReferences, 0x077e: .cacheMisses, 0x00c2: .branches,
        0x00c3: .branchMisses, 0x00d0: .stalledFrontend, 0x00d1: .stalledBackend,
    ]

    /// The generic id of a GP counter's event select, nil where it stays raw: unknown events, and any with edge,
    /// invert, counter mask or the TSX bits.
    static func genericEvent(of eventSelect: UInt64, flavour: Flavour) -> GenericEvent? {
        let modifiers =
            EventSelect.edge | EventSelect.invert | 0xff00_0000 | EventSelect.inTX | EventSelect.inTXCheckpointed
        guard eventSelect & modifiers == 0 else { return nil }
        return (flavour == .intel ? intel : amd)[eventSelect & 0xffff]
    }

    /// What guest fixed counter `number` counts (`fixed_pmc_events[]`, later `intel_get_fixed_pmc_eventsel()`).
    static func fixedEvent(_ number: Int) -> GenericEvent {
        switch number {
        case 0: .instructions
        case 1: .cycles
        default: .refCycles
        }
    }
}
