import PMU

/// A cell being written down: all that decides what goes on, as words. Equal words go on alike.
public struct CellWords {
    public private(set) var words: [UInt64] = []

    public init() {}

    @inline(__always)
    public mutating func add(_ word: UInt64) { words.append(word) }
    public mutating func removeAll() { words.removeAll(keepingCapacity: true) }

    /// Most numbers in a list that fits.
    static let mostListed = 12
    /// Numbers of events are below it.
    public static let mostEvents = 32

    /// Adds a list of events by their numbers; false where that does not fit into a word.
    @inline(__always)
    mutating func add(_ list: [EventID], numbers ids: [EventID]) -> Bool {
        guard list.count <= CellWords.mostListed else { return false }
        var word = UInt64(list.count) << 60
        for (place, event) in list.enumerated() {
            guard let number = ids.firstIndex(of: event), number < CellWords.mostEvents else { return false }
            word |= UInt64(number) << UInt64(5 * place)
        }
        add(word)
        return true
    }
}

/// A cell that was written down, while it is put into force.
public struct CellReading {
    private var at: UnsafePointer<UInt64>

    public init(_ words: UnsafePointer<UInt64>) { at = words }

    @inline(__always)
    public mutating func next() -> UInt64 {
        defer { at += 1 }
        return at.pointee
    }

    @inline(__always)
    mutating func list(_ list: inout [EventID], numbers ids: [EventID]) {
        list.removeAll(keepingCapacity: true)
        let word = next()
        for place in 0..<Int(word >> 60) { list.append(ids[Int(word >> UInt64(5 * place) & 31)]) }
    }
}

/// Whom a cell is of: a pCPU and the task that is current on it, or either without the other.
public struct CellScope {
    public var pcpu: Int?
    public var task: TaskID?
    /// The pCPU's own events in the order of their ids, then the task's as the caller lists them: cells know them by
    /// their numbers here.
    public var events: [EventID]
    public var ownCount: Int

    public init(pcpu: Int?, task: TaskID?, events: [EventID], ownCount: Int) {
        self.pcpu = pcpu
        self.task = task
        self.events = events
        self.ownCount = ownCount
    }
}

extension CounterScheduler {
    /// Whether cells of this scheduler say all: nobody else decides, and no hyper-thread bars counters. How long events
    /// ran is no part of a cell; it decides nothing but what a guest reads of a count that is not 0.
    public var hasCells: Bool { external == nil && pcpus.allSatisfy { $0.sibling < 0 } }

    /// Whether events may go to the same counters on both pCPUs.
    public func isAlike(pcpu a: Int, _ b: Int) -> Bool { allowed.isEmpty || allowed[a] == allowed[b] }

    /// The pCPU's own events, in the order of their ids.
    public func ownEvents(pcpu: Int) -> [EventID] {
        (contexts[pcpu].ultimate + contexts[pcpu].pinned + contexts[pcpu].flexible).sorted()
    }

    /// Writes down all that decides what the scheduler does with the events of `scope` until another task is current.
    /// Neither pCPU nor task is named, sample periods are not told apart, and `config` says how an event's config
    /// reads, by its number.
    ///
    /// A place's tag is left out: what runs at its place has the place's tag, and what does not run is given its place
    /// anew either way (`tagsDecided` tells of the rest).
    ///
    /// - Returns: false where that does not say all: groups, an event that is not listed, a task that is somewhere else
    ///   too.
    public func write(_ scope: CellScope, into cell: inout CellWords, config: (Int, UInt64) -> UInt64) -> Bool {
        let ids = scope.events
        guard ids.count <= CellWords.mostEvents else { return false }
        if let task = scope.task {
            let context = taskContexts[task]
            let isIn = scope.pcpu.map { pcpus[$0].taskContext == context } ?? false
            guard taskPlaces[task].count == (scope.pcpu == nil ? 0 : 1), contexts[context].places == (isIn ? 1 : 0)
            else { return false }
        }
        cell.add(UInt64(ids.count) | UInt64(scope.ownCount) << 8)
        if let pcpu = scope.pcpu {
            guard write(pcpu: pcpu, scope, into: &cell), write(context: pcpu, ids, into: &cell) else { return false }
        }
        if let task = scope.task {
            guard write(context: taskContexts[task], ids, into: &cell) else { return false }
        }
        for (number, id) in ids.enumerated() {
            guard events[id].siblings.isEmpty, events[id].leader == id else { return false }
            cell.add(config(number, events[id].spec.config))
            cell.add(events[id].spec.constraint.mask)
            cell.add(events[id].written)
        }
        return true
    }

