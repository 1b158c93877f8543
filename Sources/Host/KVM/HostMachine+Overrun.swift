import PMU
import Policy

/// Counters that run out where the demand does not say so: under another policy than the recording one a guest's
/// counter may count more, or less, and its interrupts come at other times.
extension HostMachine {
    /// Where counts are worked out rather than seen they are off by an event for each stretch.
    private static var tolerance: UInt64 { 64 }

    /// `value` is what a counter comes to, not yet cut to its width.
    mutating func noteWrap(_ vcpu: Int, _ slot: Int, _ value: UInt64) {
        let mask = vcpus[vcpu].pmu.shape.counterMask
        guard value > mask else { return }
        if vcpus[vcpu].pmu.mayWrap & bit(slot) != 0 {
            vcpus[vcpu].pmu.mayWrap &= ~bit(slot)
        } else if value & mask > HostMachine.tolerance, asksForInterrupt(vcpu, slot) {
            overruns.append(Overrun(vcpu: vcpu, counter: GuestRegisters.counter(at: slot)))
        }
    }

    private func asksForInterrupt(_ vcpu: Int, _ slot: Int) -> Bool {
        let registers = vcpus[vcpu].pmu.registers
        let counter = GuestRegisters.counter(at: slot)
        return counter.isFixed
            ? registers.fixedField(counter.number) & 0x8 != 0
            : registers.eventSelect[slot] & EventSelect.interrupt != 0
    }

    /// Whether the guest's counter is far from running out, so that an interrupt of it would not come now. A counter
    /// that has just run out holds little.
    public func isFarFromOverflow(vcpu: Int, counter: Counter) -> Bool {
        guard let slot = GuestRegisters.slot(of: counter) else { return true }
        let pmu = vcpus[vcpu].pmu
        var value = pmu.registers.counter[slot] &+ pmu.emulated[slot]
        if pmu.event[slot] >= 0, pmu.paused & counter.bit == 0 {
            value = value &+ scheduler.sink.count(of: pmu.event[slot]) &- pmu.consumed[slot]
        }
        value &= pmu.shape.counterMask
        guard value > pmu.shape.counterMask >> 1 else { return false }
        return pmu.shape.counterMask - value > HostMachine.tolerance
    }
}
