import PMU
import Policy

extension HostMachine {
    /// Whether the rules make no difference between two vCPUs.
    public func isAlike(vcpu a: Int, _ b: Int) -> Bool {
        let (x, y) = (actors.vcpus[a].vm, actors.vcpus[b].vm)
        return guestRules[x] == guestRules[y] && filters[x] == filters[y] && unavailable[x] == unavailable[y]
            && vcpus[a].pmu.shape == vcpus[b].pmu.shape && namesByHardwareID(a) == namesByHardwareID(b)
    }

    /// The events behind a guest's counters, in the order of their slots, then the one of its last branch records.
    public func guestEvents(vcpu: Int) -> [EventID] {
        var list: [EventID] = []
        for slot in 0..<GuestRegisters.slots where vcpus[vcpu].pmu.event[slot] >= 0 {
            list.append(vcpus[vcpu].pmu.event[slot])
        }
        if vcpus[vcpu].pmu.lbrEvent >= 0 { list.append(vcpus[vcpu].pmu.lbrEvent) }
        return list
    }

    /// The event select of a GP counter, and the one that the event behind it was made for; 0 where there is none.
    @inline(__always)
    public func eventSelects(vcpu: Int, slot: Int) -> (written: UInt64, made: UInt64) {
        (vcpus[vcpu].pmu.registers.eventSelect[slot], vcpus[vcpu].pmu.currentConfig[slot])
    }

    /// The slots of the counters that `guestEvents` stand behind, in their order; -1 for one behind none.
    public func eventSlots(vcpu: Int) -> [Int] {
        var slots: [Int] = []
        for slot in 0..<GuestRegisters.slots where vcpus[vcpu].pmu.event[slot] >= 0 { slots.append(slot) }
        if vcpus[vcpu].pmu.lbrEvent >= 0 { slots.append(-1) }
        return slots
    }

    /// The scope of a cell: a vCPU and the pCPU that it is current on, a vCPU that is on none, or a pCPU without one.
    public func scope(vcpu: Int?, pcpu: Int?) -> CellScope {
        let own = pcpu.map { scheduler.ownEvents(pcpu: $0) } ?? []
        return CellScope(
            pcpu: pcpu, task: vcpu.map { vcpus[$0].task }, events: own + (vcpu.map { guestEvents(vcpu: $0) } ?? []),
            ownCount: own.count)
    }

    /// Writes down all that decides what the machine does with a vCPU, and with the pCPU that it is current on, until
    /// another thread is; with either alone until both meet. Neither is named: two vCPUs with equal cells go on alike
    /// (`isAlike`). What counters hold is no part of it, as long as nothing counts. `word` says how an event select or
    /// config of a counter reads, by its slot.
    ///
    /// Which counters were in use in this time slice (`inUse`) is part of it only where it is about to be asked: while
    /// the vCPU is on no pCPU, or once it is switched in until it enters.
    ///
    /// - Returns: false where the vCPU is not there, or more than that decides.
    public func write(
        vcpu: Int?, pcpu: Int?, _ scope: CellScope, into cell: inout CellWords, word: (Int, UInt64) -> UInt64
    ) -> Bool {
        var loaded: Int?
        if let pcpu {
            guard currentVCPU[pcpu] == vcpu ?? -1, overruns.isEmpty else { return false }
            loaded = scheduler.loadedGuest(pcpu: pcpu)
            guard loaded == nil || loaded == vcpu else { return false }
        }
        var slots: [Int] = []
        if let vcpu {
            guard vcpus[vcpu].pcpu == pcpu ?? -1, isRunning(vm: actors.vcpus[vcpu].vm),
                poweredOn[actors.vcpus[vcpu].vm]
            else { return false }
            slots = eventSlots(vcpu: vcpu)
            let asksWhatWasUsed = pcpu == nil || vcpus[vcpu].needsCleanup
            guard write(vcpu, used: asksWhatWasUsed, into: &cell, word: word) else { return false }
        }
        cell.add(loaded == nil ? 0 : 1)
        return scheduler.write(scope, into: &cell) { number, config in
            let guest = number - scope.ownCount
            return guest >= 0 && slots[guest] >= 0 ? word(slots[guest], config) : config
        }
    }

