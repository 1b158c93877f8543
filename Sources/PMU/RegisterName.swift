/// What a PMU register's address means: the counter or control it names.
public enum RegisterName: Hashable, Sendable {
    case counter(Counter)
    /// IA32_A_PMCx: a write sets the whole width.
    case fullWidthCounter(Counter)
    case eventSelect(Counter)
    case fixedControl
    case globalStatus
    case globalControl
    case globalOverflowControl
    case globalStatusSet
    case globalInUse
    case pebsEnable
    case other

    /// The register at `address` on a processor driven as `flavour`.
    ///
    /// AMD's legacy registers 0xc0010000...7 name the first four counters too (APM volume 2, 13.2.1).
    public init(address: UInt32, flavour: Flavour) {
        self = flavour == .intel ? RegisterName.intel(address) : RegisterName.amd(address)
    }

    private static func intel(_ address: UInt32) -> RegisterName {
        switch address {
        case 0xc1..<0xc9: .counter(.gp(Int(address - 0xc1)))
        case 0x4c1..<0x4c9: .fullWidthCounter(.gp(Int(address - 0x4c1)))
        case 0x186..<0x18e: .eventSelect(.gp(Int(address - 0x186)))
        case 0x309..<0x30d: .counter(.fixed(Int(address - 0x309)))
        case MSR.fixedControl: .fixedControl
        case MSR.globalStatus: .globalStatus
        case MSR.globalControl: .globalControl
        case MSR.globalOverflowControl: .globalOverflowControl
        case MSR.globalStatusSet: .globalStatusSet
        case MSR.globalInUse: .globalInUse
        case MSR.pebsEnable: .pebsEnable
        case 0x1900..<0x1980:
            switch address & 3 {
            case 0: .fullWidthCounter(.gp(Int(address - 0x1900) / 4))
            case 1: .eventSelect(.gp(Int(address - 0x1900) / 4))
            default: .other
            }
        case 0x1980..<0x19a0 where address & 3 == 0: .counter(.fixed(Int(address - 0x1980) / 4))
        default: .other
        }
    }

    private static func amd(_ address: UInt32) -> RegisterName {
        switch address {
        case 0xc001_0000..<0xc001_0004: .eventSelect(.gp(Int(address - 0xc001_0000)))
        case 0xc001_0004..<0xc001_0008: .counter(.gp(Int(address - 0xc001_0004)))
        case 0xc001_0200..<0xc001_020c where address & 1 == 0: .eventSelect(.gp(Int(address - 0xc001_0200) / 2))
        case 0xc001_0200..<0xc001_020c: .counter(.gp(Int(address - 0xc001_0201) / 2))
        case MSR.amdGlobalStatus: .globalStatus
        case MSR.amdGlobalControl: .globalControl
        case MSR.amdGlobalStatusClear: .globalOverflowControl
        case MSR.amdGlobalStatusSet: .globalStatusSet
        default: .other
        }
    }
}
