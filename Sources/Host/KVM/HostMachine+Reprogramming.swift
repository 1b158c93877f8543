import PMU
import Policy

/// From a virtual counter's registers to its perf event: arch/x86/kvm/pmu.c, v6.12.
extension HostMachine {
    /// `kvm_pmu_handle_event()`: counters from low to high, then the events nobody used are given back.
    mutating func handleRequests(_ vcpu: Int) {
        guard vcpus[vcpu].requested else { return }
        vcpus[vcpu].requested = false
        reprogramPending(vcpu, among: .max)
        if vcpus[vcpu].needsCleanup { cleanUp(vcpu) }
    }

    /// Reprograms the counters that wait for it, of those in `mask`.
    mutating func reprogramPending(_ vcpu: Int, among mask: UInt64) {
        var bits = vcpus[vcpu].pmu.reprogram & mask
        vcpus[vcpu].pmu.reprogram &= ~mask
        while bits != 0 {
            let counter = Counter(index: UInt8(bits.trailingZeroBitCount))
            bits &= bits - 1
            guard let slot = GuestRegisters.slot(of: counter) else { continue }
            if !reprogram(vcpu, slot) { vcpus[vcpu].pmu.reprogram |= counter.bit }
        }
    }

    /// `reprogram_counter()`. False if perf refused to make the event, which alone counts as failure: an event that
    /// finds no counter goes to ERROR without a word.
    private mutating func reprogram(_ vcpu: Int, _ slot: Int) -> Bool {
        vcpus[vcpu].counts.reprogrammed += 1
        if filters[actors.vcpus[vcpu].vm] != nil { vcpus[vcpu].counts.filterLookups += 1 }
        pause(vcpu, slot)
        guard mayCount(vcpu, slot) else { return true }
        let config: UInt64
        if slot < GuestRegisters.firstFixedSlot {
            config = vcpus[vcpu].pmu.registers.eventSelect[slot]
        } else {
            config = vcpus[vcpu].pmu.registers.fixedField(slot - GuestRegisters.firstFixedSlot)
        }
        if vcpus[vcpu].pmu.currentConfig[slot] == config, resume(vcpu, slot) { return true }
        release(vcpu, slot)
        vcpus[vcpu].pmu.currentConfig[slot] = config
        return makeEvent(vcpu, slot)
    }

    /// Enabled globally and by its own control, and not filtered (`pmc_event_is_allowed()`).
    @inline(__always)
    func mayCount(_ vcpu: Int, _ slot: Int) -> Bool {
        vcpus[vcpu].pmu.globallyEnabled & bit(slot) != 0 && vcpus[vcpu].pmu.registers.isLocallyEnabled(slot: slot)
            && isAllowed(vcpu, slot)
    }

    /// The VM's event filter, the events that are kept from it, and the counters it cannot have.
    @inline(__always)
    func isAllowed(_ vcpu: Int, _ slot: Int) -> Bool {
        isAllowed(vcpu, slot, eventSelect: vcpus[vcpu].pmu.registers.eventSelect[slot])
    }

    /// The same of a GP counter with that event select.
    @inline(__always)
    func isAllowed(_ vcpu: Int, _ slot: Int, eventSelect: UInt64) -> Bool {
        let vm = actors.vcpus[vcpu].vm
        if unavailable[vm] & bit(slot) != 0 { return false }
        if slot < GuestRegisters.firstFixedSlot, !guestRules[vm].mayCountSocketEvents, model.isSocketEvent(eventSelect)
        {
            return false
        }
        guard let filter = filters[vm] else { return true }
        return slot < GuestRegisters.firstFixedSlot
            ? filter.allows(eventSelect: eventSelect, flavour: model.flavour)
            : filter.allows(fixedCounter: slot - GuestRegisters.firstFixedSlot)
    }