    private func write(
        _ vcpu: Int, used: Bool, into cell: inout CellWords, word: (Int, UInt64) -> UInt64
    ) -> Bool {
        var mask: UInt64 = vcpus[vcpu].pmu.lbrEvent >= 0 ? 1 << 63 : 0
        for slot in 0..<GuestRegisters.slots {
            if vcpus[vcpu].pmu.emulated[slot] != 0 { return false }
            if vcpus[vcpu].pmu.registers.eventSelect[slot] != 0 { mask |= 1 << UInt64(slot) }
            if vcpus[vcpu].pmu.currentConfig[slot] != 0 { mask |= 1 << UInt64(16 + slot) }
            if vcpus[vcpu].pmu.event[slot] >= 0 { mask |= 1 << UInt64(32 + slot) }
        }
        cell.add(mask)
        for slot in 0..<GuestRegisters.slots {
            let (select, made) = eventSelects(vcpu: vcpu, slot: slot)
            if select != 0 { cell.add(word(slot, select)) }
            if made != 0 { cell.add(word(slot, made)) }
        }
        cell.add(vcpus[vcpu].pmu.registers.fixedControl)
        cell.add(vcpus[vcpu].pmu.registers.globalControl)
        cell.add(vcpus[vcpu].pmu.registers.globalStatus)
        cell.add(vcpus[vcpu].pmu.registers.pebsEnable)
        cell.add(vcpus[vcpu].pmu.debugControl)
        cell.add(vcpus[vcpu].pmu.paused)
        cell.add(vcpus[vcpu].pmu.mayWrap)
        cell.add(vcpus[vcpu].pmu.reprogram)
        cell.add(used ? vcpus[vcpu].pmu.inUse : 0)
        cell.add(vcpus[vcpu].pmu.precise)
        cell.add(vcpus[vcpu].pmu.backed)
        cell.add(vcpus[vcpu].enabledMask)
        cell.add(vcpus[vcpu].told)
        cell.add(
            (vcpus[vcpu].requested ? 1 : 0) | (vcpus[vcpu].needsCleanup ? 2 : 0) | (vcpus[vcpu].inRunLoop ? 4 : 0))
        return true
    }

    /// Puts a cell that was written down into force; what the vCPU has cost stays as it is. `select` says which event
    /// select or config of a counter, by its slot, a word stands for.
    ///
    /// - Returns: the scope, with the vCPU's events as they are now.
    public mutating func read(
        _ cell: inout CellReading, vcpu: Int?, pcpu: Int?, select: (Int, UInt64) -> UInt64
    ) -> CellScope {
        if let pcpu { currentVCPU[pcpu] = vcpu ?? -1 }
        if let vcpu { read(&cell, vcpu, pcpu, select) }
        let isLoaded = cell.next() != 0
        let scope = scope(vcpu: vcpu, pcpu: pcpu)
        let slots = vcpu.map { eventSlots(vcpu: $0) } ?? []
        scheduler.read(&cell, scope) { number, word in
            let guest = number - scope.ownCount
            return guest >= 0 && slots[guest] >= 0 ? select(slots[guest], word) : word
        }
        if let pcpu, let vcpu { scheduler.setLoadedGuest(isLoaded ? vcpu : -1, pcpu: pcpu) }
        for (place, slot) in slots.enumerated() {
            guard let vcpu else { break }
            let counter = slot >= 0 ? GuestRegisters.counter(at: slot) : HostMachine.lbrCounter
            scheduler.setOwner(vcpu, counter, of: scope.events[scope.ownCount + place])
        }
        return scope
    }

