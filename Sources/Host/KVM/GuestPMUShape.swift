import PMU

/// The PMU that KVM shows a guest: what its CPUID says.
///
/// KVM offers at most perfmon version 2, 8 GP and 3 fixed counters on Intel, 6 GP counters on AMD
/// (`kvm_init_pmu_capability()` and `KVM_MAX_NR_*`, arch/x86/kvm/pmu.c and pmu.h, v6.12).
public struct GuestPMUShape: Sendable, Equatable {
    public var flavour: Flavour
    /// 0 for a guest without a PMU. On AMD 2 means PerfMonV2.
    public var version: Int
    public var gp: Int
    public var fixed: Int
    /// Counter width in bits.
    public var width: Int
    /// FW_WRITE in the guest's PERF_CAPABILITIES: GP counters have full-width aliases.
    public var fullWidthWrites: Bool
    /// Whether the guest was offered PEBS.
    public var pebs: PEBS
    /// Whether the guest was offered last branch records.
    public var lastBranchRecords: LastBranchRecords
    /// AMD: whether the guest was offered the core extension (PERF_CTL0...5).
    public var coreExtension: CoreExtension
    /// Whether the guest sees TSX, which makes bits 32 and 33 of an event select valid.
    public var tsx: TSX

    public enum PEBS: Sendable { case absent, offered }
    public enum LastBranchRecords: Sendable { case absent, offered }
    public enum CoreExtension: Sendable { case absent, offered }
    public enum TSX: Sendable { case absent, offered }

    public static let maxGPIntel = 8
    public static let maxFixedIntel = 3
    public static let maxGPAMD = 6

    /// What KVM offers by default on a host with this processor.
    public init(host model: ProcessorModel) {
        flavour = model.flavour
        width = model.width
        version = min(model.version, 2)
        pebs = .absent
        lastBranchRecords = .absent
        coreExtension = .offered
        tsx = .absent
        if model.flavour == .intel {
            gp = min(model.gp, GuestPMUShape.maxGPIntel)
            fixed = min(model.fixed, GuestPMUShape.maxFixedIntel)
            fullWidthWrites = model.fullWidthWrites
        } else {
            gp = min(model.gp, GuestPMUShape.maxGPAMD)
            fixed = 0
            fullWidthWrites = true
        }
    }

    /// A guest that was given no PMU.
    public static func absent(flavour: Flavour) -> GuestPMUShape {
        var shape = GuestPMUShape(host: flavour == .intel ? .skylakeSP : .zen2)
        shape.flavour = flavour
        shape.version = 0
        shape.gp = 0
        shape.fixed = 0
        return shape
    }

    public var counterMask: UInt64 { width >= 64 ? .max : (1 << UInt64(width)) - 1 }
    public var allCounters: UInt64 { (1 << UInt64(gp)) - 1 | ((1 << UInt64(fixed)) - 1) << 32 }
    /// Whether the guest has GLOBAL_CTRL (`kvm_pmu_has_perf_global_ctrl()`).
    public var hasGlobalControl: Bool { version > 1 }

    /// Bits of an event select that perf gets to see (`raw_event_mask`): event, umask, edge, invert, counter mask.
    var rawEventMask: UInt64 {
        let common: UInt64 = 0xffff | EventSelect.edge | EventSelect.invert | 0xff00_0000
        if flavour != .intel { return common | EventSelect.amdEventMask }
        return tsx == .offered ? common | EventSelect.inTX | EventSelect.inTXCheckpointed : common
    }

    /// Bits a guest must not set in event select `number`: a fault on Intel, dropped on AMD.
    func reservedEventSelectBits(_ number: Int) -> UInt64 {
        guard flavour == .intel else { return 0xffff_fff0_0028_0000 }
        var bits: UInt64 = 0xffff_ffff_0020_0000
        if tsx == .offered {
            bits &= ~EventSelect.inTX
            if number == 2 { bits &= ~EventSelect.inTXCheckpointed }
        }
        return bits
    }

    /// What event select `number` holds once `value` was written to it, nil where that raises #GP.
    @inline(__always)
    func heldSelect(_ number: Int, _ value: UInt64) -> UInt64? {
        let reserved = reservedEventSelectBits(number)
        if flavour != .intel { return value & ~reserved }
        return value & reserved == 0 ? value : nil
    }

    /// Bits that are reserved in FIXED_CTR_CTRL: all but OS, user and interrupt of each fixed counter.
    var reservedFixedControlBits: UInt64 {
        var valid: UInt64 = 0
        for number in 0..<fixed { valid |= 0xb << (4 * UInt64(number)) }
        return ~valid
    }
}
