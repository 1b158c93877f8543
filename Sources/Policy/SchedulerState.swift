import PMU

// The state of a `CounterScheduler`. Its types stand outside of it, because what is nested in a generic type is generic
// itself: its operators and arrays would be looked up at run time.

/// Limits of a PMU that scheduling depends on.
public struct SchedulerLimits: Sendable, Equatable {
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

/// Whether the ids of removed events name new ones.
public enum SchedulerEventIDs: Sendable { case unique, reused }

/// What perf keeps of an event.
struct ScheduledEvent {
    var spec: EventSpec
    var leader: EventID
    var context: Int
    var state: EventState = .off
    var siblings: [EventID] = []
    /// The list of its context that a leader stands in.
    var list: ContextLists
    /// The counter used last, -1 before the first use; survives being scheduled out.
    var counter = -1
    var lastPCPU = -1
    var lastTag: UInt32 = 0
    /// Where in its pCPU's list it stood when its counter was given to it.
    var lastPlace = -1
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
struct EventContext {
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
    var active: ContextLists = []
    var rotateNecessary = false
    /// Number of pCPUs whose task context it is, and the last one that it became.
    var places = 0
    var lastPlace = -1
}

/// ContextLists of a context.
struct ContextLists: OptionSet {
    var rawValue: UInt8
    static var pinned: ContextLists { ContextLists(rawValue: 1) }
    static var flexible: ContextLists { ContextLists(rawValue: 2) }
    static var ultimate: ContextLists { ContextLists(rawValue: 4) }
    /// What Linux has.
    static var common: ContextLists { [.pinned, .flexible] }
    static var all: ContextLists { [.ultimate, .pinned, .flexible] }
}

/// What perf keeps of a logical CPU.
struct PCPUSchedule {
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

extension [EventID] {
    /// Takes an event out of a list in which it stands once at most.
    @inline(__always)
    mutating func removeFirst(equalTo event: EventID) {
        if let place = firstIndex(of: event) { remove(at: place) }
    }
}
