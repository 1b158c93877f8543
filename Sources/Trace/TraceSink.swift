/// Where a recorder, an importer or a synthesiser puts what it found. `TraceWriter` is one; a test may use an array.
///
/// Events of one pCPU arrive in rising time; pCPUs may interleave in any order.
public protocol TraceSink {
    mutating func append(_ event: TraceEvent) throws
    /// Many events at once, in the order in which `append` would get them one by one; what comes of them is the same.
    mutating func append(_ events: UnsafeBufferPointer<TraceEvent>) throws
    mutating func append(_ lost: LostRecords) throws
    /// The index of `comm` in the trace's comm table; the same string always gets the same index.
    mutating func comm(_ comm: String) -> UInt32
}

extension TraceSink {
    public mutating func append(_ events: UnsafeBufferPointer<TraceEvent>) throws {
        for event in events { try append(event) }
    }
}

/// A trace in memory: what small traces and tests use.
public struct TraceBuffer: TraceSink, Sendable {
    public var metadata: TraceMetadata
    public private(set) var events: [TraceEvent] = []
    public private(set) var lost: [LostRecords] = []
    public private(set) var comms: [String] = []
    private var commIndex: [String: UInt32] = [:]

    public init(metadata: TraceMetadata) {
        self.metadata = metadata
    }

    public mutating func append(_ event: TraceEvent) { events.append(event) }
    public mutating func append(_ record: LostRecords) { lost.append(record) }

    public mutating func comm(_ comm: String) -> UInt32 {
        if let index = commIndex[comm] { return index }
        let index = UInt32(comms.count)
        comms.append(comm)
        commIndex[comm] = index
        return index
    }
}
