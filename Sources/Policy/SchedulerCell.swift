import PMU

/// All that decides what a scheduler does with the events of one pCPU and of the task that is current on it, until
/// somebody else is. Neither is named: two pCPUs with equal cells go on alike.
///
/// Events are numbered: the pCPU's own in the order of their ids, then the task's as the caller lists them. Lists hold those
/// numbers instead of ids.
public struct SchedulerCell: Sendable {
    var pcpu: PCPUSchedule
    var own: EventContext
    var task: EventContext
    var events: [ScheduledEvent]
    /// How many of `events` are the pCPU's own.
    public let ownCount: Int

    /// Appends words that are equal for two cells exactly if both go on alike, their sample periods apart.
    public func describe(into words: inout [UInt64]) {
        words.append(
            (pcpu.taskContext >= 0 ? 1 : 0) | (pcpu.taskGoesFirst ? 2 : 0) | (pcpu.loadedGuest >= 0 ? 4 : 0)
                | (pcpu.offline ? 8 : 0) | UInt64(ownCount) << 8 | UInt64(events.count) << 32)
        words.append(pcpu.running)
        words.append(pcpu.loadedCounters)
        words.append(UInt64(pcpu.list.count))
        for (place, event) in pcpu.list.enumerated() {
            words.append(
                UInt64(event) | UInt64(truncatingIfNeeded: pcpu.assigned[place] + 1) << 16
                    | (events[event].lastPlace == place ? 1 << 32 : 0))
        }
        for context in [own, task] {
            words.append(
                UInt64(context.active.rawValue) | (context.hasPMU ? 1 << 8 : 0)
                    | (context.rotateNecessary ? 1 << 9 : 0) | UInt64(context.attached) << 16)
            for list in context.lists {
                words.append(UInt64(list.count))
                for event in list { words.append(UInt64(event)) }
            }
        }
        for event in events { event.describe(into: &words) }
    }
}

extension EventContext {
    fileprivate var lists: [[EventID]] { [ultimate, pinned, flexible, ultimateActive, pinnedActive, flexibleActive] }

    /// The same with every event renamed; nil if `name` does not know one.
    fileprivate func renamed(_ name: (EventID) -> EventID?) -> EventContext? {
        func all(_ list: [EventID]) -> [EventID]? {
            let names = list.compactMap(name)
            return names.count == list.count ? names : nil
        }
        guard let ultimate = all(ultimate), let pinned = all(pinned), let flexible = all(flexible),
            let ultimateActive = all(ultimateActive), let pinnedActive = all(pinnedActive),
            let flexibleActive = all(flexibleActive)
        else { return nil }
        var other = self
        (other.ultimate, other.pinned, other.flexible) = (ultimate, pinned, flexible)
        (other.ultimateActive, other.pinnedActive, other.flexibleActive) = (
            ultimateActive, pinnedActive, flexibleActive
        )
        return other
    }
}

extension ScheduledEvent {
    fileprivate func describe(into words: inout [UInt64]) {
        words.append(spec.config)
        words.append(spec.constraint.mask)
        words.append(
            UInt64(UInt8(bitPattern: state.rawValue)) | UInt64(list.rawValue) << 8 | UInt64(
                spec.constraint.kind.rawValue) << 16
                | UInt64(spec.priority.rawValue) << 20 | UInt64(spec.exclusion.rawValue) << 22
                | (attached ? 1 << 24 : 0)
                | (stopped ? 1 << 25 : 0) | (heldStopped ? 1 << 26 : 0) | (spec.samplePeriod != 0 ? 1 << 27 : 0)
                | UInt64(truncatingIfNeeded: counter + 1) << 32
                | UInt64(truncatingIfNeeded: spec.constraint.weight) << 48)
    }
}

extension CounterScheduler {
    /// Whether cells of this scheduler say all: nobody else decides, and no hyper-thread bars counters. How long events ran is no part
    /// of a cell; it decides nothing but what a guest reads of a count that is not 0.
    public var hasCells: Bool { external == nil && pcpus.allSatisfy { $0.sibling < 0 } }

    /// Whether events may go to the same counters on both pCPUs.
    public func isAlike(pcpu a: Int, _ b: Int) -> Bool { allowed.isEmpty || allowed[a] == allowed[b] }