    /// `pmc_pause_counter()`: the event goes off and its count into the counter's value.
    private mutating func pause(_ vcpu: Int, _ slot: Int) {
        if vcpus[vcpu].pmu.event[slot] >= 0, vcpus[vcpu].pmu.paused & bit(slot) == 0 {
            scheduler.disable(vcpus[vcpu].pmu.event[slot])
            takeCount(vcpu, slot)
        }
        let value = vcpus[vcpu].pmu.registers.counter[slot] &+ vcpus[vcpu].pmu.emulated[slot]
        let wrapped = value > vcpus[vcpu].pmu.shape.counterMask
        vcpus[vcpu].pmu.registers.counter[slot] = value & vcpus[vcpu].pmu.shape.counterMask
        vcpus[vcpu].pmu.emulated[slot] = 0
        vcpus[vcpu].pmu.paused |= bit(slot)
        if wrapped, mayCount(vcpu, slot) { vcpus[vcpu].pmu.registers.globalStatus |= bit(slot) }
        if kvm.reuse == .released { release(vcpu, slot) }
    }

    /// `pmc_resume_counter()`: new period, then enable, which is the way out of ERROR.
    private mutating func resume(_ vcpu: Int, _ slot: Int) -> Bool {
        let event = vcpus[vcpu].pmu.event[slot]
        guard event >= 0 else { return false }
        if scheduler.spec(of: event).samplePeriod != 0 {
            scheduler.setPeriod(event, vcpus[vcpu].pmu.samplePeriod(slot: slot))
            vcpus[vcpu].counts.periodsReplaced += 1
        }
        guard (vcpus[vcpu].pmu.precise & bit(slot) != 0) == wantsPEBS(vcpu, slot) else { return false }
        scheduler.enable(event)
        vcpus[vcpu].pmu.paused &= ~bit(slot)
        vcpus[vcpu].counts.eventsEnabled += 1
        noticeMisfit(vcpu, slot)
        return true
    }

    /// `pmc_release_perf_event()`.
    private mutating func release(_ vcpu: Int, _ slot: Int) {
        let event = vcpus[vcpu].pmu.event[slot]
        guard event >= 0 else { return }
        scheduler.remove(event)
        vcpus[vcpu].pmu.event[slot] = -1
        vcpus[vcpu].pmu.currentConfig[slot] = 0
        vcpus[vcpu].pmu.consumed[slot] = 0
        vcpus[vcpu].pmu.consumedEnabled[slot] = 0
        vcpus[vcpu].pmu.consumedRunning[slot] = 0
        vcpus[vcpu].pmu.backed &= ~bit(slot)
        vcpus[vcpu].pmu.precise &= ~bit(slot)
        vcpus[vcpu].counts.eventsReleased += 1
    }

    /// The vCPU is gone, and everything behind its counters with it.
    mutating func releaseAll(_ vcpu: Int) {
        for slot in 0..<GuestRegisters.slots { release(vcpu, slot) }
        releaseLBR(vcpu)
        if vcpus[vcpu].enabledMask != 0 {
            vcpus[vcpu].enabledMask = 0
            vcpus[vcpu].programming &+= 1
            scheduler.sink.guestEnabledChanged(vcpu: vcpu, mask: 0)
        }
    }

    private mutating func takeCount(_ vcpu: Int, _ slot: Int) {
        let value = vcpus[vcpu].pmu.registers.counter[slot] &+ freshCount(vcpu, slot)
        if guestRules(vcpu).counts != .scaled { noteWrap(vcpu, slot, value) }
        vcpus[vcpu].pmu.registers.counter[slot] = value & vcpus[vcpu].pmu.shape.counterMask
        let event = vcpus[vcpu].pmu.event[slot]
        vcpus[vcpu].pmu.consumed[slot] = scheduler.sink.count(of: event)
        let times = scheduler.times(of: event)
        vcpus[vcpu].pmu.consumedEnabled[slot] = times.enabled
        vcpus[vcpu].pmu.consumedRunning[slot] = times.running
    }

    /// What the event behind a counter has counted that the counter's value does not hold yet, as the guest is shown
    /// it: scaled by enabled over running time where the policy says so. A stretch in which it never ran gives nothing
    /// to scale.
    func freshCount(_ vcpu: Int, _ slot: Int) -> UInt64 {
        let event = vcpus[vcpu].pmu.event[slot]
        let fresh = scheduler.sink.count(of: event) &- vcpus[vcpu].pmu.consumed[slot]
        guard guestRules(vcpu).counts == .scaled else { return fresh }
        let times = scheduler.times(of: event)
        let enabled = times.enabled &- vcpus[vcpu].pmu.consumedEnabled[slot]
        let running = times.running &- vcpus[vcpu].pmu.consumedRunning[slot]
        guard running > 0, enabled > running else { return fresh }
        let product = fresh.multipliedFullWidth(by: enabled)
        guard product.high < running else { return fresh }
        return running.dividingFullWidth(product).quotient
    }

