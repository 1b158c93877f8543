import PMU
import Policy

/// The time a physical counter spends in one event's hands, as register traffic shows it.
public struct Holding: Sendable, Equatable {
    public var pcpu: Int32
    public var counter: Counter
    /// Raw event select with USR, OS and INT, without EN and AMD's guest/host-only bits.
    public var config: UInt64
    public var exclusion: EventSpec.Exclusion
    /// Whether the traffic shows `exclusion` in full. On Intel it shows exclude_host (the counter's bit is missing
    /// from the host's GLOBAL_CTRL) and hides exclude_guest.
    public var exclusionKnown: Bool
    public var begin: Edge
    /// nil while the trace ends with the event on its counter.
    public var end: Edge?
    /// The value the counter was armed with, nil where the holding began before the trace.
    public var armed: UInt64?
    /// The value read when the event was stopped.
    public var drained: UInt64?
    /// The thread that was current when the event was started.
    public var thread: Int32
    /// It began before the trace did.
    public var wasBefore = false
    /// The counter was handed to a guest with the whole PMU.
    public var handOver = false
    /// Which of perf's four lists the event can be in.
    public var lists: PerfLists

    /// One end of a holding.
    public struct Edge: Sendable, Equatable {
        /// ns of the trace's clock.
        public var time: UInt64
        /// Index of the trace event in merged order.
        public var event: UInt64
        /// Index of the PMU section, -1 where the trace does not show it.
        public var section: Int32
    }
}

/// A set of perf's four lists of groups, in the order in which they are scheduled in: `perf_event_sched_in()`,
/// kernel/events/core.c, v6.12.
public struct PerfLists: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let cpuPinned = PerfLists(rawValue: 1)
    public static let taskPinned = PerfLists(rawValue: 2)
    public static let cpuFlexible = PerfLists(rawValue: 4)
    public static let taskFlexible = PerfLists(rawValue: 8)
    public static let all: PerfLists = [.cpuPinned, .taskPinned, .cpuFlexible, .taskFlexible]
    public static let cpu: PerfLists = [.cpuPinned, .cpuFlexible]
    public static let task: PerfLists = [.taskPinned, .taskFlexible]
    public static let pinned: PerfLists = [.cpuPinned, .taskPinned]
    public static let flexible: PerfLists = [.cpuFlexible, .taskFlexible]

    public var isCPU: Bool { !isEmpty && isSubset(of: .cpu) }
    public var isTask: Bool { !isEmpty && isSubset(of: .task) }
    public var isPinned: Bool { !isEmpty && isSubset(of: .pinned) }
    public var isFlexible: Bool { !isEmpty && isSubset(of: .flexible) }

    /// Whose the event can be.
    enum Side { case pcpu, thread, either }
    var side: Side { isCPU ? .pcpu : isTask ? .thread : .either }
}
