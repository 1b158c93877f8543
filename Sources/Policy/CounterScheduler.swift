import PMU

/// Who holds which physical counter: Linux's perf core and x86 scheduling as a state machine without a clock.
///
/// Operations come in (`install`, `enable`, `switchTask`, `rotate`, ...), steps go out to `sink`. Three kinds of
/// state, and what may run in parallel follows from them: a *task context* (its groups' order, their ERROR, the
/// counter each used last) belongs to its task and migrates with it; a *pCPU* owns its cpu context and its list of
/// scheduled events; nothing is host-global but the exclusion of mediated guests (`HostVisibility`).
///
/// The files around this one follow one pass of the kernel from the outside in:
///
///     +Operations   install, remove, enable, disable, period, read      kernel/events/core.c
///     +Tasks        task switch                                          kernel/events/core.c
///     +Rotation     the multiplexing timer                               kernel/events/core.c
///     +ListOrder    lists in and out, in priority order                  kernel/events/core.c
///     +Groups       one group in, all or nothing                         kernel/events/core.c
///     +Counters     the x86 event list, transactions, (re)assignment     arch/x86/events/core.c
///     +Guests       handing the whole PMU to a mediated guest            kernel/events/core.c
///     +Places       reservations, exact counters, hyper-thread siblings  (ours), arch/x86/events/intel/core.c
///     +External     somebody else's policy instead of these rules        (ours)
///
/// Function names in the comments there are the kernel's, of v6.12.
public struct CounterScheduler<Sink: PMUSink> {
    public var sink: Sink
    public let rules: PolicyRules
    /// Limits of the PMU that scheduling depends on.
    public let limits: Limits

    var events = FlatArray<Event>()
    var contexts = FlatArray<Context>()
    var pcpus: FlatArray<PCPU>
    /// The context index of each task; pCPU p's own context is p.
    var taskContexts: [Int] = []
    /// On how many pCPUs each task is current, and the last on which it became so.
    var taskPlaces: [(count: Int, last: Int)] = []
    /// Whether the ids of removed events name new ones: a listener that keeps something for each event then needs no
    /// more memory than there are events at a time.
    public var eventIDs = SchedulerEventIDs.unique
    /// Whether a place's tag ever decided anything: an event had moved up in its pCPU's list and was running still. All
    /// else that tags do follows from the events' order, so that until then nobody need know how often a place was
    /// given away.
    public internal(set) var tagsDecided = false
    /// Ids to be used again.
    var freeIDs: [EventID] = []

    /// The rules of each vCPU's VM, by the demand's index; vCPUs beyond the end follow the policy's common rules.
    public var guestRules: [GuestRules] = []
    /// Who decides instead of this scheduler's own rules, nil if they do.
    var external: (any ExternalPolicy)?
    /// How the external policy failed; from then on operations do nothing.
    public internal(set) var failure: PolicyFailure?
    var externalRotates: [UInt8] = []
    var externalGoesOn = false
    var externalRefusals: [EventID: Refusal.Reason] = [:]
    /// Whether some guest's events stand before everything else, so that their list must be looked at.
    let hasUltimate: Bool
    /// Whether some guest reads its counts scaled by enabled over running time.
    let keepsTimes: Bool
    /// Whether no host event may see any guest. Where some guests are served by host events, those that hold the PMU
    /// are blind spots all the same, and the others are seen.
    let blindsHost: Bool
    /// Where events of host and guests may go on each pCPU; empty if everybody may go everywhere.
    let allowed: [(host: UInt64, guests: UInt64)]

    public typealias Limits = SchedulerLimits
    typealias Event = ScheduledEvent
    typealias Context = EventContext
    typealias Lists = ContextLists
    typealias PCPU = PCPUSchedule

    /// - Parameters:
    ///   - pcpus: number of logical host CPUs.
    ///   - siblings: the other hyper-thread of each pCPU's core, -1 for none; empty if there are no siblings. Only a
    ///     processor with the hyper-threading erratum asks.
    public init(
        pcpus count: Int, limits: Limits, rules: PolicyRules = .emulated, siblings: [Int] = [], sink: Sink
    ) {
        self.sink = sink
        self.rules = rules
        self.limits = limits
        pcpus = FlatArray((0..<count).map { _ in PCPU() })
        contexts = FlatArray((0..<count).map { Context(scope: .pcpu($0)) })
        hasUltimate = rules.allGuestRules.contains { $0.priority == .ultimate && $0.access == .emulated }
        keepsTimes = rules.allGuestRules.contains { $0.counts == .scaled }
        blindsHost =
            rules.hostVisibility == .blinded && rules.allGuestRules.allSatisfy { $0.access != .emulated }
        allowed =
            rules.reservations.isEmpty
            ? [] : (0..<count).map { CounterScheduler.shares(of: rules, limits: limits, pcpu: $0) }
        if limits.hyperthreadErratum == .workedAround {
            for (pcpu, sibling) in siblings.prefix(count).enumerated() where (0..<count).contains(sibling) {
                pcpus[pcpu].sibling = sibling
            }
        }
    }

