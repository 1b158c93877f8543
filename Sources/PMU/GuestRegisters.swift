/// The PMU registers of one vCPU as its guest sees them, flat.
///
/// General-purpose and fixed counters share the arrays: `slot(of:)` says where a counter stands. KVM gives a guest at
/// most 8 GP counters and 3 fixed ones on Intel, 6 GP counters on AMD (`KVM_MAX_NR_*`, arch/x86/kvm/pmu.h).
public struct GuestRegisters: Sendable {
    /// Number of counters the arrays hold: 12 GP, then 4 fixed.
    public static let slots = 16
    public static let firstFixedSlot = 12

    /// Counter values, cut to the counters' width.
    public var counter = InlineArray<16, UInt64>(repeating: 0)
    /// Event selects; a fixed counter's slot holds the event select it stands for, without enable bits.
    public var eventSelect = InlineArray<16, UInt64>(repeating: 0)
    public var fixedControl: UInt64 = 0
    public var globalControl: UInt64 = 0
    public var globalStatus: UInt64 = 0
    public var pebsEnable: UInt64 = 0

    public init() {}

    /// The slot of `counter`, nil for one that no guest has.
    @inlinable public static func slot(of counter: Counter) -> Int? {
        if counter.isFixed { return counter.number < slots - firstFixedSlot ? firstFixedSlot + counter.number : nil }
        return counter.number < firstFixedSlot ? counter.number : nil
    }

    /// The counter at `slot`.
    @inlinable public static func counter(at slot: Int) -> Counter {
        slot < firstFixedSlot ? .gp(slot) : .fixed(slot - firstFixedSlot)
    }

    /// The four control bits of fixed counter `number`.
    @inlinable public func fixedField(_ number: Int) -> UInt64 { FixedControl.field(number, of: fixedControl) }

    /// The counters whose own control says that they count, by `Counter.bit`.
    public var locallyEnabled: UInt64 {
        var mask: UInt64 = 0
        for slot in 0..<GuestRegisters.slots where isLocallyEnabled(slot: slot) {
            mask |= GuestRegisters.counter(at: slot).bit
        }
        return mask
    }

    /// Whether the counter's own control says that it counts, GLOBAL_CTRL apart.
    @inlinable public func isLocallyEnabled(slot: Int) -> Bool {
        slot < GuestRegisters.firstFixedSlot
            ? eventSelect[slot] & EventSelect.enable != 0
            : fixedField(slot - GuestRegisters.firstFixedSlot) & 0x3 != 0
    }
}