    /// The pCPU's own events, in the order of their ids.
    public func ownEvents(pcpu: Int) -> [EventID] {
        (contexts[pcpu].ultimate + contexts[pcpu].pinned + contexts[pcpu].flexible).sorted()
    }

    /// The cell of `pcpu` with `task`, whose events are `taskEvents`.
    ///
    /// nil where it does not say all: groups, an event that is not listed, a task that is somewhere else too.
    public func cell(pcpu: Int, task: TaskID, taskEvents: [EventID]) -> SchedulerCell? {
        let context = taskContexts[task]
        let one = pcpus[pcpu]
        guard one.current == task, taskPlaces[task] == (1, pcpu), one.disableDepth == 0, !one.inTransaction,
            one.taskContext == -1 || one.taskContext == context,
            contexts[context].places == (one.taskContext == context ? 1 : 0)
        else { return nil }
        let own = ownEvents(pcpu: pcpu)
        let ids = own + taskEvents
        let number = { (event: EventID) in ids.firstIndex(of: event) }
        guard let ownContext = contexts[pcpu].renamed(number), let taskContext = contexts[context].renamed(number),
            ids.allSatisfy({ events[$0].siblings.isEmpty && events[$0].leader == $0 })
        else { return nil }
        var schedule = one
        schedule.list = one.list.compactMap(number)
        guard schedule.list.count == one.list.count else { return nil }
        return SchedulerCell(
            pcpu: schedule, own: ownContext, task: taskContext, events: ids.map { events[$0] }, ownCount: own.count)
    }

    /// Puts a cell into force: on `pcpu`, where `task` is current, with `taskEvents` for its task's events.
    ///
    /// - Precondition: the pCPU has as many own events as it had in the cell.
    public mutating func restore(_ cell: SchedulerCell, pcpu: Int, task: TaskID, taskEvents: [EventID]) {
        let context = taskContexts[task]
        let ids = ownEvents(pcpu: pcpu) + taskEvents
        precondition(ids.count == cell.events.count, "a cell of \(cell.events.count) events for \(ids.count)")
        let id = { (number: EventID) -> EventID? in ids[number] }
        var schedule = cell.pcpu
        schedule.list = cell.pcpu.list.map { ids[$0] }
        schedule.current = task
        schedule.taskContext = cell.pcpu.taskContext >= 0 ? context : -1
        schedule.loadedGuest = pcpus[pcpu].loadedGuest
        pcpus[pcpu] = schedule
        if var own = cell.own.renamed(id) {
            (own.scope, own.places, own.lastPlace) =
                (contexts[pcpu].scope, contexts[pcpu].places, contexts[pcpu].lastPlace)
            contexts[pcpu] = own
        }
        if var other = cell.task.renamed(id) {
            other.scope = contexts[context].scope
            other.places = schedule.taskContext >= 0 ? 1 : 0
            other.lastPlace = pcpu
            contexts[context] = other
        }
        for (number, event) in ids.enumerated() {
            var one = cell.events[number]
            one.leader = event
            one.lastPCPU = pcpu
            if number < cell.ownCount {
                one.context = pcpu
                one.spec.scope = .pcpu(pcpu)
                one.spec.owner = events[event].spec.owner
            } else {
                one.context = context
                one.spec.scope = .task(task)
            }
            events[event] = one
        }
    }

    /// Says which guest's counters are loaded on `pcpu`, -1 for none, after `restore`.
    public mutating func setLoadedGuest(_ vcpu: Int, pcpu: Int) { pcpus[pcpu].loadedGuest = vcpu }

    /// Says whose event it is, after `restore`; its times begin anew.
    public mutating func setOwner(_ vcpu: Int, _ counter: Counter, of event: EventID) {
        events[event].spec.owner = .guest(vcpu: vcpu, counter: counter)
        events[event].enabledNs = 0
        events[event].activeNs = 0
        events[event].stateSince = sink.guestTime(vcpu: vcpu)
    }

    /// An id for an event that `restore` is about to fill in.
    public mutating func reserveID() -> EventID {
        if let id = freeIDs.popLast() { return id }
        let blank = EventSpec(config: 0, constraint: .impossible, priority: .pinned, scope: .task(0))
        events.append(Event(spec: blank, leader: events.count, context: 0, list: .pinned))
        return events.count - 1
    }

    /// Gives back the id of an event that is no more after `restore`.
    public mutating func release(id: EventID) { freeIDs.append(id) }
}
