import PMU

/// The x86 part: the list of scheduled events, transactions over it, and moving events between counters.
/// Functions: arch/x86/events/core.c, v6.12.
extension CounterScheduler {
    /// `perf_pmu_disable()`: sections nest, the outermost one stops the PMU.
    mutating func pmuDisable(_ pcpu: Int) {
        pcpus[pcpu].disableDepth += 1
        guard pcpus[pcpu].disableDepth == 1 else { return }
        pcpus[pcpu].added = 0
        sink.sectionBegin(pcpu: pcpu)
    }

    /// `perf_pmu_enable()` with `x86_pmu_enable()`: at the outermost end the assignment is put into force.
    mutating func pmuEnable(_ pcpu: Int) {
        pcpus[pcpu].disableDepth -= 1
        guard pcpus[pcpu].disableDepth == 0 else { return }
        if pcpus[pcpu].added > 0 { applyAssignment(pcpu) }
        sink.sectionEnd(pcpu: pcpu)
    }

    private mutating func applyAssignment(_ pcpu: Int) {
        let count = pcpus[pcpu].list.count
        let wereRunning = count - pcpus[pcpu].added
        for position in 0..<wereRunning {
            let event = pcpus[pcpu].list[position]
            if events[event].lastPlace != position { tagsDecided = true }
            if events[event].counter < 0 || keepsCounter(event, pcpu, position) { continue }
            if events[event].stopped { events[event].heldStopped = true }
            stopCounter(event, pcpu)
        }
        for position in 0..<count {
            let event = pcpus[pcpu].list[position]
            events[event].lastPlace = position
            if !keepsCounter(event, pcpu, position) {
                pcpus[pcpu].tags[position] &+= 1
                events[event].counter = pcpus[pcpu].assigned[position]
                events[event].lastPCPU = pcpu
                events[event].lastTag = pcpus[pcpu].tags[position]
            } else if position < wereRunning {
                continue
            }
            if events[event].heldStopped { continue }
            startCounter(event, pcpu)
        }
        pcpus[pcpu].added = 0
    }

    /// `match_prev_assignment()`: the tag belongs to the place in the list, so an event that moved up after a
    /// deletion does not match even on the same counter.
    @inline(__always)
    private func keepsCounter(_ event: EventID, _ pcpu: Int, _ position: Int) -> Bool {
        events[event].counter == pcpus[pcpu].assigned[position] && events[event].lastPCPU == pcpu
            && events[event].lastTag == pcpus[pcpu].tags[position]
    }

    mutating func startCounter(_ event: EventID, _ pcpu: Int) {
        guard events[event].counter >= 0 else { return }
        events[event].stopped = false
        pcpus[pcpu].running |= 1 << UInt64(events[event].counter)
        sink.start(pcpu: pcpu, event: event, counter: events[event].counter)
    }

    /// `x86_pmu_stop()` with PERF_EF_UPDATE.
    mutating func stopCounter(_ event: EventID, _ pcpu: Int) {
        let counter = events[event].counter
        guard !events[event].stopped, counter >= 0 else { return }
        events[event].stopped = true
        pcpus[pcpu].running &= ~(1 << UInt64(counter))
        sink.stop(pcpu: pcpu, event: event, counter: counter)
    }

    mutating func beginTransaction(_ pcpu: Int) {
        pmuDisable(pcpu)
        pcpus[pcpu].inTransaction = true
        pcpus[pcpu].transactionAdded = 0
    }

    /// `x86_pmu_commit_txn()`: the whole list must be placeable.
    mutating func commitTransaction(_ pcpu: Int) -> Bool {
        guard solve(pcpu) else { return false }
        pcpus[pcpu].inTransaction = false
        pmuEnable(pcpu)
        return true
    }

    mutating func cancelTransaction(_ pcpu: Int) {
        let added = pcpus[pcpu].transactionAdded
        pcpus[pcpu].added -= added
        pcpus[pcpu].list.removeLast(added)
        pcpus[pcpu].assigned.removeLast(added)
        pcpus[pcpu].inTransaction = false
        pmuEnable(pcpu)
    }

    /// `x86_pmu_add()` inside a transaction: refused once there are as many events as counters.
    mutating func addToList(_ event: EventID, _ pcpu: Int) -> Bool {
        guard pcpus[pcpu].list.count < limits.gp + limits.fixed else { return false }
        pcpus[pcpu].list.append(event)
        pcpus[pcpu].assigned.append(-1)
        pcpus[pcpu].added += 1
        pcpus[pcpu].transactionAdded += 1
        events[event].stopped = true
        events[event].heldStopped = false
        return true
    }

    /// `x86_pmu_del()`.
    mutating func removeFromList(_ event: EventID, _ pcpu: Int) {
        stopCounter(event, pcpu)
        guard let position = pcpus[pcpu].list.firstIndex(of: event) else { return }
        if position >= pcpus[pcpu].list.count - pcpus[pcpu].added { pcpus[pcpu].added -= 1 }
        pcpus[pcpu].list.remove(at: position)
        pcpus[pcpu].assigned.remove(at: position)
    }

    /// `x86_schedule_events()`: keep every event where it was last if that works for all, else place all anew.
    private mutating func solve(_ pcpu: Int) -> Bool {
        let count = pcpus[pcpu].list.count
        var used: UInt64 = 0
        var position = 0
        while position < count {
            let event = pcpus[pcpu].list[position]
            let counter = events[event].counter
            let constraint = constraint(of: event, on: pcpu)
            guard counter >= 0, constraint.mask >> UInt64(counter) & 1 != 0 else { break }
            var bits: UInt64 = 1 << UInt64(counter)
            if constraint.kind == .pair { bits |= bits << 1 }
            if used & bits != 0 { break }
            used |= bits
            position += 1
        }
        if position == count {
            for position in 0..<count { pcpus[pcpu].assigned[position] = events[pcpus[pcpu].list[position]].counter }
            return true
        }
        return placeAnew(pcpu)
    }

    private mutating func placeAnew(_ pcpu: Int) -> Bool {
        let list = pcpus[pcpu].list
        let pairs = list.count { events[$0].spec.constraint.kind == .pair }
        return withUnsafeTemporaryAllocation(of: Constraint.self, capacity: list.count) { constraints in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: list.count) { counters in
                for (position, event) in list.enumerated() {
                    constraints.initializeElement(at: position, to: constraint(of: event, on: pcpu))
                }
                counters.initialize(repeating: -1)
                var solver = CounterSolver()
                guard
                    solver.place(UnsafeBufferPointer(constraints), gpmax: gpmax(pcpu) - pairs, into: counters) == 0
                else { return false }
                for position in 0..<list.count { pcpus[pcpu].assigned[position] = counters[position] }
                return true
            }
        }
    }
}
