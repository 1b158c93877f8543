import PMU
import Policy

/// A host as a scenario file describes it: processor, what happens at which rate, who wants to count it, and the
/// virtual machines with their guests' programs. Times are ns from the beginning of the recording.
public struct Scenario: Sendable, Equatable {
    public var name: String
    public var model: ProcessorModel
    public var topology: Topology
    /// `uname -r` of the host; decides KVM's habits.
    public var kernel: String
    public var duration: UInt64
    /// Every random choice follows from it.
    public var seed: UInt64
    /// The multiplexing timer's interval (`perf_event_mux_interval_ms`).
    public var muxInterval: UInt64
    /// How long a thread runs before another ready one on its pCPU takes over.
    public var timeslice: UInt64
    public var watchdog: Watchdog?
    /// What happens on a pCPU in host mode.
    public var hostRates: RatePhases
    public var tasks: [ThreadPlan]
    public var events: [HostEventPlan]
    public var uncore: [UncorePlan] = []
    public var vms: [VMPlan]

    public struct Topology: Sendable, Equatable {
        public var sockets: Int
        public var coresPerSocket: Int
        public var threadsPerCore: Int

        public var pcpus: Int { sockets * coresPerSocket * threadsPerCore }

        /// Where a logical CPU sits, numbered as Linux does: the first threads of all cores, then the second ones.
        public func place(of pcpu: Int) -> (socket: Int, core: Int) {
            let core = pcpu % (sockets * coresPerSocket)
            return (core / coresPerSocket, core % coresPerSocket)
        }

        /// The other hyper-thread of each pCPU's core; empty where cores have not two.
        public var siblings: [Int] {
            threadsPerCore == 2 ? (0..<pcpus).map { ($0 + pcpus / 2) % pcpus } : []
        }
    }

    /// The NMI watchdog: one pinned cycles event on each pCPU (`hardlockup_detector_event_create()`,
    /// kernel/watchdog_perf.c, v6.12).
    public struct Watchdog: Sendable, Equatable {
        /// Cycles between its interrupts.
        public var period: UInt64
        public var from: Beginning
    }

    /// When something begins: at a time of the recording, or before it, so that the trace does not show it begin.
    public enum Beginning: Sendable, Equatable {
        case before
        case at(UInt64)

        var time: UInt64 {
            switch self {
            case .before: 0
            case .at(let time): time
            }
        }
    }
}

/// An uncore counter that a host user reads: its registers are in the trace, and no business of any policy.
public struct UncorePlan: Sendable, Equatable {
    public var name: String
    /// MSR addresses of the control and the counter.
    public var control: UInt32
    public var counter: UInt32
    /// What is written into the control.
    public var value: UInt64
    public var pcpu: Int
    /// Events per second.
    public var rate: UInt64
    public var readEvery: UInt64
}

/// One host user's event; on several pCPUs it is one event on each.
public struct HostEventPlan: Sendable, Equatable {
    public var name: String
    /// Raw config with USR and OS bits.
    public var config: UInt64
    public var priority: EventSpec.Priority
    public var exclusion: EventSpec.Exclusion
    public var scope: Scope
    /// Events between interrupts, 0 for a counting event.
    public var samplePeriod: UInt64
    /// The name of its group's leader, nil for a leader.
    public var group: String?
    public var from: Scenario.Beginning
    public var to: UInt64?
    /// Intervals in which its owner has it disabled.
    public var disabled: [Range<UInt64>]
    /// Its owner reads it at this interval, nil for never.
    public var readEvery: UInt64?

    public enum Scope: Sendable, Equatable {
        case pcpus([Int])
        /// Index into the scenario's tasks.
        case task(Int)
        case vcpu(vm: Int, vcpu: Int)
    }
}

public struct VMPlan: Sendable, Equatable {
    public var name: String
    public var from: UInt64
    public var to: UInt64?
    /// The VMM's process id.
    public var process: Int32
    public var vcpus: [VCPUPlan]
    public var filter: FilterPlan?
}

/// A VM's event filter as the ioctl takes it.
public struct FilterPlan: Sendable, Equatable {
    public enum Action: String, Sendable, CaseIterable { case allow, deny }
    public var action: Action
    /// Event and umask of each entry, `umask << 8 | event`.
    public var events: [UInt64]
    public var fixedCounters: UInt32
}

public struct VCPUPlan: Sendable, Equatable {
    public var thread: ThreadPlan
    /// What happens in guest mode.
    public var rates: RatePhases
    /// How long guest mode lasts between exits that have nothing to do with the PMU, and how long each takes; nil for
    /// a guest that never leaves by itself.
    public var modes: Modes?
    public var program: GuestProgram

    public struct Modes: Sendable, Equatable {
        public var guest: UInt64
        public var host: UInt64
    }
}

/// A thread's life on the host's CPUs.
public struct ThreadPlan: Sendable, Equatable {
    public var name: String
    public var tid: Int32
    /// Rising in time; the first entry says where it starts.
    public var placements: [Placement]
    /// How long it runs before it sleeps by itself, nil for always.
    public var run: UInt64?
    public var sleep: UInt64
    public var start: UInt64
    /// Run and sleep times vary by so many percent, chosen by the seed.
    public var jitterPercent: UInt64

    public struct Placement: Sendable, Equatable {
        public var from: UInt64
        public var pcpu: Int
    }
}
