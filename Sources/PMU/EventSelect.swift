/// The bits of an event select register: Intel IA32_PERFEVTSELx (SDM volume 3B, 20.2.1.1) and AMD PERF_CTL
/// (APM volume 2, 13.2.1); what perf calls an event's raw config.
public struct EventSelect: Hashable, Sendable {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let user: UInt64 = 1 << 16
    public static let os: UInt64 = 1 << 17
    public static let edge: UInt64 = 1 << 18
    public static let interrupt: UInt64 = 1 << 20
    public static let any: UInt64 = 1 << 21
    public static let enable: UInt64 = 1 << 22
    public static let invert: UInt64 = 1 << 23
    public static let inTX: UInt64 = 1 << 32
    public static let inTXCheckpointed: UInt64 = 1 << 33
    /// AMD: counts only in guest mode, respectively only in host mode. On Intel the same bits are the lowest of UMASK2.
    public static let guestOnly: UInt64 = 1 << 40
    public static let hostOnly: UInt64 = 1 << 41
    /// Drives the PM pins of old processors (SDM volume 3B, 20.2.1.1); newer ones reserve it.
    public static let pinControl: UInt64 = 1 << 19
    /// What AMD's bits for the mode leave of a config that may have them: which event it is.
    public static func withoutModes(_ config: UInt64) -> UInt64 { config & ~(guestOnly | hostOnly) }
    /// Intel's second unit mask, bits 47:40, where CPUID 0x23.0:EBX[0] says that there is one: part of what the event
    /// is. Linux takes it into configs since v6.11 (`update_pmu_cap()`, arch/x86/events/intel/core.c); KVM offers no
    /// guest that leaf and reserves the bits (`intel_pmu_init()`, arch/x86/kvm/vmx/pmu_intel.c, v6.18).
    public static let unitMask2: UInt64 = 0xff << 40
    /// Bits that say how an event is counted rather than which.
    public static let control: UInt64 = enable | interrupt | pinControl
    /// AMD: what an event code is made of, bits 7:0 and 35:32.
    public static let amdEventMask: UInt64 = 0xf_0000_00ff

    /// `config` without its control bits: two configs with the same bare one count the same event in the same
    /// privilege levels. AMD's bits for the mode are no part of a config (`withoutModes`).
    public static func bare(_ config: UInt64) -> UInt64 { config & ~control }

    /// Bits 7:0: the event code of Intel, the low byte of AMD's.
    public var event: UInt64 { rawValue & 0xff }
    public var umask: UInt64 { rawValue >> 8 & 0xff }
    public var counterMask: UInt64 { rawValue >> 24 & 0xff }
    /// AMD's 12-bit event code: bits 7:0 and 35:32.
    public var amdEvent: UInt64 { rawValue & 0xff | rawValue >> 24 & 0xf00 }
    public var isEnabled: Bool { rawValue & EventSelect.enable != 0 }
    public var interrupts: Bool { rawValue & EventSelect.interrupt != 0 }
}
