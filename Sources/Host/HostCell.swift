import PMU
import Policy

/// All that decides what a machine does with one vCPU and the pCPU that it is current on, until another thread is. Neither is
/// named: two vCPUs with equal cells go on alike (`HostMachine.isAlike`). What counters hold is no part of it, as long as nothing
/// counts.
public final class HostCell: Sendable {
    let vcpu: HostVCPU
    public let scheduler: SchedulerCell
    let isLoaded: Bool
    /// Number of events behind the guest's counters.
    public let guestEventCount: Int

    init(vcpu: HostVCPU, scheduler: SchedulerCell, isLoaded: Bool, guestEventCount: Int) {
        self.vcpu = vcpu
        self.scheduler = scheduler
        self.isLoaded = isLoaded
        self.guestEventCount = guestEventCount
    }

    /// Appends words that are equal for two cells exactly if both go on alike.
    public func describe(into words: inout [UInt64]) {
        let pmu = vcpu.pmu
        var mask: UInt64 = 0
        let start = words.count
        words.append(0)
        for slot in 0..<GuestRegisters.slots {
            let (select, config) = (pmu.registers.eventSelect[slot], pmu.currentConfig[slot])
            if select != 0 {
                mask |= 1 << UInt64(slot)
                words.append(select)
            }
            if config != 0 {
                mask |= 1 << UInt64(16 + slot)
                words.append(config)
            }
            if pmu.event[slot] >= 0 { mask |= 1 << UInt64(32 + slot) }
        }
        words[start] = mask
        words += [
            pmu.registers.fixedControl, pmu.registers.globalControl, pmu.registers.globalStatus,
            pmu.registers.pebsEnable, pmu.paused, pmu.mayWrap, pmu.reprogram, pmu.inUse, pmu.precise, pmu.debugControl,
            pmu.backed, vcpu.enabledMask, vcpu.told,
            (pmu.lbrEvent >= 0 ? 1 : 0) | (vcpu.requested ? 2 : 0) | (vcpu.needsCleanup ? 4 : 0)
                | (vcpu.inRunLoop ? 8 : 0) | (isLoaded ? 16 : 0),
        ]
        scheduler.describe(into: &words)
    }
}

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

    /// The cell of `vcpu` on `pcpu`; nil where it is not current there or more than the cell decides.
    public func cell(vcpu: Int, pcpu: Int) -> HostCell? {
        guard vcpus[vcpu].pcpu == pcpu, currentVCPU[pcpu] == vcpu, isRunning(vm: actors.vcpus[vcpu].vm),
            poweredOn[actors.vcpus[vcpu].vm], overruns.isEmpty
        else { return nil }
        for slot in 0..<GuestRegisters.slots where vcpus[vcpu].pmu.emulated[slot] != 0 { return nil }
        let loaded = scheduler.loadedGuest(pcpu: pcpu)
        guard loaded == nil || loaded == vcpu else { return nil }
        let events = guestEvents(vcpu: vcpu)
        guard let cell = scheduler.cell(pcpu: pcpu, task: vcpus[vcpu].task, taskEvents: events) else { return nil }
        return HostCell(
            vcpu: vcpus[vcpu], scheduler: cell, isLoaded: loaded == vcpu, guestEventCount: events.count)
    }

    /// Puts a cell into force for `vcpu`, which is current on `pcpu`. What the vCPU has cost stays as it is.
    public mutating func restore(_ cell: HostCell, vcpu: Int, pcpu: Int) {
        var ids = guestEvents(vcpu: vcpu)
        while ids.count > cell.guestEventCount { scheduler.release(id: ids.removeLast()) }
        while ids.count < cell.guestEventCount { ids.append(scheduler.reserveID()) }
        scheduler.restore(cell.scheduler, pcpu: pcpu, task: vcpus[vcpu].task, taskEvents: ids)
        scheduler.setLoadedGuest(cell.isLoaded ? vcpu : -1, pcpu: pcpu)
        var one = cell.vcpu
        (one.task, one.pcpu, one.counts, one.programming) =
            (vcpus[vcpu].task, pcpu, vcpus[vcpu].counts, vcpus[vcpu].programming)
        var next = 0
        for slot in 0..<GuestRegisters.slots where one.pmu.event[slot] >= 0 {
            one.pmu.event[slot] = ids[next]
            scheduler.setOwner(vcpu, GuestRegisters.counter(at: slot), of: ids[next])
            next += 1
        }
        if one.pmu.lbrEvent >= 0 {
            one.pmu.lbrEvent = ids[next]
            scheduler.setOwner(vcpu, HostMachine.lbrCounter, of: ids[next])
        }
        vcpus[vcpu] = one
    }

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
