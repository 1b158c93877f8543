import PMU
import Policy

/// One vCPU's PMU as KVM keeps it (`struct kvm_pmu`), flat: registers, and what stands behind each counter.
///
/// Masks name counters by `Counter.bit`; arrays are indexed by `GuestRegisters.slot(of:)`.
public struct VirtualPMU: Sendable {
    public let shape: GuestPMUShape
    public internal(set) var registers = GuestRegisters()

    /// The perf event behind each counter, -1 where there is none.
    var event = InlineArray<16, Int>(repeating: -1)
    /// The event select or control field the event was made for (`current_config`).
    var currentConfig = InlineArray<16, UInt64>(repeating: 0)
    /// How much of the event's count the counter's value holds already.
    var consumed = InlineArray<16, UInt64>(repeating: 0)
    /// The event's enabled and running time that went with it, where the guest reads scaled counts.
    var consumedEnabled = InlineArray<16, UInt64>(repeating: 0)
    var consumedRunning = InlineArray<16, UInt64>(repeating: 0)
    /// Events of emulated instructions that the counter's value does not hold yet.
    var emulated = InlineArray<16, UInt64>(repeating: 0)
    /// Counters whose event is paused.
    var paused: UInt64 = 0
    /// Counters whose value may pass zero without being noticed: their interrupt came, or a write was set off against
    /// what they had counted.
    var mayWrap: UInt64 = 0
    /// Counters to reprogram at the next entry (`reprogram_pmi`).
    var reprogram: UInt64 = 0
    /// Counters whose registers were written in this time slice (`pmc_in_use`).
    var inUse: UInt64 = 0
    /// Counters whose event is precise: made while their PEBS bit was set.
    var precise: UInt64 = 0
    /// IA32_DEBUGCTL, and the event that keeps the last branch records for the guest, -1 if there is none.
    public internal(set) var debugControl: UInt64 = 0
    var lbrEvent = -1
    /// Counters with a perf event (`event_count` of them).
    var backed: UInt64 = 0

    public init(shape: GuestPMUShape, fixedEvents: [UInt64] = []) {
        self.shape = shape
        for (number, config) in fixedEvents.prefix(shape.fixed).enumerated() {
            registers.eventSelect[GuestRegisters.firstFixedSlot + number] = config
        }
        registers.globalControl = (1 << UInt64(shape.gp)) - 1
    }

    /// IA32_DEBUGCTL.LBR (SDM volume 4, MSR 0x1d9).
    static let lastBranchRecords: UInt64 = 1

    /// Counters that GLOBAL_CTRL leaves on; all of them for a guest that has no GLOBAL_CTRL.
    public var globallyEnabled: UInt64 {
        shape.hasGlobalControl ? registers.globalControl & shape.allCounters : shape.allCounters
    }

    /// Counters the guest believes to count: its own control and GLOBAL_CTRL both say so.
    public var enabledMask: UInt64 {
        var mask: UInt64 = 0
        var bits = globallyEnabled
        while bits != 0 {
            let counter = Counter(index: UInt8(bits.trailingZeroBitCount))
            if let slot = GuestRegisters.slot(of: counter), registers.isLocallyEnabled(slot: slot) {
                mask |= counter.bit
            }
            bits &= bits - 1
        }
        return mask
    }

    /// The sample period that makes an event overflow when the counter would (`get_sample_period()`).
    func samplePeriod(slot: Int) -> UInt64 {
        let period = (0 &- registers.counter[slot]) & shape.counterMask
        return period == 0 ? shape.counterMask &+ 1 : period
    }
}
