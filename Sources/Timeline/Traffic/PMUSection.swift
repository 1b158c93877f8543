/// One bracket of PMU changes on one pCPU: from the outermost `perf_pmu_disable()` to its `perf_pmu_enable()`.
struct PMUSection: Sendable {
    var pcpu: Int32
    /// The thread that was current.
    var thread: Int32
    var time: UInt64
    /// Index of the trace event that began the section.
    var event: UInt64
    var lastEvent: UInt64
    var phase: Phase
    /// An interrupt handler's: the multiplexing timer, or work that another CPU asked for. Not every source tells.
    var inInterrupt = false
    /// Index of the sched_switch that the section follows, `.max` for an operation.
    var switchEvent: UInt64
    /// Holdings in the order of their stop, respectively start.
    var stops: [Int32] = []
    var starts: [Int32] = []
    /// A thread left and came back, which may be one section here: what stopped may have gone with it or given way.
    var isBothWays = false
    /// The current thread has no events of its own, then or earlier.
    var threadHasNoEvents = false

    /// Where the section stands relative to a task switch: all PMU work of a switch follows its record, first the
    /// stops of the thread that leaves, still current, then the starts of the next (kernel/sched/core.c, v6.12).
    enum Phase: UInt8, Sendable {
        case switchOut
        /// The first section after a switch from a thread to itself, with stops only.
        case switchBack
        /// The next thread's first section after the switch: its sched-in, or its first other operation.
        case switchIn
        case operation
        /// The host's events go out before a guest takes the PMU, or come back after.
        case handOver
    }
}
