import Trace

/// Lets through what is not older than a moment: what a flight recorder that is asked for its last seconds writes out.
struct NewestRecords<Sink: TraceSink>: TraceSink {
    var sink: Sink
    /// ns of the trace's clock.
    let since: UInt64
    /// Events that were too old.
    private(set) var leftOut: UInt64 = 0
    /// For each CPU that overwrote records younger than `since`, the latest time at which it may have done so.
    private(set) var missing: [UInt16: UInt64] = [:]

    init(_ sink: Sink, since: UInt64) {
        self.sink = sink
        self.since = since
    }

    mutating func append(_ event: TraceEvent) throws {
        if event.time < since { leftOut += 1 } else { try sink.append(event) }
    }

    mutating func append(_ lost: LostRecords) throws {
        guard lost.latest >= since else { return }
        missing[lost.pcpu] = max(missing[lost.pcpu] ?? 0, lost.latest)
        try sink.append(lost)
    }

    mutating func comm(_ comm: String) -> UInt32 { sink.comm(comm) }
}