    private mutating func read(
        _ cell: inout CellReading, _ vcpu: Int, _ pcpu: Int?, _ select: (Int, UInt64) -> UInt64
    ) {
        var ids = guestEvents(vcpu: vcpu)
        let mask = cell.next()
        let count = (mask >> 32).nonzeroBitCount
        while ids.count > count { scheduler.release(id: ids.removeLast()) }
        while ids.count < count { ids.append(scheduler.reserveID()) }
        var next = 0
        for slot in 0..<GuestRegisters.slots {
            vcpus[vcpu].pmu.registers.eventSelect[slot] = mask >> UInt64(slot) & 1 != 0 ? select(slot, cell.next()) : 0
            vcpus[vcpu].pmu.currentConfig[slot] = mask >> UInt64(16 + slot) & 1 != 0 ? select(slot, cell.next()) : 0
            vcpus[vcpu].pmu.event[slot] = -1
            if mask >> UInt64(32 + slot) & 1 != 0 {
                vcpus[vcpu].pmu.event[slot] = ids[next]
                next += 1
            }
        }
        vcpus[vcpu].pmu.lbrEvent = mask >> 63 != 0 ? ids[next] : -1
        vcpus[vcpu].pmu.registers.fixedControl = cell.next()
        vcpus[vcpu].pmu.registers.globalControl = cell.next()
        vcpus[vcpu].pmu.registers.globalStatus = cell.next()
        vcpus[vcpu].pmu.registers.pebsEnable = cell.next()
        vcpus[vcpu].pmu.debugControl = cell.next()
        vcpus[vcpu].pmu.paused = cell.next()
        vcpus[vcpu].pmu.mayWrap = cell.next()
        vcpus[vcpu].pmu.reprogram = cell.next()
        vcpus[vcpu].pmu.inUse = cell.next()
        vcpus[vcpu].pmu.precise = cell.next()
        vcpus[vcpu].pmu.backed = cell.next()
        vcpus[vcpu].enabledMask = cell.next()
        vcpus[vcpu].told = cell.next()
        let flags = cell.next()
        vcpus[vcpu].requested = flags & 1 != 0
        vcpus[vcpu].needsCleanup = flags & 2 != 0
        vcpus[vcpu].inRunLoop = flags & 4 != 0
        vcpus[vcpu].pcpu = pcpu ?? -1
    }

    /// The counters whose registers were written in this time slice (`pmc_in_use`): what `kvm_pmu_cleanup()` asks for
    /// at the first entry after a switch, and nobody else.
    @inline(__always)
    public func inUse(vcpu: Int) -> UInt64 { vcpus[vcpu].pmu.inUse }
    @inline(__always)
    public mutating func setInUse(_ counters: UInt64, vcpu: Int) { vcpus[vcpu].pmu.inUse = counters }
    /// Whether it will be asked for at the next entry.
    @inline(__always)
    public func cleansUp(vcpu: Int) -> Bool { vcpus[vcpu].needsCleanup }

    /// Adds to what `vcpu` has cost, `times` over.
    public mutating func addCost(_ cost: OperationCounts, times: UInt64, vcpu: Int) {
        vcpus[vcpu].counts = vcpus[vcpu].counts + cost.times(times)
    }
}

extension OperationCounts {
    /// What happened since `earlier`.
    public func since(_ earlier: OperationCounts) -> OperationCounts { combined(earlier) { $0 &- $1 } }

    func times(_ factor: UInt64) -> OperationCounts { combined(self) { one, _ in one &* factor } }

    @inline(__always)
    private func combined(_ other: OperationCounts, _ rule: (UInt64, UInt64) -> UInt64) -> OperationCounts {
        var result = OperationCounts()
        result.interceptedAccesses = rule(interceptedAccesses, other.interceptedAccesses)
        result.eventsCreated = rule(eventsCreated, other.eventsCreated)
        result.eventsEnabled = rule(eventsEnabled, other.eventsEnabled)
        result.eventsReleased = rule(eventsReleased, other.eventsReleased)
        result.periodsReplaced = rule(periodsReplaced, other.periodsReplaced)
        result.reprogrammed = rule(reprogrammed, other.reprogrammed)
        result.interrupts = rule(interrupts, other.interrupts)
        result.filterLookups = rule(filterLookups, other.filterLookups)
        result.registersWrittenAtEntry = rule(registersWrittenAtEntry, other.registersWrittenAtEntry)
        result.registersWrittenAtExit = rule(registersWrittenAtExit, other.registersWrittenAtExit)
        result.registersRead = rule(registersRead, other.registersRead)
        return result
    }
}
