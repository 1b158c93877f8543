import Trace

/// Which threads' records a recording of chosen processes keeps.
///
/// perf cannot replace the filter of an open event (kernel/trace/trace_events_filter.c, `ftrace_profile_set_filter`),
/// and the threads of a process change; so records are sorted out here, after they were made.
struct ThreadSelection {
    private let processes: [Int32]
    private let keepsAll: Bool
    private var known: [Int32: Bool] = [:]

    /// - Parameter processes: empty for all threads of the host.
    init(processes: [Int32]) {
        self.processes = processes
        keepsAll = processes.isEmpty
    }

    /// Whether the record belongs to the chosen processes; a task switch does by either of its threads, and
    /// what optional tracepoints tell of others concerns them.
    @inline(__always)
    mutating func keeps(_ event: UnsafePointer<TraceEvent>) -> Bool {
        keepsAll || belongs(event.pointee)
    }

    private mutating func belongs(_ event: TraceEvent) -> Bool {
        if includes(event.pid) { return true }
        switch event.kind {
        case .schedSwitch: return includes(event.nextPID)
        // Who asks for events beside the chosen processes, system-wide ones above all, is what these are recorded for.
        case .perfEventOpen: return true
        // Any CPU may bring a guest its interrupt, and ids are reused by anybody's threads.
        case .acceptIRQ, .processFork: return true
        default: return false
        }
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
