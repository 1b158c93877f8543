import PMU
import Policy

/// Handing the PMU over around a guest (`kvm_mediated_pmu_load()` and `_put()`, arch/x86/kvm/pmu.c, 7.x), and who
/// excludes whom (kernel/events/core.c, 7.x). Virtual counter n is physical counter n.
///
/// The processor's own support for it (perfmon v4 with full-width writes, AMD PerfMonV2) is not asked for: the policy
/// is played on any model.
extension HostMachine {
    @inline(__always)
    func isMediated(_ vcpu: Int) -> Bool { guestRules(vcpu).access == .mediated }

    /// Whether the PMU holds the registers of `vcpu` right now.
    @inline(__always)
    func isLoaded(_ vcpu: Int) -> Bool {
        let pcpu = vcpus[vcpu].pcpu
        return isMediated(vcpu) && pcpu >= 0 && scheduler.loadedGuest(pcpu: pcpu) == vcpu
    }

    mutating func takePMU(_ vcpu: Int, _ pcpu: Int) {
        guard isMediated(vcpu), scheduler.loadedGuest(pcpu: pcpu) == nil else { return }
        foldEmulated(vcpu)
        scheduler.sink.guestRegisters(vcpu: vcpu, registers: hardwareImage(vcpu))
        scheduler.loadGuest(pcpu: pcpu, vcpu: vcpu, counters: countingMask(vcpu))
        let counters = UInt64(vcpus[vcpu].pmu.shape.gp + vcpus[vcpu].pmu.shape.fixed)
        let counting = UInt64(vcpus[vcpu].enabledMask.nonzeroBitCount)
        vcpus[vcpu].counts.registersRead += counters + 1
        vcpus[vcpu].counts.registersWrittenAtEntry += UInt64(vcpus[vcpu].pmu.shape.gp) + counting + 2
    }

    mutating func giveBackPMU(_ pcpu: Int) {
        guard let vcpu = scheduler.loadedGuest(pcpu: pcpu) else { return }
        settleLoadedCounters(vcpu)
        scheduler.putGuest(pcpu: pcpu)
        let counters = UInt64(vcpus[vcpu].pmu.shape.gp + vcpus[vcpu].pmu.shape.fixed)
        let counting = UInt64(vcpus[vcpu].enabledMask.nonzeroBitCount)
        vcpus[vcpu].counts.registersRead += counters + 1
        vcpus[vcpu].counts.registersWrittenAtExit += 2 * counting + 2
    }

    /// A loaded guest changed its own controls without leaving, or left unseen.
    mutating func reloadGuest(_ vcpu: Int) {
        let pcpu = vcpus[vcpu].pcpu
        settleLoadedCounters(vcpu)
        scheduler.sink.guestRegisters(vcpu: vcpu, registers: hardwareImage(vcpu))
        scheduler.changeLoadedGuest(pcpu: pcpu, counters: countingMask(vcpu))
    }

    /// What the hardware counted since the last look goes into the counters' values.
    mutating func settleLoadedCounters(_ vcpu: Int) {
        let mask = vcpus[vcpu].pmu.shape.counterMask
        var bits = vcpus[vcpu].pmu.shape.allCounters
        while bits != 0 {
            let counter = Counter(index: UInt8(bits.trailingZeroBitCount))
            bits &= bits - 1
            guard let slot = GuestRegisters.slot(of: counter) else { continue }
            let count = scheduler.sink.guestCount(vcpu: vcpu, counter: Int(counter.index))
            let value = vcpus[vcpu].pmu.registers.counter[slot] &+ count &- vcpus[vcpu].pmu.consumed[slot]
            noteWrap(vcpu, slot, value)
            vcpus[vcpu].pmu.registers.counter[slot] = value & mask
            vcpus[vcpu].pmu.consumed[slot] = count
        }
    }

    /// A loaded guest's own counter ran out: the hardware notes it in the guest's GLOBAL_STATUS, and the interrupt
    /// comes by a vector of its own (`kvm_handle_guest_mediated_pmi()`).
    public mutating func mediatedOverflow(vcpu: Int, counter: Counter) {
        vcpus[vcpu].pmu.mayWrap |= counter.bit
        settleLoadedCounters(vcpu)
        vcpus[vcpu].pmu.registers.globalStatus |= counter.bit
        vcpus[vcpu].counts.interrupts += 1
        scheduler.sink.guestRegisters(vcpu: vcpu, registers: hardwareImage(vcpu))
    }

