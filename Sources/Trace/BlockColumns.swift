/// The decoded columns of one block, flat and reused from block to block.
///
/// Event `i` is the record that `templates[tokens[i]]` describes, at `times[i]`, with `values[i]`; its thread is the
/// run that `i` falls in. Events whose token is marked in `isWide` have more fields of their own: they are whole in
/// `wide`, in order. `BlockCursor` puts it together.
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
    /// 256 marks: 1 where events of the token have values of their own, which `templates` does not hold.
    public let takesLiteral: UnsafeMutablePointer<UInt8>
    /// Number of valid templates (255, the escape, apart).
    public internal(set) var templateCount = 0

    /// A thread was current from the event where the run before ends up to `end`.
    public struct Run: Sendable {
        public var pid: Int32
        public var end: Int
    }
    /// The runs of threads; the last ends with the block.
    public private(set) var runs: UnsafeMutablePointer<Run>
    public private(set) var runCount = 0
    /// Events with stored fields beyond time, thread and value, in order; `time` and `pid` are 0.
    public private(set) var wide: UnsafeMutablePointer<TraceEvent>
    public private(set) var wideCount = 0

    private var capacity: Int
    private var runCapacity = 0
    private var wideCapacity = 0

    /// Bytes of memory that the columns take, as far as it grows with the number of events.
    var bytes: Int {
        capacity * 17 + runCapacity * MemoryLayout<Run>.stride + wideCapacity * MemoryLayout<TraceEvent>.stride
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
        takesLiteral = .allocate(capacity: 256)
        takesLiteral.initialize(repeating: 0, count: 256)
        runs = .allocate(capacity: 1)
        wide = .allocate(capacity: 1)
    }

    deinit {
        times.deallocate()
        values.deallocate()
        tokens.deallocate()
        templates.deallocate()
        isWide.deallocate()
        takesLiteral.deallocate()
        runs.deallocate()
        wide.deallocate()
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

    /// Makes room for `count` runs, which the caller then fills in.
    func setRuns(_ count: Int) {
        if count > runCapacity {
            runs.deallocate()
            runCapacity = max(count, 2 * runCapacity)
            runs = .allocate(capacity: runCapacity)
        }
        runCount = count
    }

    /// Makes room for `count` wide events, which the caller then fills in.
    func setWide(_ count: Int) {
        if count > wideCapacity {
            wide.deallocate()
            wideCapacity = max(count, 2 * wideCapacity)
            wide = .allocate(capacity: wideCapacity)
        }
        wideCount = count
    }
}