    private func write(pcpu: Int, _ scope: CellScope, into cell: inout CellWords) -> Bool {
        guard pcpus[pcpu].current == scope.task, pcpus[pcpu].disableDepth == 0, !pcpus[pcpu].inTransaction,
            pcpus[pcpu].taskContext == -1 || scope.task.map({ taskContexts[$0] == pcpus[pcpu].taskContext }) ?? false
        else { return false }
        cell.add(
            (pcpus[pcpu].taskContext >= 0 ? 1 : 0) | (pcpus[pcpu].taskGoesFirst ? 2 : 0)
                | (pcpus[pcpu].loadedGuest >= 0 ? 4 : 0) | (pcpus[pcpu].offline ? 8 : 0))
        cell.add(pcpus[pcpu].running)
        cell.add(pcpus[pcpu].loadedCounters)
        guard cell.add(pcpus[pcpu].list, numbers: scope.events) else { return false }
        for place in pcpus[pcpu].list.indices {
            let isOwn = events[pcpus[pcpu].list[place]].lastPlace == place
            cell.add(UInt64(truncatingIfNeeded: pcpus[pcpu].assigned[place] + 1) << 1 | (isOwn ? 1 : 0))
        }
        return true
    }

    private func write(context: Int, _ ids: [EventID], into cell: inout CellWords) -> Bool {
        cell.add(
            UInt64(contexts[context].active.rawValue) | (contexts[context].hasPMU ? 1 << 8 : 0)
                | (contexts[context].rotateNecessary ? 1 << 9 : 0) | UInt64(contexts[context].attached) << 16)
        return cell.add(contexts[context].ultimate, numbers: ids) && cell.add(contexts[context].pinned, numbers: ids)
            && cell.add(contexts[context].flexible, numbers: ids)
            && cell.add(contexts[context].ultimateActive, numbers: ids)
            && cell.add(contexts[context].pinnedActive, numbers: ids)
            && cell.add(contexts[context].flexibleActive, numbers: ids)
    }

    /// Puts a cell that was written down into force for `scope`, which has as many events. Whose they are the caller
    /// says (`setOwner`), and which guest is loaded (`setLoadedGuest`); the pCPU's own keep their owners.
    public mutating func read(_ cell: inout CellReading, _ scope: CellScope, config: (Int, UInt64) -> UInt64) {
        let ids = scope.events
        let counts = cell.next()
        precondition(
            Int(counts & 255) == ids.count && Int(counts >> 8) == scope.ownCount,
            "a cell of \(counts & 255) events for \(ids.count)")
        let context = scope.task.map { taskContexts[$0] } ?? -1
        if let task = scope.task {
            contexts[context].places = 0
            if let pcpu = scope.pcpu {
                taskPlaces[task] = (1, pcpu)
                contexts[context].lastPlace = pcpu
            } else {
                taskPlaces[task] = (0, -1)
            }
        }
        if let pcpu = scope.pcpu {
            read(&cell, pcpu: pcpu, scope, context)
            read(&cell, context: pcpu, ids)
        }
        if context >= 0 { read(&cell, context: context, ids) }
        for (number, id) in ids.enumerated() {
            events[id].spec.config = config(number, cell.next())
            events[id].spec.constraint.mask = cell.next()
            events[id].read(cell.next())
            events[id].leader = id
            events[id].siblings.removeAll()
            events[id].lastPCPU = scope.pcpu ?? -1
            if number >= scope.ownCount, let task = scope.task {
                events[id].context = context
                events[id].spec.scope = .task(task)
            }
        }
    }

    private mutating func read(_ cell: inout CellReading, pcpu: Int, _ scope: CellScope, _ context: Int) {
        let flags = cell.next()
        pcpus[pcpu].current = scope.task
        pcpus[pcpu].taskContext = flags & 1 != 0 ? context : -1
        if flags & 1 != 0 { contexts[context].places = 1 }
        pcpus[pcpu].taskGoesFirst = flags & 2 != 0
        if flags & 4 == 0 { pcpus[pcpu].loadedGuest = -1 }
        pcpus[pcpu].offline = flags & 8 != 0
        pcpus[pcpu].running = cell.next()
        pcpus[pcpu].loadedCounters = cell.next()
        cell.list(&pcpus[pcpu].list, numbers: scope.events)
        pcpus[pcpu].assigned.removeAll(keepingCapacity: true)
        for id in scope.events { events[id].lastPlace = -1 }
        for place in pcpus[pcpu].list.indices {
            let word = cell.next()
            pcpus[pcpu].assigned.append(Int(word >> 1) - 1)
            guard word & 1 != 0 else { continue }
            let id = pcpus[pcpu].list[place]
            (events[id].lastPlace, events[id].lastTag) = (place, pcpus[pcpu].tags[place])
        }
    }

