import PMU
import Policy

extension HostMachine {
    /// A guest's WRMSR. `faulted`: the recorded access raised #GP and so changed nothing.
    mutating func guestWrite(_ vcpu: Int, _ register: UInt32, _ value: UInt64, faulted: Bool) -> GuestAnswer {
        noteAccess(vcpu, register: register)
        if faulted || faultsByPolicy(vcpu, register, value) { return .fault }
        switch vcpus[vcpu].pmu.write(register, value) {
        case .fault: return .fault
        case .nothing: break
        case .counter(let slot, let value): writeCounter(vcpu, slot, value)
        case .lastBranchRecordsOn: makeLBR(vcpu)
        case .changed(let counters): controlChanged(vcpu, counters)
        }
        return .written
    }

    /// A guest's RDMSR: a counter that runs is read with RDPMC, everything else is KVM's memory.
    mutating func guestRead(_ vcpu: Int, _ register: UInt32, faulted: Bool) -> GuestAnswer {
        noteAccess(vcpu, register: register)
        if faulted { return .fault }
        switch vcpus[vcpu].pmu.target(register: register) {
        case .missing: return .fault
        case .ignored: return .value(0)
        case .counter(let slot, _): return .value(readCounter(vcpu, slot))
        case .eventSelect(let slot): return .value(eventSelectShown(vcpu, slot))
        case .fixedControl: return .value(vcpus[vcpu].pmu.registers.fixedControl)
        case .globalStatus: return .value(vcpus[vcpu].pmu.registers.globalStatus)
        case .globalControl: return .value(vcpus[vcpu].pmu.registers.globalControl)
        case .globalStatusClear: return .value(0)
        case .pebsEnable: return .value(vcpus[vcpu].pmu.registers.pebsEnable)
        case .debugControl: return .value(vcpus[vcpu].pmu.debugControl)
        }
    }

    /// A guest's RDPMC of a counter that is known, as a scenario knows it (`kvm_pmu_rdpmc()`).
    public mutating func guestReadPMC(vcpu: Int, counter: Counter) -> GuestAnswer {
        guard vcpus[vcpu].pmu.shape.allCounters & counter.bit != 0, let slot = GuestRegisters.slot(of: counter) else {
            noteAccess(vcpu, register: nil)
            return .fault
        }
        noteAccess(vcpu, register: nil)
        return .value(readCounter(vcpu, slot))
    }

    /// `pmc_write_counter()`: the value is set relative to the running count, which is therefore read first; a
    /// sampling event gets the period that is left.
    private mutating func writeCounter(_ vcpu: Int, _ slot: Int, _ value: UInt64) {
        let current = readCounter(vcpu, slot) &- vcpus[vcpu].pmu.emulated[slot]
        vcpus[vcpu].pmu.emulated[slot] = 0
        let base = vcpus[vcpu].pmu.registers.counter[slot]
        let mask = vcpus[vcpu].pmu.shape.counterMask
        vcpus[vcpu].pmu.registers.counter[slot] = (base &+ value &- current) & mask
        if value < (current &- base) & mask {
            vcpus[vcpu].pmu.mayWrap |= bit(slot)
        } else {
            vcpus[vcpu].pmu.mayWrap &= ~bit(slot)
        }
        if isLoaded(vcpu) {
            settleLoadedCounters(vcpu)
            vcpus[vcpu].pmu.registers.counter[slot] = value
            vcpus[vcpu].pmu.mayWrap &= ~bit(slot)
            scheduler.sink.guestRegisters(vcpu: vcpu, registers: hardwareImage(vcpu))
            return
        }
        let event = vcpus[vcpu].pmu.event[slot]
        guard event >= 0, vcpus[vcpu].pmu.paused & bit(slot) == 0, scheduler.spec(of: event).samplePeriod != 0
        else { return }
        vcpus[vcpu].counts.periodsReplaced += 1
        let period = (0 &- value) & mask
        scheduler.setPeriod(event, period == 0 ? mask &+ 1 : period)
    }

    /// `pmc_read_counter()`.
    private mutating func readCounter(_ vcpu: Int, _ slot: Int) -> UInt64 {
        var value = vcpus[vcpu].pmu.registers.counter[slot] &+ vcpus[vcpu].pmu.emulated[slot]
        let event = vcpus[vcpu].pmu.event[slot]
        if event >= 0, vcpus[vcpu].pmu.paused & bit(slot) == 0 {
            scheduler.read(event)
            value = value &+ freshCount(vcpu, slot)
        } else if isLoaded(vcpu) {
            let counter = Int(GuestRegisters.counter(at: slot).index)
            value = value &+ scheduler.sink.guestCount(vcpu: vcpu, counter: counter)
            value = value &- vcpus[vcpu].pmu.consumed[slot]
        }
        return value & vcpus[vcpu].pmu.shape.counterMask
    }

    /// A control register changed: KVM asks for the counters to be reprogrammed, now or at the next entry.
    private mutating func controlChanged(_ vcpu: Int, _ counters: UInt64) {
        vcpus[vcpu].programming &+= 1
        believe(vcpu)
        switch guestRules(vcpu).access {
        case .none: return
        case .mediated:
            if filters[actors.vcpus[vcpu].vm] != nil {
                vcpus[vcpu].counts.filterLookups += UInt64(counters.nonzeroBitCount)
            }
            if isLoaded(vcpu) { reloadGuest(vcpu) }
        default:
            vcpus[vcpu].pmu.reprogram |= counters & vcpus[vcpu].pmu.shape.allCounters
            vcpus[vcpu].requested = true
            if kvm.reprogramming == .immediate {
                reprogramPending(vcpu, among: counters)
            } else {
                handleRequestsIfEntriesAreHidden(vcpu)
            }
        }
    }

    /// Counts the access if it left the guest. `register` is nil for RDPMC.
    mutating func noteAccess(_ vcpu: Int, register: UInt32?) {
        if isIntercepted(register, vcpu: vcpu) { vcpus[vcpu].counts.interceptedAccesses += 1 }
    }

    @inline(__always)
    func bit(_ slot: Int) -> UInt64 { GuestRegisters.counter(at: slot).bit }
}