    private mutating func foldEmulated(_ vcpu: Int) {
        for slot in 0..<GuestRegisters.slots where vcpus[vcpu].pmu.emulated[slot] != 0 {
            let value = vcpus[vcpu].pmu.registers.counter[slot] &+ vcpus[vcpu].pmu.emulated[slot]
            vcpus[vcpu].pmu.registers.counter[slot] = value & vcpus[vcpu].pmu.shape.counterMask
            vcpus[vcpu].pmu.emulated[slot] = 0
        }
    }

    /// The guest's counters that count once loaded: enabled and not filtered.
    @inline(__always)
    func countingMask(_ vcpu: Int) -> UInt64 {
        var mask = vcpus[vcpu].enabledMask
        for slot in 0..<GuestRegisters.slots where mask & bit(slot) != 0 && !isAllowed(vcpu, slot) {
            mask &= ~bit(slot)
        }
        return mask
    }

    /// The values that go into the hardware: filtered counters lose their enable bits, AMD's count in guest mode only.
    func hardwareImage(_ vcpu: Int) -> GuestRegisters {
        var image = vcpus[vcpu].pmu.registers
        for slot in 0..<GuestRegisters.firstFixedSlot where slot < vcpus[vcpu].pmu.shape.gp {
            if !isAllowed(vcpu, slot) { image.eventSelect[slot] &= ~EventSelect.enable }
            if model.flavour != .intel {
                image.eventSelect[slot] = image.eventSelect[slot] & ~EventSelect.hostOnly | EventSelect.guestOnly
            }
        }
        for number in 0..<vcpus[vcpu].pmu.shape.fixed
        where !isAllowed(vcpu, GuestRegisters.firstFixedSlot + number) {
            image.fixedControl &= ~(0xf << (4 * UInt64(number)))
        }
        return image
    }

    /// Whether a guest's access to `register` (nil: RDPMC) leaves the guest. Under mediated vPMU only the event
    /// selects and FIXED_CTR_CTRL do, for the filter's sake, and the global registers and RDPMC where the guest does
    /// not see every hardware counter (`kvm_need_any_pmc_intercept()`).
    @inline(__always)
    public func isIntercepted(_ register: UInt32?, vcpu: Int) -> Bool {
        guard isMediated(vcpu) else { return true }
        return isInterceptedMediated(register, vcpus[vcpu].pmu.shape)
    }

    @inline(__always)
    private func isInterceptedMediated(_ register: UInt32?, _ shape: GuestPMUShape) -> Bool {
        let seesAll = shape.gp == model.gp && shape.fixed == model.fixed
        guard let register else { return !seesAll }
        switch RegisterName(address: register, flavour: model.flavour) {
        case .counter(let counter), .fullWidthCounter(let counter): return shape.allCounters & counter.bit == 0
        case .globalControl, .globalStatus, .globalOverflowControl: return !seesAll
        default: return true
        }
    }

    /// `perf_create_mediated_pmu()`: refused while an event that counts guests exists.
    ///
    /// Who was first among those that exist at a trace's beginning nobody saw; the order of the operations decides.
    mutating func createVM(_ vm: Int) {
        guard vms.indices.contains(vm), vms[vm] == .absent else { return }
        if badFilters.contains(vm) {
            vms[vm] = .refused
            scheduler.sink.refused(Refusal(party: .vm(vm), reason: .invalid))
            return
        }
        if guestRules[vm].access == .mediated {
            if eventsCountingGuests > 0, rules.hostVisibility == .refuses {
                vms[vm] = .refused
                scheduler.sink.refused(Refusal(party: .vm(vm), reason: .busy))
                return
            }
            mediatedVMs += 1
        }
        vms[vm] = .running
        poweredOn[vm] = false
        scheduler.notice(.createVM(vm))
    }

    mutating func destroyVM(_ vm: Int) {
        guard vms.indices.contains(vm) else { return }
        if vms[vm] == .running {
            for vcpu in vcpus.indices where actors.vcpus[vcpu].vm == vm { releaseAll(vcpu) }
            if guestRules[vm].access == .mediated { mediatedVMs -= 1 }
            scheduler.notice(.destroyVM(vm))
        }
        vms[vm] = .absent
    }
}
