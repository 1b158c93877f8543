/// Which registers belong to the core PMU: event selects, counters, controls and status of Intel and AMD.
///
/// Intel SDM volume 4 (architectural MSRs) and volume 3 chapter 21; AMD64 APM volume 2, 13.2. Uncore, L3 and data fabric
/// counters are other PMUs and not among them.
enum PMURegisters {
    private static let ranges: [ClosedRange<UInt32>] = [
        0xc1...0xc8,  // IA32_PMC0-7
        0x186...0x18d,  // IA32_PERFEVTSEL0-7
        0x309...0x318,  // IA32_FIXED_CTR0-
        0x329...0x329,  // IA32_PERF_METRICS
        0x345...0x345,  // IA32_PERF_CAPABILITIES
        0x38d...0x392,  // fixed control, global status, control, reset, set, in use
        0x3f1...0x3f2,  // PEBS enable and data configuration
        0x4c1...0x4c8,  // IA32_A_PMC0-7
        0x600...0x600,  // IA32_DS_AREA
        0x1309...0x1310,  // reload of fixed counters
        0x14c1...0x14c8,  // reload of general counters
        0x1900...0x19ff,  // aliases of version 6
        0xc000_0300...0xc000_0303,  // AMD PerfMonV2 global registers
        0xc001_0000...0xc001_0007,  // AMD legacy selects and counters
        0xc001_0200...0xc001_020b,  // AMD core extension selects and counters
    ]

    static func contains(_ register: UInt32) -> Bool {
        ranges.contains { $0.contains(register) }
    }
}
