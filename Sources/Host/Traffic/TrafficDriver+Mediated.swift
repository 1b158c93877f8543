import PMU
import Policy

/// Handing the PMU to a guest and back: `kvm_pmu_load_guest_pmcs()`, `kvm_pmu_put_guest_pmcs()` (arch/x86/kvm/pmu.c)
/// and the vendors' `*_mediated_pmu_load()`, `_put()` (vmx/pmu_intel.c, svm/pmu.c), 7.x.
///
///     load   w GLOBAL_CTRL=0 · each GP: rdpmc, w CTR if different, w EVTSEL · each fixed: rdpmc, w CTR if different ·
///            intel: r STATUS, w OVF_CTRL and STATUS_SET where bits differ, w FIXED_CTR_CTRL
///            amd:   r STATUS, w STATUS_CLR and STATUS_SET where bits differ, w GLOBAL_CTL = the guest's
///     put    intel: r STATUS, w OVF_CTRL if not 0, w FIXED_CTR_CTRL=0 · amd: w GLOBAL_CTL=0, r STATUS, w STATUS_CLR ·
///            each: rdpmc, w CTR=0 and w EVTSEL=0 where not 0 already
///
/// The guest's GLOBAL_CTRL on Intel travels in the VMCS and the LVTPC is no MSR write: neither shows.
extension TrafficDriver {
    /// What the driver keeps of a mediated guest's vCPU.
    struct GuestState {
        var registers = GuestRegisters()
        /// Events counted while loaded, up to `armed`.
        var total = InlineArray<16, UInt64>(repeating: 0)
        /// What each counter held when it was loaded or looked at last.
        var armed = InlineArray<16, UInt64>(repeating: 0)
        /// The pCPU whose PMU holds the registers, -1 if none.
        var pcpu = -1
        var counting: UInt64 = 0
    }

    public mutating func guestRegisters(vcpu: Int, registers: GuestRegisters) {
        while guests.count <= vcpu { guests.append(GuestState()) }
        let pcpu = guests[vcpu].pcpu
        if pcpu >= 0 {
            forEachGuestCounter { driver, counter, slot in driver.collect(vcpu, pcpu, counter, slot) }
        }
        guests[vcpu].registers = registers
        guard pcpu >= 0 else { return }
        forEachGuestCounter { driver, counter, slot in
            driver.hold(vcpu, pcpu, counter, slot)
            driver.count(vcpu, pcpu, counter, slot)
        }
    }

    public mutating func guestLoaded(pcpu: Int, vcpu: Int, counters: UInt64) {
        while guests.count <= vcpu { guests.append(GuestState()) }
        guests[vcpu].pcpu = pcpu
        guests[vcpu].counting = counters
        switch layout.flavour {
        case .intel: write(MSR.globalControl, 0, pcpu)
        case .amdV2: write(MSR.amdGlobalControl, 0, pcpu)
        case .amdCoreExt: break
        }
        forEachGuestCounter { driver, counter, slot in
            let held = driver.output.value(pcpu: pcpu, counter: counter)
            driver.output.access(RegisterAccess(.rdpmc, counter.rdpmcOperand, held), pcpu: pcpu)
            let value = driver.guests[vcpu].registers.counter[slot]
            if held != value { driver.write(driver.layout.counter(counter), value, pcpu) }
            driver.hold(vcpu, pcpu, counter, slot)
            if !counter.isFixed {
                driver.write(
                    driver.layout.eventSelect(counter), driver.guests[vcpu].registers.eventSelect[slot], pcpu)
            }
        }
        let status = guests[vcpu].registers.globalStatus
        if layout.flavour == .intel {
            read(MSR.globalStatus, 0, pcpu)
            if status != 0 { write(MSR.globalStatusSet, status, pcpu) }
            write(MSR.fixedControl, guests[vcpu].registers.fixedControl, pcpu)
        } else if layout.flavour == .amdV2 {
            read(MSR.amdGlobalStatus, 0, pcpu)
            if status != 0 { write(MSR.amdGlobalStatusSet, status, pcpu) }
            write(MSR.amdGlobalControl, guests[vcpu].registers.globalControl, pcpu)
        }
        forEachGuestCounter { driver, counter, slot in driver.count(vcpu, pcpu, counter, slot) }
    }