    /// Registers a task that may have events; its context is empty until then.
    public mutating func addTask() -> TaskID {
        taskContexts.append(contexts.count)
        taskPlaces.append((0, -1))
        contexts.append(Context(scope: .task(taskContexts.count - 1)))
        _ = delegated(.addTask(taskContexts.count - 1))
        return taskContexts.count - 1
    }

    public var eventCount: Int { events.count }
    @inline(__always)
    public func spec(of event: EventID) -> EventSpec { events[event].spec }
    @inline(__always)
    public func state(of event: EventID) -> EventState { events[event].state }
    /// The physical counter an active event holds, nil otherwise.
    @inline(__always)
    public func counter(of event: EventID) -> Int? {
        events[event].state == .active && events[event].counter >= 0 ? events[event].counter : nil
    }
    /// The pCPU on which the event's context is scheduled in, nil if it is not.
    @inline(__always)
    public func pcpu(of event: EventID) -> Int? { pcpuRunning(events[event].context) }
    /// Whether multiplexing is needed on `pcpu`, for its own events and the current task's.
    @inline(__always)
    public func rotateNecessary(pcpu: Int) -> (cpu: Bool, task: Bool) {
        if external != nil {
            let flags = externalRotates.indices.contains(pcpu) ? externalRotates[pcpu] : 0
            return (flags & 1 != 0, flags & 2 != 0)
        }
        let task = pcpus[pcpu].taskContext
        return (contexts[pcpu].rotateNecessary, task >= 0 && contexts[task].rotateNecessary)
    }

    @inline(__always)
    func pcpuRunning(_ context: Int) -> Int? {
        switch contexts[context].scope {
        case .pcpu(let pcpu): pcpu
        case .task: taskPCPU(context)
        }
    }

    /// Guest-mode time, ns, that the event behind a guest's counter was enabled and running since its creation
    /// (`total_time_enabled`, `total_time_running`); both 0 where nobody reads scaled counts.
    @inline(__always)
    public func times(of event: EventID) -> (enabled: UInt64, running: UInt64) {
        guard keepsTimes else { return (0, 0) }
        let elapsed = elapsedTime(event)
        let isOn = events[event].state == .active || events[event].state == .inactive
        return (
            events[event].enabledNs + (isOn ? elapsed : 0),
            events[event].activeNs + (events[event].state == .active ? elapsed : 0)
        )
    }

    @inline(__always)
    private func elapsedTime(_ event: EventID) -> UInt64 {
        guard case .guest(let vcpu, _) = events[event].spec.owner else { return 0 }
        return sink.guestTime(vcpu: vcpu) &- events[event].stateSince
    }

    /// Books the time in the state that an event is about to leave.
    private mutating func settleTimes(_ event: EventID) {
        (events[event].enabledNs, events[event].activeNs) = times(of: event)
        if case .guest(let vcpu, _) = events[event].spec.owner {
            events[event].stateSince = sink.guestTime(vcpu: vcpu)
        }
    }

    /// The first pCPU whose task context it is.
    @inline(__always)
    private func taskPCPU(_ context: Int) -> Int? {
        let places = contexts[context].places
        if places == 0 { return nil }
        let last = contexts[context].lastPlace
        if places == 1, pcpus[last].taskContext == context { return last }
        return pcpus.indices.first { pcpus[$0].taskContext == context }
    }

    mutating func setTaskContext(_ context: Int, on pcpu: Int) {
        let old = pcpus[pcpu].taskContext
        guard old != context else { return }
        if old >= 0 { contexts[old].places -= 1 }
        if context >= 0 {
            contexts[context].places += 1
            contexts[context].lastPlace = pcpu
        }
        pcpus[pcpu].taskContext = context
    }

    /// Makes `task` current on `pcpu`.
    mutating func setCurrent(_ task: TaskID?, on pcpu: Int) {
        if let old = pcpus[pcpu].current { taskPlaces[old].count -= 1 }
        if let task { taskPlaces[task] = (taskPlaces[task].count + 1, pcpu) }
        pcpus[pcpu].current = task
    }

    /// The first pCPU on which `task` is current.
    @inline(__always)
    func pcpuOfCurrent(_ task: TaskID) -> Int? {
        let (count, last) = taskPlaces[task]
        if count == 0 { return nil }
        if count == 1, pcpus[last].current == task { return last }
        return pcpus.indices.first { pcpus[$0].current == task }
    }

    mutating func setState(_ event: EventID, _ state: EventState, pcpu: Int?) {
        let old = events[event].state
        guard old != state else { return }
        if keepsTimes { settleTimes(event) }
        events[event].state = state
        sink.stateChanged(pcpu: pcpu, event: event, from: old, to: state)
    }
}
