/// How one VM's guests come by counters, and what they are told.
public struct GuestRules: Sendable, Equatable {
    public var access: PolicyRules.Guests
    public var priority: Priority
    public var choice: CounterChoice
    public var handover: Handover
    public var availability: Availability
    public var telling: Telling
    public var heeding: Heeding
    public var counts: GuestCounts
    public var eventNames: EventNames
    public var socketEvents: SocketEvents
    public var socket: Socket
    public var filter: EventFilterRule?

    /// Where a guest's events stand among the host's. Host events keep perf's four steps: cpu-pinned, task-pinned,
    /// cpu-flexible, task-flexible.
    public enum Priority: String, Sendable, CaseIterable {
        /// A pinned event of the vCPU's thread: behind cpu-pinned, before everything flexible. Today's KVM.
        case taskPinned = "task-pinned"
        /// A flexible event of the vCPU's thread, multiplexed with the others.
        case flexible
        /// Before everything else; only KVM may ask for it.
        case ultimate
    }

    /// Which physical counter backs virtual counter M.
    public enum CounterChoice: String, Sendable, CaseIterable {
        case anyFitting = "any-fitting"
        /// M itself or none.
        case exact
    }

    /// When the whole PMU changes hands.
    public enum Handover: String, Sendable, CaseIterable {
        case never
        /// At VM entry and exit.
        case entryExit = "entry-exit"
        /// When the vCPU's thread is switched in and out.
        case timeSlice = "time-slice"
    }

    /// Which counters a VM may use at all.
    public enum Availability: String, Sendable, CaseIterable {
        case everything
        /// Those that the host and its firmware leave free when the VM powers on, for as long as it runs.
        case freeAtPowerOn = "free-at-power-on"
    }

    /// How a guest learns that a counter is not to be had.
    public enum Telling: String, Sendable, CaseIterable {
        case silent
        /// The write that asks for it raises #GP.
        case fault
        /// The counter's event select is not zero when the VM powers on.
        case evtselNonzero = "evtsel-nonzero"
        /// GLOBAL_INUSE shows the counters that the host uses at the moment.
        case inuse
        /// CPUID announces fewer counters.
        case hideCounter = "hide-counter"
    }

    /// What a guest looks at before it uses a counter.
    public enum Heeding: String, Sendable, CaseIterable {
        case none
        case evtsel
        case inuse
    }

    /// What a guest reads of a counter that was multiplexed.
    public enum GuestCounts: String, Sendable, CaseIterable {
        case asCounted = "as-counted"
        /// The count times enabled over running time.
        case scaled
    }

    /// How a guest's event select is named to perf.
    public enum EventNames: String, Sendable, CaseIterable {
        /// As the traced kernel did it.
        case asTraced = "as-traced"
        case raw
        /// By a generic id of KVM's own table, which the host's table translates back.
        case hardwareID = "hardware-id"
    }

    /// Who may count events that tell about the socket rather than the core.
    public enum SocketEvents: String, Sendable, CaseIterable {
        case anybody
        case socketOwners = "socket-owners"
        case nobody
    }

    /// Whether the VM has a socket to itself.
    public enum Socket: String, Sendable, CaseIterable { case shared, owned }

    /// Whether a guest saw what it was told.
    public enum Notice: String, Sendable, CaseIterable { case noticed, overlooked }

    public init(access: PolicyRules.Guests) {
        self.access = access
        priority = .taskPinned
        choice = access == .mediated ? .exact : .anyFitting
        handover = access == .mediated ? .entryExit : .never
        availability = .everything
        telling = .silent
        heeding = .none
        counts = .asCounted
        eventNames = .asTraced
        socketEvents = .anybody
        socket = .shared
        filter = nil
    }

    /// Whether this guest notices when a counter is not to be had: it must look where it is told, but nobody can
    /// overlook a fault or a counter that CPUID does not announce.
    public var notice: Notice {
        switch telling {
        case .silent: .overlooked
        case .fault, .hideCounter: .noticed
        case .evtselNonzero: heeding == .evtsel ? .noticed : .overlooked
        case .inuse: heeding == .inuse ? .noticed : .overlooked
        }
    }

    /// Whether the VM may count events that tell about the socket.
    public var mayCountSocketEvents: Bool {
        switch socketEvents {
        case .anybody: true
        case .socketOwners: socket == .owned
        case .nobody: false
        }
    }
}

/// An event filter as KVM_SET_PMU_EVENT_FILTER takes it (Documentation/virt/kvm/api.rst); what its entries mean is
/// KVM's business.
public struct EventFilterRule: Sendable, Equatable {
    public var action: Action
    public var encoding: Encoding
    public var entries: [UInt64]
    /// Bit n speaks of fixed counter n.
    public var fixedCounters: UInt32

    public enum Action: String, Sendable, CaseIterable { case allow, deny }
    /// Plain events and umasks (flags 0), or select, match, mask and exclude (KVM_PMU_EVENT_FLAG_MASKED_EVENTS).
    public enum Encoding: String, Sendable, CaseIterable { case events, masked }

    /// The most entries the ioctl takes.
    public static let maxEntries = 300

    public init(action: Action, encoding: Encoding = .events, entries: [UInt64], fixedCounters: UInt32 = 0) {
        self.action = action
        self.encoding = encoding
        self.entries = entries
        self.fixedCounters = fixedCounters
    }
}
