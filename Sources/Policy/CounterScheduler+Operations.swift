import PMU

/// What users of perf ask for. Each is the kernel's function of the same purpose in kernel/events/core.c, v6.12.
extension CounterScheduler {
    /// Makes an event; it is in no list until installed. A sibling names its group's leader.
    public mutating func create(_ spec: EventSpec, leader: EventID? = nil) -> EventID {
        let reused = freeIDs.popLast()
        let id = reused ?? events.count
        let spec = shaped(spec)
        let context: Int
        switch spec.scope {
        case .pcpu(let pcpu): context = pcpu
        case .task(let task): context = taskContexts[task]
        }
        let list: Lists =
            isUltimate(spec.owner) ? .ultimate : spec.priority == .pinned ? .pinned : .flexible
        let event = Event(
            spec: spec, leader: leader ?? id, context: context, list: leader.map { events[$0].list } ?? list)
        if reused != nil { events[id] = event } else { events.append(event) }
        contexts[context].hasPMU = true
        if let leader { events[leader].siblings.append(id) }
        sink.created(event: id, spec: spec)
        if let leader { sink.grouped(event: id, leader: leader) }
        _ = delegated(.create(id, spec, leader: leader ?? id))
        return id
    }

    /// The event, just created, is one that was on `counter` last: it goes there again where it may and nobody else
    /// does.
    public mutating func remember(_ event: EventID, counter: Int) { events[event].counter = counter }

    /// Installs a leader with its siblings and turns the group on, as `perf_event_open()` for each and one enable do:
    /// a lone event is enabled from its creation, a group when it is complete.
    public mutating func install(_ leader: EventID) {
        if delegated(.install(leader)) { return }
        if events[leader].siblings.isEmpty {
            attach(leader, initially: .inactive)
        } else {
            attach(leader, initially: .off)
            for sibling in events[leader].siblings { attach(sibling, initially: .inactive) }
            enable(leader)
        }
    }

    /// Installs a lone event in the given state, `perf_install_in_context()`.
    public mutating func attach(_ event: EventID, initially state: EventState) {
        let context = events[event].context
        let leader = events[event].leader
        let effective =
            leader == event ? state : min(state.rawValue, events[leader].state.rawValue) <= -1 ? .off : state
        if effective == .off, contexts[context].attached > 0 {
            add(event, state: state)
            return
        }
        guard let pcpu = pcpuWhereCurrent(context) else {
            add(event, state: state)
            return
        }
        add(event, state: state)
        reschedule(pcpu, because: event)
    }

    private mutating func add(_ event: EventID, state: EventState) {
        let context = events[event].context
        events[event].attached = true
        contexts[context].attached += 1
        if events[event].leader == event {
            switch events[event].list {
            case .ultimate: contexts[context].ultimate.append(event)
            case .pinned: contexts[context].pinned.append(event)
            default: contexts[context].flexible.append(event)
            }
        }
        setState(event, state, pcpu: pcpuRunning(context))
    }

    /// `_perf_event_enable()`: the only way out of ERROR.
    public mutating func enable(_ event: EventID) {
        sink.enabling(event: event)
        if delegated(.enable(event)) { return }
        let state = events[event].state
        guard state == .off || state == .error else { return }
        setState(event, .inactive, pcpu: pcpuRunning(events[event].context))
        let context = events[event].context
        guard !contexts[context].active.isEmpty, let pcpu = pcpuRunning(context) else { return }
        let leader = events[event].leader
        if leader != event, events[leader].state != .active { return }
        reschedule(pcpu, because: event)
    }

    /// `_perf_event_disable()`: an event in ERROR keeps it.
    public mutating func disable(_ event: EventID) {
        if delegated(.disable(event)) { return }
        guard events[event].state.rawValue >= EventState.inactive.rawValue else { return }
        guard let pcpu = pcpuRunning(events[event].context) else {
            setState(event, .off, pcpu: nil)
            return
        }
        pmuDisable(pcpu)
        if events[event].leader == event {
            scheduleGroupOut(event, pcpu)
        } else {
            scheduleOut(event, pcpu)
        }
        setState(event, .off, pcpu: pcpu)
        pmuEnable(pcpu)
        refillIfRuled(pcpu)
    }

    /// Removes a group, siblings first, as their file descriptors are closed.
    public mutating func remove(_ leader: EventID) {
        if delegated(.remove(leader)) { return }
        for sibling in events[leader].siblings { detach(sibling) }
        guard events[leader].attached else { return }
        detach(leader)
        if eventIDs == .reused, events[leader].siblings.isEmpty { freeIDs.append(leader) }
    }

    private mutating func detach(_ event: EventID) {
        guard events[event].attached else { return }
        let context = events[event].context
        let pcpu = pcpuRunning(context)
        if let pcpu { scheduleOut(event, pcpu) }
        setState(event, .exited, pcpu: pcpu)
        events[event].attached = false
        contexts[context].attached -= 1
        switch events[event].list {
        case .ultimate: contexts[context].ultimate.removeFirst(equalTo: event)
        case .pinned: contexts[context].pinned.removeFirst(equalTo: event)
        default: contexts[context].flexible.removeFirst(equalTo: event)
        }
        if contexts[context].attached == 0 {
            contexts[context].rotateNecessary = false
            contexts[context].active = []
            if case .task = contexts[context].scope, let pcpu { setTaskContext(-1, on: pcpu) }
        }
        if let pcpu { refillIfRuled(pcpu) }
    }

    /// `perf_event_period()`: stops and restarts a running event with the new period.
    public mutating func setPeriod(_ event: EventID, _ period: UInt64) {
        events[event].spec.samplePeriod = period
        if delegated(.setPeriod(event, period)) { return }
        guard events[event].state == .active, let pcpu = pcpuRunning(events[event].context) else {
            sink.periodChanged(event: event, period: period)
            return
        }
        pmuDisable(pcpu)
        stopCounter(event, pcpu)
        sink.periodChanged(event: event, period: period)
        startCounter(event, pcpu)
        pmuEnable(pcpu)
    }

    /// Reads a running event's counter; an event that does not run touches nothing.
    public mutating func read(_ event: EventID) {
        if delegated(.read(event)) { return }
        guard events[event].state == .active, let pcpu = pcpuRunning(events[event].context) else { return }
        sink.read(pcpu: pcpu, event: event, counter: events[event].counter)
    }

    /// The pCPU on which the context's owner is current: its own for a cpu context.
    @inline(__always)
    func pcpuWhereCurrent(_ context: Int) -> Int? {
        switch contexts[context].scope {
        case .pcpu(let pcpu): pcpu
        case .task(let task): pcpuOfCurrent(task)
        }
    }
}
