/// The registers of the core PMU: what a recorder's in-kernel filter lets through, an importer keeps with `--pmu-only`,
/// and `scrub` leaves as it is. One table, so that a recording and an import of the same run hold the same accesses.
///
/// Intel SDM volume 4 and AMD APM volume 2, appendix A, as Linux uses them. AMD's other PMUs (L3, NB, data fabric,
/// memory controller) and Intel's uncore lie outside.
public enum PMURegisters {
    public static let ranges: [ClosedRange<UInt32>] = [
        0x186...0x18f,  // IA32_PERFEVTSEL0-9
        0xc1...0xca,  // IA32_PMC0-9
        0x4c1...0x4ca,  // IA32_A_PMC0-9
        0x309...0x318,  // IA32_FIXED_CTR0-15
        0x329...0x329,  // IA32_PERF_METRICS
        0x345...0x345,  // IA32_PERF_CAPABILITIES
        0x38d...0x392,  // fixed control, global status, control, reset, set, in use
        0x3f1...0x3f2,  // PEBS enable and data configuration
        debugStoreArea...debugStoreArea,
        0x1309...0x1318,  // reload of fixed counters
        0x14c1...0x14ca,  // reload of general counters
        0x1900...0x19ff,  // aliases of version 6
        0xc000_0300...0xc000_0303,  // AMD PerfMonV2 global registers
        0xc001_0000...0xc001_0007,  // AMD legacy selects and counters
        0xc001_0200...0xc001_020b,  // AMD core-extension selects and counters
    ]

    /// IA32_DS_AREA: where PEBS writes; of all these the only one that holds an address.
    private static let debugStoreArea: UInt32 = 0x600

    /// Beside the PMU, and steering it: IA32_MISC_ENABLE and IA32_DEBUGCTL.
    private static let settings: Set<UInt32> = [0x1a0, 0x1d9]

    public static func contains(_ register: UInt32) -> Bool {
        ranges.contains { $0.contains(register) }
    }

    /// The register's values are settings and counts, no addresses.
    static func holdsNoAddress(_ register: UInt32) -> Bool {
        settings.contains(register) || UncoreRegister.isUncore(register)
            || (contains(register) && register != debugStoreArea)
    }
}
