import PMU

extension CounterScheduler {
    /// `pmu_groups_sched_in()` and `merge_sched_in()`: the list's groups in order, until one does not fit.
    mutating func groupsIn(_ context: Int, _ list: Lists, _ pcpu: Int) {
        if pcpus[pcpu].loadedGuest >= 0 { return }
        let leaders = leaders(of: context, list)
        var mayAdd = true
        for leader in leaders where events[leader].state == .inactive {
            if mayAdd, scheduleGroupIn(leader, pcpu) {
                noteActive(leader, context, list)
                continue
            }
            if rules.misfit == .blocksLater { mayAdd = false }
            if list != .flexible {
                setState(leader, .error, pcpu: pcpu)
            } else if rules.arbitration == .priority {
                contexts[context].rotateNecessary = true
                sink.rotationTimerWanted(pcpu: pcpu)
            }
        }
    }

    @inline(__always)
    private func leaders(of context: Int, _ list: Lists) -> [EventID] {
        switch list {
        case .ultimate: contexts[context].ultimate
        case .pinned: contexts[context].pinned
        default: contexts[context].flexible
        }
    }

    private mutating func noteActive(_ leader: EventID, _ context: Int, _ list: Lists) {
        switch list {
        case .ultimate: contexts[context].ultimateActive.append(leader)
        case .pinned: contexts[context].pinnedActive.append(leader)
        default: contexts[context].flexibleActive.append(leader)
        }
    }

    /// `group_sched_in()`: all events of the group or none.
    private mutating func scheduleGroupIn(_ leader: EventID, _ pcpu: Int) -> Bool {
        beginTransaction(pcpu)
        if scheduleIn(leader, pcpu) {
            var misfit = false
            var entered = 0
            for sibling in events[leader].siblings {
                guard scheduleIn(sibling, pcpu) else {
                    misfit = true
                    break
                }
                entered += 1
            }
            if !misfit, commitTransaction(pcpu) { return true }
            for sibling in events[leader].siblings.prefix(entered) { undo(sibling, pcpu) }
            undo(leader, pcpu)
        }
        cancelTransaction(pcpu)
        return false
    }

    /// `event_sched_in()`; a sibling that is off counts as success.
    private mutating func scheduleIn(_ event: EventID, _ pcpu: Int) -> Bool {
        guard events[event].attached, events[event].state.rawValue > EventState.off.rawValue else { return true }
        setState(event, .active, pcpu: pcpu)
        if addToList(event, pcpu) { return true }
        setState(event, .inactive, pcpu: pcpu)
        return false
    }

    private mutating func undo(_ event: EventID, _ pcpu: Int) {
        if events[event].state == .active { setState(event, .inactive, pcpu: pcpu) }
    }

    /// `group_sched_out()`.
    mutating func scheduleGroupOut(_ leader: EventID, _ pcpu: Int) {
        guard events[leader].state == .active else { return }
        scheduleOut(leader, pcpu)
        for sibling in events[leader].siblings { scheduleOut(sibling, pcpu) }
    }

    /// `event_sched_out()`: a running event gives its counter up.
    mutating func scheduleOut(_ event: EventID, _ pcpu: Int) {
        guard events[event].state == .active else { return }
        if events[event].leader == event {
            let context = events[event].context
            switch events[event].list {
            case .ultimate: contexts[context].ultimateActive.removeFirst(equalTo: event)
            case .pinned: contexts[context].pinnedActive.removeFirst(equalTo: event)
            default: contexts[context].flexibleActive.removeFirst(equalTo: event)
            }
        }
        pmuDisable(pcpu)
        removeFromList(event, pcpu)
        setState(event, .inactive, pcpu: pcpu)
        pmuEnable(pcpu)
    }
}