    public mutating func guestPut(pcpu: Int, vcpu: Int, counters: UInt64) {
        guard guests.indices.contains(vcpu) else { return }
        let status = guests[vcpu].registers.globalStatus
        if layout.flavour == .intel {
            read(MSR.globalStatus, status, pcpu)
            if status != 0 { write(MSR.globalOverflowControl, status, pcpu) }
            write(MSR.fixedControl, 0, pcpu)
        } else if layout.flavour == .amdV2 {
            write(MSR.amdGlobalControl, 0, pcpu)
            read(MSR.amdGlobalStatus, status, pcpu)
            if status != 0 { write(MSR.amdGlobalStatusClear, status, pcpu) }
        }
        forEachGuestCounter { driver, counter, slot in
            driver.collect(vcpu, pcpu, counter, slot)
            let value = driver.guests[vcpu].armed[slot]
            driver.output.access(RegisterAccess(.rdpmc, counter.rdpmcOperand, value), pcpu: pcpu)
            driver.output.counts(pcpu: pcpu, counter: counter, source: nil)
            if value != 0 {
                driver.write(driver.layout.counter(counter), 0, pcpu)
                driver.output.written(pcpu: pcpu, counter: counter, value: 0)
            }
            if !counter.isFixed, driver.guests[vcpu].registers.eventSelect[slot] != 0 {
                driver.write(driver.layout.eventSelect(counter), 0, pcpu)
            }
        }
        guests[vcpu].pcpu = -1
        guests[vcpu].counting = 0
    }

    public mutating func guestChanged(pcpu: Int, vcpu: Int, from: UInt64, to: UInt64) {
        guard guests.indices.contains(vcpu) else { return }
        forEachGuestCounter { driver, counter, slot in driver.collect(vcpu, pcpu, counter, slot) }
        guests[vcpu].counting = to
        forEachGuestCounter { driver, counter, slot in driver.count(vcpu, pcpu, counter, slot) }
    }

    public mutating func guestCount(vcpu: Int, counter index: Int) -> UInt64 {
        guard guests.indices.contains(vcpu) else { return 0 }
        let counter = Counter(index: UInt8(index))
        guard let slot = GuestRegisters.slot(of: counter) else { return 0 }
        if guests[vcpu].pcpu >= 0 { collect(vcpu, guests[vcpu].pcpu, counter, slot) }
        return guests[vcpu].total[slot]
    }

    private mutating func hold(_ vcpu: Int, _ pcpu: Int, _ counter: Counter, _ slot: Int) {
        let value = guests[vcpu].registers.counter[slot]
        guests[vcpu].armed[slot] = value
        output.written(pcpu: pcpu, counter: counter, value: value)
    }

    private mutating func count(_ vcpu: Int, _ pcpu: Int, _ counter: Counter, _ slot: Int) {
        guard guests[vcpu].counting & counter.bit != 0 else {
            output.counts(pcpu: pcpu, counter: counter, source: nil)
            return
        }
        output.counts(
            pcpu: pcpu, counter: counter,
            source: .guest(
                vcpu: vcpu, config: EventSelect.withoutModes(guests[vcpu].registers.eventSelect[slot])))
    }

    private mutating func collect(_ vcpu: Int, _ pcpu: Int, _ counter: Counter, _ slot: Int) {
        let value = output.value(pcpu: pcpu, counter: counter)
        guests[vcpu].total[slot] &+= (value &- guests[vcpu].armed[slot]) & layout.counterMask
        guests[vcpu].armed[slot] = value
    }

    private mutating func forEachGuestCounter(_ body: (inout Self, Counter, Int) -> Void) {
        var bits = layout.guestCounters
        while bits != 0 {
            let counter = Counter(index: UInt8(bits.trailingZeroBitCount))
            bits &= bits - 1
            if let slot = GuestRegisters.slot(of: counter) { body(&self, counter, slot) }
        }
    }
}
