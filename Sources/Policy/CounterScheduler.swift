import PMU

/// Who holds which physical counter: Linux's perf core and x86 scheduling as a state machine without a clock.
///
/// Operations come in (`install`, `enable`, `switchTask`, `rotate`, ...), steps go out to `sink`. Three kinds of
/// state, and what may run in parallel follows from them: a *task context* (its groups' order, their ERROR, the
/// counter each used last) belongs to its task and migrates with it; a *pCPU* owns its cpu context and its list of
/// scheduled events; nothing is host-global but the exclusion of mediated guests (`MediatedExclusion`).
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

    var events: [Event] = []
    var contexts: [Context] = []
    var pcpus: [PCPU]
    /// The context index of each task; pCPU p's own context is p.
    var taskContexts: [Int] = []
    /// The rules of each vCPU's VM, by the demand's index; vCPUs beyond the end follow the policy's common rules.
    public var guestRules: [GuestRules] = []
    /// Who decides instead of this scheduler's own rules, nil if they do.
    var external: (any ExternalPolicy)?
    /// How the external policy failed; from then on operations do nothing.
    public internal(set) var failure: PolicyFailure?
    var externalRotates: [UInt8] = []
    var externalGoesOn = false
    /// Whether some guest's events stand before everything else, so that their list must be looked at.
    let hasUltimate: Bool
    /// Whether some guest reads its counts scaled by enabled over running time.
    let keepsTimes: Bool
    /// Whether no host event may see any guest. Where some guests are served by host events, those that hold the PMU are
    /// blind spots all the same, and the others are seen.
    let blindsHost: Bool
    /// Where events of host and guests may go on each pCPU; empty if everybody may go everywhere.
    let allowed: [(host: UInt64, guests: UInt64)]

    public struct Limits: Sendable, Equatable {
        public var gp: Int
        public var fixed: Int
        /// GP placements the solver may make, before pairs are taken off (`x86_pmu_max_num_counters()`).
        public var gpmax: Int
        /// Whether the erratum of Sandy Bridge to Haswell is worked around between the threads of a core.
        public var hyperthreadErratum: HyperthreadErratum

        public enum HyperthreadErratum: Sendable { case absent, workedAround }

        public init(
            gp: Int, fixed: Int, gpmax: Int? = nil, hyperthreadErratum: HyperthreadErratum = .absent
        ) {
            self.gp = gp
            self.fixed = fixed
            self.gpmax = gpmax ?? gp
            self.hyperthreadErratum = hyperthreadErratum
        }

        /// The limits of a processor.
        public init(model: ProcessorModel) {
            self.init(
                gp: model.gp, fixed: model.fixed,
                hyperthreadErratum: model.rules.contains(.hyperthreadErratum) ? .workedAround : .absent)
        }
    }

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
        pcpus = (0..<count).map { _ in PCPU() }
        contexts = (0..<count).map { Context(scope: .pcpu($0)) }
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

    struct Event {
        var spec: EventSpec
        var leader: EventID
        var context: Int
        var state: EventState = .off
        var siblings: [EventID] = []
        /// The list of its context that a leader stands in.
        var list: Lists
        /// The counter used last, -1 before the first use; survives being scheduled out.
        var counter = -1
        var lastPCPU = -1
        var lastTag: UInt32 = 0
        var attached = false
        var stopped = true
        /// Stopped by its owner, so that reassignment must not start it (PERF_HES_ARCH).
        var heldStopped = false
        /// Guest-mode time that a guest's event was enabled and ACTIVE up to `stateSince`, kept where guests see scaled
        /// counts.
        var enabledNs: UInt64 = 0
        var activeNs: UInt64 = 0
        var stateSince: UInt64 = 0
    }

    /// A list of groups that is scheduled together: one pCPU's, or one task's.
    struct Context {
        var scope: EventSpec.Scope
        /// Leaders in creation order; only rotation reorders.
        var pinned: [EventID] = []
        var flexible: [EventID] = []
        /// Guests' events before everything else; empty unless the policy has such.
        var ultimate: [EventID] = []
        var ultimateActive: [EventID] = []
        var pinnedActive: [EventID] = []
        var flexibleActive: [EventID] = []
        /// Number of attached events, siblings included.
        var attached = 0
        /// Once a context has had an event it keeps its per-PMU part, and switching it brackets the PMU even when
        /// nothing is left to schedule.
        var hasPMU = false
        var active: Lists = []
        var rotateNecessary = false
    }

    struct Lists: OptionSet {
        var rawValue: UInt8
        static var pinned: Lists { Lists(rawValue: 1) }
        static var flexible: Lists { Lists(rawValue: 2) }
        static var ultimate: Lists { Lists(rawValue: 4) }
        /// What Linux has.
        static var common: Lists { [.pinned, .flexible] }
        static var all: Lists { [.ultimate, .pinned, .flexible] }
    }

    struct PCPU {
        /// The context that is scheduled in beside the pCPU's own (`cpuctx->task_ctx`), -1 if none.
        var taskContext = -1
        /// The task that is current, nil if it has no events of its own.
        var current: TaskID?
        var disableDepth = 0
        /// Scheduled events in the order they were added (`cpuc->event_list`).
        var list: [EventID] = []
        var assigned: [Int] = []
        var tags = [UInt32](repeating: 0, count: 64)
        var added = 0
        var inTransaction = false
        var transactionAdded = 0
        /// Physical counters that count, by bit.
        var running: UInt64 = 0
        /// The mediated guest whose counters are loaded, -1 if none.
        var loadedGuest = -1
        var loadedCounters: UInt64 = 0
        var offline = false
        /// The other hyper-thread of the core where that matters, -1 if it does not.
        var sibling = -1
        /// Whether flexible events of the current task are placed before the pCPU's own, where they take turns.
        var taskGoesFirst = false
    }

    /// Registers a task that may have events; its context is empty until then.
    public mutating func addTask() -> TaskID {
        taskContexts.append(contexts.count)
        contexts.append(Context(scope: .task(taskContexts.count - 1)))
        _ = delegated(.addTask(taskContexts.count - 1))
        return taskContexts.count - 1
    }

    public var pcpuCount: Int { pcpus.count }
    public var eventCount: Int { events.count }
    public func spec(of event: EventID) -> EventSpec { events[event].spec }
    public func state(of event: EventID) -> EventState { events[event].state }
    /// The physical counter an active event holds, nil otherwise.
    public func counter(of event: EventID) -> Int? {
        events[event].state == .active && events[event].counter >= 0 ? events[event].counter : nil
    }
    /// The pCPU on which the event's context is scheduled in, nil if it is not.
    public func pcpu(of event: EventID) -> Int? { pcpuRunning(events[event].context) }
    /// Whether multiplexing is needed on `pcpu`, for its own events and the current task's.
    public func rotateNecessary(pcpu: Int) -> (cpu: Bool, task: Bool) {
        if external != nil {
            let flags = externalRotates.indices.contains(pcpu) ? externalRotates[pcpu] : 0
            return (flags & 1 != 0, flags & 2 != 0)
        }
        let task = pcpus[pcpu].taskContext
        return (contexts[pcpu].rotateNecessary, task >= 0 && contexts[task].rotateNecessary)
    }

    func pcpuRunning(_ context: Int) -> Int? {
        switch contexts[context].scope {
        case .pcpu(let pcpu): pcpu
        case .task: pcpus.firstIndex { $0.taskContext == context }
        }
    }

    /// Guest-mode time, ns, that the event behind a guest's counter was enabled and running since its creation
    /// (`total_time_enabled`, `total_time_running`); both 0 where nobody reads scaled counts.
    public func times(of event: EventID) -> (enabled: UInt64, running: UInt64) {
        guard keepsTimes else { return (0, 0) }
        let elapsed = elapsedTime(event)
        let isOn = events[event].state == .active || events[event].state == .inactive
        return (
            events[event].enabledNs + (isOn ? elapsed : 0),
            events[event].activeNs + (events[event].state == .active ? elapsed : 0)
        )
    }

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

    mutating func setState(_ event: EventID, _ state: EventState, pcpu: Int?) {
        let old = events[event].state
        guard old != state else { return }
        if keepsTimes { settleTimes(event) }
        events[event].state = state
        sink.stateChanged(pcpu: pcpu, event: event, from: old, to: state)
    }
}
