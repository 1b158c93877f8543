import Trace

/// Which threads' records a recording of chosen processes keeps.
///
/// perf cannot replace the filter of an open event (kernel/trace/trace_events_filter.c, `ftrace_profile_set_filter`), and the
/// threads of a process change; so records are sorted out here, after they were made.
struct ThreadSelection {
    private let processes: [Int32]
    private var known: [Int32: Bool] = [:]

    /// - Parameter processes: empty for all threads of the host.
    init(processes: [Int32]) {
        self.processes = processes
    }

    /// Whether the record belongs to the chosen processes; a task switch does by either of its threads.
    mutating func keeps(_ event: TraceEvent) -> Bool {
        if processes.isEmpty { return true }
        return includes(event.pid) || (event.kind == .schedSwitch && includes(event.nextPID))
    }

    /// Looks again at threads that did not belong: their ids may be new threads by now.
    mutating func forgetOthers() {
        known = known.filter(\.value)
    }

    private mutating func includes(_ thread: Int32) -> Bool {
        if let answer = known[thread] { return answer }
        let answer = processes.contains { KernelFile.exists("/proc/\($0)/task/\(thread)") }
        known[thread] = answer
        return answer
    }
}
