/// CPUID as far as it decides which model a processor is.
public struct ProcessorIdentity: Hashable, Sendable {
    /// `GenuineIntel`, `AuthenticAMD` or `HygonGenuine`.
    public var vendor: String
    public var family: UInt32
    public var model: UInt32
    public var stepping: UInt32
    /// Leaf 0xA as EAX, EBX, ECX, EDX.
    public var leaf0A: [UInt32]?
    /// Leaf 0x80000022 as EAX, EBX, ECX, EDX.
    public var leaf80000022: [UInt32]?
    /// MSR IA32_PERF_CAPABILITIES (0x345).
    public var perfCapabilities: UInt64?

    public init(
        vendor: String, family: UInt32, model: UInt32, stepping: UInt32 = 0, leaf0A: [UInt32]? = nil,
        leaf80000022: [UInt32]? = nil, perfCapabilities: UInt64? = nil
    ) {
        self.vendor = vendor
        self.family = family
        self.model = model
        self.stepping = stepping
        self.leaf0A = leaf0A
        self.leaf80000022 = leaf80000022
        self.perfCapabilities = perfCapabilities
    }

    /// What leaf 0xA announces (SDM volume 2, CPUID); nil where it is absent, announces version 0 or cannot be true.
    var intelCounters: (version: Int, gp: Int, width: Int, fixed: Int)? {
        guard let leaf = leaf0A, leaf.count == 4, leaf[0] & 0xff > 0 else { return nil }
        let version = Int(leaf[0] & 0xff)
        let gp = Int(leaf[0] >> 8 & 0xff)
        let width = Int(leaf[0] >> 16 & 0xff)
        var fixed = version >= 2 ? Int(leaf[3] & 0x1f) : 0
        if version >= 5 { fixed = max(fixed, 32 - leaf[2].leadingZeroBitCount) }
        guard (1...32).contains(gp), (32...63).contains(width), fixed <= 16 else { return nil }
        return (version, gp, width, fixed)
    }

    /// What leaf 0x80000022 announces (APM volume 3): PerfMonV2 and the number of core counters.
    var amdCounters: (version: Int, gp: Int)? {
        guard let leaf = leaf80000022, leaf.count == 4, leaf[0] & 1 != 0 else { return nil }
        let gp = Int(leaf[1] & 0xf)
        return gp > 0 ? (2, gp) : nil
    }

    /// PERF_CAPABILITIES bit 13: GP counters can be written at full width.
    var fullWidthWrites: Bool? { perfCapabilities.map { $0 >> 13 & 1 != 0 } }
}