    /// `pmc_reprogram_counter()`: a task-pinned event of the vCPU's thread that counts in guest mode only.
    private mutating func makeEvent(_ vcpu: Int, _ slot: Int) -> Bool {
        let spec = scheduler.shaped(spec(vcpu, slot))
        guard spec.constraint.mask != 0 else {
            scheduler.sink.refused(
                Refusal(
                    party: .guestCounter(vcpu: vcpu, counter: GuestRegisters.counter(at: slot)), reason: .invalid))
            return false
        }
        let event = scheduler.create(spec)
        if let reason = scheduler.refusal(of: event) {
            scheduler.sink.refused(
                Refusal(
                    party: .guestCounter(vcpu: vcpu, counter: GuestRegisters.counter(at: slot)), reason: reason))
            return false
        }
        vcpus[vcpu].pmu.event[slot] = event
        vcpus[vcpu].pmu.consumed[slot] = 0
        vcpus[vcpu].pmu.consumedEnabled[slot] = 0
        vcpus[vcpu].pmu.consumedRunning[slot] = 0
        vcpus[vcpu].pmu.paused &= ~bit(slot)
        vcpus[vcpu].pmu.backed |= bit(slot)
        if wantsPEBS(vcpu, slot) { vcpus[vcpu].pmu.precise |= bit(slot) }
        vcpus[vcpu].counts.eventsCreated += 1
        scheduler.install(event)
        noticeMisfit(vcpu, slot)
        return true
    }

    /// What a GP counter's event becomes on its way through perf's generic ids, where KVM names it by one.
    @inline(__always)
    private func translated(_ config: UInt64, _ vcpu: Int) -> UInt64 {
        guard namesByHardwareID(vcpu),
            let generic = HardwareIdentity.genericEvent(of: config, flavour: model.flavour)
        else { return config }
        return model.generic[generic] ?? config
    }

    /// The event that is counted for a guest's counter programmed with `config`, with its privilege bits.
    public func backing(_ config: UInt64, of counter: Counter, vcpu: Int) -> UInt64 {
        guard vcpus.indices.contains(vcpu), guestRules(vcpu).access == .emulated, !counter.isFixed else {
            return config
        }
        let privileges = config & (EventSelect.os | EventSelect.user)
        return translated(config & vcpus[vcpu].pmu.shape.rawEventMask, vcpu) | privileges
    }

    /// The event perf is asked for. KVM cannot ask for a counter: the config alone decides which may hold it.
    @inline(__always)
    private func spec(_ vcpu: Int, _ slot: Int) -> EventSpec {
        let shape = vcpus[vcpu].pmu.shape
        let eventSelect = vcpus[vcpu].pmu.registers.eventSelect[slot]
        let counter = GuestRegisters.counter(at: slot)
        var config: UInt64
        var privileges: UInt64 = 0
        if counter.isFixed {
            config = eventSelect & shape.rawEventMask
            privileges = FixedControl.privileges(of: vcpus[vcpu].pmu.registers.fixedField(counter.number))
        } else {
            config = translated(eventSelect & shape.rawEventMask, vcpu)
            privileges = eventSelect & (EventSelect.os | EventSelect.user)
        }
        let period =
            config & EventSelect.inTXCheckpointed != 0 ? 0 : vcpus[vcpu].pmu.samplePeriod(slot: slot)
        return EventSpec(
            config: config | privileges | EventSelect.interrupt,
            constraint: model.constraint(for: config, precise: preciseLevel(vcpu, slot)),
            priority: .pinned, scope: .task(vcpus[vcpu].task), exclusion: .host, samplePeriod: period,
            owner: .guest(vcpu: vcpu, counter: counter))
    }

