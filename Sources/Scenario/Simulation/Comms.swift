import Trace

/// The names of threads in a trace's table, which sched_switch records refer to.
struct Comms {
    private var byThread: [Int32: UInt32] = [:]
    private var idle: [UInt32] = []

    init<Sink: TraceSink>(_ sink: inout Sink, _ simulation: Simulation) {
        for pcpu in simulation.run.indices { idle.append(sink.comm("swapper/\(pcpu)")) }
        for thread in simulation.threads { byThread[thread.plan.tid] = sink.comm(thread.plan.name) }
    }

    /// Puts the names' indexes into a sched_switch record.
    func name(_ event: inout TraceEvent) {
        let prev = index(of: event.pid, event.pcpu)
        let next = index(of: event.nextPID, event.pcpu)
        event.value2 = UInt64(prev) | UInt64(next) << 32
    }

    private func index(of thread: Int32, _ pcpu: UInt16) -> UInt32 {
        thread == 0 ? idle[Int(pcpu)] : byThread[thread] ?? 0
    }
}
