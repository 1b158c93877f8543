import PMU
import Policy

/// A guest's PEBS and last branch records: arch/x86/kvm/pmu.c and vmx/pmu_intel.c, v6.12.
extension HostMachine {
    /// The pseudo counter and config of the event that keeps the last branch records for a guest
    /// (`INTEL_FIXED_VLBR_EVENT`, arch/x86/include/asm/perf_event.h).
    static var lbrCounter: Counter { Counter(index: 58) }
    static var lbrConfig: UInt64 { 0x1b00 }

    @inline(__always)
    func wantsPEBS(_ vcpu: Int, _ slot: Int) -> Bool { vcpus[vcpu].pmu.registers.pebsEnable & bit(slot) != 0 }

    /// `precise_ip` of the event behind a counter: none without PEBS, the highest where the virtual counter is one of
    /// special precision on this processor (`pmc_get_pebs_precise_level()`), else the lowest.
    @inline(__always)
    func preciseLevel(_ vcpu: Int, _ slot: Int) -> Int {
        guard wantsPEBS(vcpu, slot) else { return 0 }
        let onGP0 = model.rules.contains(.preciseDistributionOnGP0)
        if slot == 0, onGP0 { return 3 }
        if slot == GuestRegisters.firstFixedSlot, !onGP0, model.rules.contains(.preciseInstructionsOnFixed0) {
            return 3
        }
        return 1
    }

    /// The guest's counters whose physical counter has another number: `intel_pmu_cross_mapped_check()`.
    @inline(__always)
    public func crossMapped(vcpu: Int) -> UInt64 {
        var mask: UInt64 = 0
        for slot in 0..<GuestRegisters.slots where vcpus[vcpu].pmu.event[slot] >= 0 {
            guard vcpus[vcpu].pmu.globallyEnabled & bit(slot) != 0,
                let counter = scheduler.counter(of: vcpus[vcpu].pmu.event[slot])
            else { continue }
            if counter != Int(GuestRegisters.counter(at: slot).index) { mask |= bit(slot) }
        }
        return mask
    }

    /// PEBS_ENABLE as the guest runs with it: counters that are mapped to another one are left out, for the hardware
    /// would write records of the wrong counter (`intel_guest_get_msrs()`).
    @inline(__always)
    public func pebsInForce(vcpu: Int) -> UInt64 {
        vcpus[vcpu].pmu.registers.pebsEnable & ~crossMapped(vcpu: vcpu)
    }

    /// `intel_pmu_create_guest_lbr_event()`: one more event pinned to the vCPU's thread.
    mutating func makeLBR(_ vcpu: Int) {
        guard guestRules(vcpu).access == .emulated, vcpus[vcpu].pmu.lbrEvent < 0 else { return }
        let spec = EventSpec(
            config: HostMachine.lbrConfig, constraint: Constraint(mask: HostMachine.lbrCounter.bit),
            priority: .pinned, scope: .task(vcpus[vcpu].task), exclusion: .host,
            owner: .guest(vcpu: vcpu, counter: HostMachine.lbrCounter))
        vcpus[vcpu].pmu.lbrEvent = scheduler.create(spec)
        vcpus[vcpu].counts.eventsCreated += 1
        scheduler.install(vcpus[vcpu].pmu.lbrEvent)
    }

    /// `intel_pmu_release_guest_lbr_event()`.
    mutating func releaseLBR(_ vcpu: Int) {
        guard vcpus[vcpu].pmu.lbrEvent >= 0 else { return }
        scheduler.remove(vcpus[vcpu].pmu.lbrEvent)
        vcpus[vcpu].pmu.lbrEvent = -1
        vcpus[vcpu].counts.eventsReleased += 1
    }
}
