/// Takes processes from samples, where samples and tracepoints number threads alike.
///
/// perf gives thread and process as its own pid namespace numbers them (`perf_event_pid_type()`, kernel/events/core.c),
/// a tracepoint always as the host does. Of a thread that is not in the namespace perf says 0, of one that is being
/// reaped -1.
struct ThreadNumbering {
    private var last: (thread: Int32, process: Int32) = (0, 0)
    private var alike: UInt64 = 0
    private var different: UInt64 = 0

    /// Most samples name another thread than their tracepoint does.
    var isForeign: Bool { different > alike }

    /// - Parameter recorded: the thread as the tracepoint has it.
    @inline(__always)
    mutating func take(process: Int32, thread: Int32, recorded: Int32, into threads: inout KnownThreads) {
        // The idle task is 0 everywhere.
        guard recorded != 0 else { return }
        guard thread == recorded else {
            if thread >= 0 { different += 1 }
            return
        }
        alike += 1
        if thread == last.thread, process == last.process { return }
        last = (thread, process)
        threads.process(of: thread, is: process)
    }
}