    private mutating func read(_ cell: inout CellReading, context: Int, _ ids: [EventID]) {
        let flags = cell.next()
        contexts[context].active = ContextLists(rawValue: UInt8(truncatingIfNeeded: flags))
        contexts[context].hasPMU = flags & 1 << 8 != 0
        contexts[context].rotateNecessary = flags & 1 << 9 != 0
        contexts[context].attached = Int(flags >> 16)
        cell.list(&contexts[context].ultimate, numbers: ids)
        cell.list(&contexts[context].pinned, numbers: ids)
        cell.list(&contexts[context].flexible, numbers: ids)
        cell.list(&contexts[context].ultimateActive, numbers: ids)
        cell.list(&contexts[context].pinnedActive, numbers: ids)
        cell.list(&contexts[context].flexibleActive, numbers: ids)
    }

    /// Says which guest's counters are loaded on `pcpu`, -1 for none, after `read`.
    public mutating func setLoadedGuest(_ vcpu: Int, pcpu: Int) { pcpus[pcpu].loadedGuest = vcpu }

    /// Says whose event it is, after `read`; its times begin anew with the vCPU's own, as nothing that was counted is
    /// set against them.
    public mutating func setOwner(_ vcpu: Int, _ counter: Counter, of event: EventID) {
        events[event].spec.owner = .guest(vcpu: vcpu, counter: counter)
        events[event].enabledNs = 0
        events[event].activeNs = 0
        events[event].stateSince = 0
    }

    /// An id for an event that `read` is about to fill in.
    public mutating func reserveID() -> EventID {
        if let id = freeIDs.popLast() { return id }
        let blank = EventSpec(config: 0, constraint: .impossible, priority: .pinned, scope: .task(0))
        events.append(Event(spec: blank, leader: events.count, context: 0, list: .pinned))
        return events.count - 1
    }

    /// Gives back the id of an event that is no more after `read`.
    public mutating func release(id: EventID) { freeIDs.append(id) }
}

extension ScheduledEvent {
    /// All but its config and the counters that it may go to.
    fileprivate var written: UInt64 {
        UInt64(UInt8(bitPattern: state.rawValue)) | UInt64(list.rawValue) << 8
            | UInt64(spec.constraint.kind.rawValue) << 16 | UInt64(spec.priority.rawValue) << 20
            | UInt64(spec.exclusion.rawValue) << 22 | (attached ? 1 << 24 : 0) | (stopped ? 1 << 25 : 0)
            | (heldStopped ? 1 << 26 : 0) | (spec.samplePeriod != 0 ? 1 << 27 : 0)
            | UInt64(truncatingIfNeeded: counter + 1) << 32 | UInt64(truncatingIfNeeded: spec.constraint.weight) << 48
    }

    fileprivate mutating func read(_ word: UInt64) {
        state = EventState(rawValue: Int8(bitPattern: UInt8(truncatingIfNeeded: word))) ?? .off
        list = ContextLists(rawValue: UInt8(truncatingIfNeeded: word >> 8))
        spec.constraint.kind = Constraint.Kind(rawValue: UInt8(word >> 16 & 15)) ?? .plain
        spec.priority = EventSpec.Priority(rawValue: .init(word >> 20 & 3)) ?? .pinned
        spec.exclusion = EventSpec.Exclusion(rawValue: .init(word >> 22 & 3)) ?? .none
        attached = word & 1 << 24 != 0
        stopped = word & 1 << 25 != 0
        heldStopped = word & 1 << 26 != 0
        // Any period does for those that have one.
        spec.samplePeriod = word & 1 << 27 != 0 ? max(1, spec.samplePeriod) : 0
        counter = Int(word >> 32 & 0xffff) - 1
        spec.constraint.weight = Int(word >> 48)
    }
}