    /// `kvm_pmu_cleanup()`: events of counters that were not written in the last slice and are off by their own
    /// control are given back.
    private mutating func cleanUp(_ vcpu: Int) {
        vcpus[vcpu].needsCleanup = false
        var bits = vcpus[vcpu].pmu.backed & ~vcpus[vcpu].pmu.inUse
        while bits != 0 {
            let counter = Counter(index: UInt8(bits.trailingZeroBitCount))
            bits &= bits - 1
            guard let slot = GuestRegisters.slot(of: counter) else { continue }
            if vcpus[vcpu].pmu.registers.isLocallyEnabled(slot: slot) { continue }
            if vcpus[vcpu].pmu.paused & counter.bit == 0 {
                scheduler.read(vcpus[vcpu].pmu.event[slot])
                takeCount(vcpu, slot)
            }
            release(vcpu, slot)
        }
        vcpus[vcpu].pmu.inUse = 0
        if vcpus[vcpu].pmu.debugControl & VirtualPMU.lastBranchRecords == 0 { releaseLBR(vcpu) }
    }

    /// An event's counter ran out. Behind a guest's counter `kvm_perf_overflow()` notes the status bit and asks for
    /// the counter to be reprogrammed at the next entry, on every kernel.
    mutating func overflow(_ owner: EventOwner, _ pcpu: Int) {
        switch owner {
        case .host(let index):
            guard let event = hostEvent(index), let counter = scheduler.counter(of: event),
                let pcpu = scheduler.pcpu(of: event)
            else { return }
            scheduler.sink.overflowed(pcpu: pcpu, event: event, counter: counter)
            scheduler.notice(.overflow(pcpu: pcpu, event))
        case .guest(let vcpu, let virtual):
            guard vcpus.indices.contains(vcpu), let slot = GuestRegisters.slot(of: virtual) else { return }
            if isLoaded(vcpu) {
                mediatedOverflow(vcpu: vcpu, counter: virtual)
                return
            }
            guard vcpus[vcpu].pmu.event[slot] >= 0, let counter = scheduler.counter(of: vcpus[vcpu].pmu.event[slot])
            else { return }
            scheduler.sink.overflowed(pcpu: pcpu, event: vcpus[vcpu].pmu.event[slot], counter: counter)
            scheduler.notice(.overflow(pcpu: pcpu, vcpus[vcpu].pmu.event[slot]))
            vcpus[vcpu].counts.interrupts += 1
            vcpus[vcpu].pmu.mayWrap |= virtual.bit
            guard vcpus[vcpu].pmu.reprogram & virtual.bit == 0 else { return }
            vcpus[vcpu].pmu.reprogram |= virtual.bit
            vcpus[vcpu].pmu.registers.globalStatus |= virtual.bit
            vcpus[vcpu].requested = true
            handleRequestsIfEntriesAreHidden(vcpu)
        }
    }

    /// `kvm_pmu_trigger_event()`: an emulated instruction shows in counters of that event, which are reprogrammed.
    mutating func emulateInstruction(_ vcpu: Int, isBranch: Bool) {
        guard kvm.emulatedInstructions == .counted, guestRules(vcpu).access != .none else { return }
        trigger(vcpu, .instructions)
        if isBranch { trigger(vcpu, .branches) }
        handleRequestsIfEntriesAreHidden(vcpu)
    }

    private mutating func trigger(_ vcpu: Int, _ generic: GenericEvent) {
        guard let code = model.generic[generic] else { return }
        var bits = vcpus[vcpu].pmu.enabledMask
        while bits != 0 {
            let counter = Counter(index: UInt8(bits.trailingZeroBitCount))
            bits &= bits - 1
            guard let slot = GuestRegisters.slot(of: counter), isAllowed(vcpu, slot),
                (vcpus[vcpu].pmu.registers.eventSelect[slot] ^ code) & 0xffff == 0
            else { continue }
            vcpus[vcpu].pmu.emulated[slot] &+= 1
            guard guestRules(vcpu).access != .mediated else { continue }
            vcpus[vcpu].pmu.reprogram |= counter.bit
            vcpus[vcpu].requested = true
        }
    }
}
