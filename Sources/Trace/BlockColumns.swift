/// The decoded columns of one block, flat and reused from block to block.
///
/// Event `i` is the record that `templates[tokens[i]]` describes, at `times[i]`, with `values[i]`; its thread is the run that `i`
/// falls in. Events whose token is marked in `isWide` have more fields of their own: they are whole in `wide`, in order.
/// `BlockCursor` puts it together.
public final class BlockColumns {
    /// Number of events.
    public internal(set) var count = 0
    public internal(set) var pcpu: UInt16 = 0
    /// Bounds of the times, ns.
    public internal(set) var first: UInt64 = 0
    public internal(set) var last: UInt64 = 0
    /// Times inside the block, or from the block before of its pCPU, go back somewhere.
    public internal(set) var isDisordered = false
    /// ns of the trace's clock; `count` of them.
    public private(set) var times: UnsafeMutablePointer<UInt64>
    /// `TraceEvent.value` of each event.
    public private(set) var values: UnsafeMutablePointer<UInt64>
    /// Index of each event's template.
    public private(set) var tokens: UnsafeMutablePointer<UInt8>
    /// 256 records with the fields that are the same wherever the token occurs.
    public let templates: UnsafeMutablePointer<TraceEvent>
    /// 256 marks: 1 where events of the token are in `wide`.
    public let isWide: UnsafeMutablePointer<UInt8>
    /// Number of valid templates (255, the escape, apart).
    public internal(set) var templateCount = 0

    /// A thread was current from the event where the run before ends up to `end`.
    public struct Run: Sendable {
        public var pid: Int32
        public var end: Int
    }
    public internal(set) var runs: [Run] = []
    /// Events with stored fields beyond time, thread and value, in order; `time` and `pid` are 0.
    public internal(set) var wide: [TraceEvent] = []

    private var capacity: Int

    /// Bytes of memory that the columns take, as far as it grows with the number of events.
    var bytes: Int {
        capacity * 17 + runs.capacity * MemoryLayout<Run>.stride + wide.capacity * MemoryLayout<TraceEvent>.stride
    }

    public init() {
        capacity = 0
        times = .allocate(capacity: 1)
        values = .allocate(capacity: 1)
        tokens = .allocate(capacity: 1)
        templates = .allocate(capacity: 256)
        templates.initialize(repeating: TokenEntry.escape.template, count: 256)
        isWide = .allocate(capacity: 256)
        isWide.initialize(repeating: 0, count: 256)
    }

    deinit {
        times.deallocate()
        values.deallocate()
        tokens.deallocate()
        templates.deallocate()
        isWide.deallocate()
    }

    /// Makes room for `events` events, and a whole run of times more.
    func reserve(_ events: Int) {
        guard events > capacity else { return }
        times.deallocate()
        values.deallocate()
        tokens.deallocate()
        capacity = events
        times = .allocate(capacity: events + PatchedFrame.runLength)
        values = .allocate(capacity: events)
        tokens = .allocate(capacity: events)
    }
}

/// Steps through the events of a block.
public struct BlockCursor {
    public let columns: BlockColumns
    /// Index of the event that `next()` answers.
    public private(set) var index = 0
    private var run = 0
    private var wideAt = 0

    public init(_ columns: BlockColumns) { self.columns = columns }

    @inlinable public var isAtEnd: Bool { index >= columns.count }

    /// The time of the event that `next()` answers; the cursor must not be at the end.
    @inline(__always)
    public var time: UInt64 { columns.times[index] }

    /// The next event; the cursor must not be at the end.
    @inline(__always)
    public mutating func next() -> TraceEvent {
        let token = Int(columns.tokens[index])
        var event: TraceEvent
        if columns.isWide[token] == 0 {
            event = columns.templates[token]
            event.value = columns.values[index]
        } else {
            event = columns.wide[wideAt]
            wideAt &+= 1
        }
        event.time = columns.times[index]
        event.pcpu = columns.pcpu
        if index >= columns.runs[run].end { run &+= 1 }
        event.pid = columns.runs[run].pid
        index &+= 1
        return event
    }
}
