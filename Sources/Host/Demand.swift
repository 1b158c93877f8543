import PMU
import Policy

/// What guests and host users asked for, in time: the one input of a replay, and what a scenario makes.
///
/// Demand holds no decision: who got which counter is the policy's answer to it.
public struct Demand: Sendable {
    public var actors: Actors
    /// Rising in `time`; operations of equal time happen in list order.
    public var operations: [DemandOperation]

    public init(actors: Actors, operations: [DemandOperation] = []) {
        self.actors = actors
        self.operations = operations
    }

    /// Everybody that operations name by index.
    public struct Actors: Sendable, Equatable {
        public var pcpus: Int
        public var vms: [VM]
        public var vcpus: [VCPU]
        public var hostEvents: [HostEvent]
        /// Threads that are neither vCPUs nor idle and that host events follow, by thread id.
        public var hostTasks: [Int32]
        /// The other hyper-thread of each pCPU's core, -1 where there is none; empty if the cores' threads are unknown.
        public var siblings: [Int]

        public init(
            pcpus: Int, vms: [VM] = [], vcpus: [VCPU] = [], hostEvents: [HostEvent] = [], hostTasks: [Int32] = [],
            siblings: [Int] = []
        ) {
            self.siblings = siblings
            self.pcpus = pcpus
            self.vms = vms
            self.vcpus = vcpus
            self.hostEvents = hostEvents
            self.hostTasks = hostTasks
        }
    }

    public struct VM: Sendable, Equatable {
        public var name: String
        public init(name: String) { self.name = name }
    }

    public struct VCPU: Sendable, Equatable {
        /// Index into `vms`.
        public var vm: Int
        /// The vCPU's index inside its VM.
        public var index: Int
        public var thread: Int32
        public init(vm: Int, index: Int, thread: Int32) {
            self.vm = vm
            self.index = index
            self.thread = thread
        }
    }

    /// One event of a host user on one pCPU or one task. A system-wide event is one of these for each pCPU.
    public struct HostEvent: Sendable, Equatable {
        public var name: String
        /// Raw config with USR and OS bits.
        public var config: UInt64
        public var priority: EventSpec.Priority
        public var exclusion: EventSpec.Exclusion
        /// Whether `exclusion` was seen or supplied; where it was not, what depends on it cannot be judged.
        public var exclusionKnown: Bool
        public var scope: Scope
        public var samplePeriod: UInt64
        /// Index of the group's leader in `hostEvents`, nil for a leader.
        public var leader: Int?
        public var certainty: Certainty
        /// The counter that an event which was there before the trace was on when it began, where the trace shows it:
        /// perf keeps an event where it was last (`x86_schedule_events()`, arch/x86/events/core.c, v6.12).
        public var counterBefore: Counter?

        public enum Scope: Sendable, Equatable, Hashable {
            case pcpu(Int)
            /// Index into `hostTasks`.
            case task(Int)
            /// Index into `vcpus`: a host user's event that follows a vCPU thread.
            case vcpu(Int)
        }

        public init(
            name: String, config: UInt64, priority: EventSpec.Priority, exclusion: EventSpec.Exclusion = .none,
            exclusionKnown: Bool = true, scope: Scope, samplePeriod: UInt64 = 0, leader: Int? = nil,
            certainty: Certainty = .seen, counterBefore: Counter? = nil
        ) {
            self.name = name
            self.config = config
            self.priority = priority
            self.exclusion = exclusion
            self.exclusionKnown = exclusionKnown
            self.scope = scope
            self.samplePeriod = samplePeriod
            self.leader = leader
            self.certainty = certainty
            self.counterBefore = counterBefore
        }
    }
}

/// How a statement about demand or a decision is known.
public enum Certainty: String, Sendable, Codable {
    case seen
    case inferred
    case ambiguous
}

/// One step of demand as the host sees it.
public struct DemandOperation: Sendable, Equatable {
    /// ns of the trace's clock.
    public var time: UInt64
    public var pcpu: Int32
    public var kind: Kind
    /// The trace event it came from (index in merged order), for reports; `.max` where there is none.
    public var source: UInt64

    public enum Kind: Sendable, Equatable {
        /// The pCPU switches to a thread: a vCPU, a host task that has events, or anything else (`.other`).
        case taskSwitch(to: Thread)
        case guestEnter(vcpu: Int32)
        /// `reentersFast`: an exit the fast path answers without leaving the run loop.
        case guestExit(vcpu: Int32, reentersFast: Bool)
        /// A guest's WRMSR; `faulted` is what the recording host answered (#GP).
        case guestWrite(vcpu: Int32, register: UInt32, value: UInt64, faulted: Bool)
        /// A guest's RDMSR; what it returned is a reading, not demand.
        case guestRead(vcpu: Int32, register: UInt32, faulted: Bool)
        /// A guest's RDPMC (its index is not in any trace).
        case guestReadPMC(vcpu: Int32)
        /// The leader's group is created, installed and enabled.
        case hostInstall(event: Int32)
        case hostEnable(event: Int32)
        case hostDisable(event: Int32)
        case hostRemove(event: Int32)
        case hostPeriod(event: Int32, period: UInt64)
        case hostRead(event: Int32)
        /// The multiplexing timer fired. Recorded ticks serve self-replay only; other policies ask for their own.
        case rotationTick
        /// A counter interrupt of a host event or of the event behind a guest counter.
        case overflow(owner: EventOwner)
        /// KVM emulated an instruction that the guest's counters must show.
        case emulatedInstruction(vcpu: Int32, branch: Bool)
        case pcpuOffline
        case pcpuOnline
        case vmCreate(vm: Int32)
        case vmDestroy(vm: Int32)
    }

    public enum Thread: Sendable, Equatable {
        case vcpu(Int32)
        case hostTask(Int32)
        case other
    }

    public init(time: UInt64, pcpu: Int32, kind: Kind, source: UInt64 = .max) {
        self.time = time
        self.pcpu = pcpu
        self.kind = kind
        self.source = source
    }
}

extension Demand {
    /// The name of the hard lockup detector's events, as its sysctl spells it.
    public static let watchdogName = "nmi_watchdog"
}
