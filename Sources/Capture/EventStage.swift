import Trace

/// Holds back the newest events of one CPU until nothing earlier can follow them.
///
/// A ring is almost in order: an interrupt or NMI that arrives between taking the time of a record and reserving its
/// room puts its own, later records first. The kernel nests at most four contexts deep, so the disorder is a few
/// records long; what is held back is far more than that.
struct EventStage: ~Copyable {
    static let heldBack = 64
    /// Events after which it is worth handing on what need not be held back: few enough to stay in a core's own cache.
    static let wellFilled = 512

    /// Flat and the stage's own: adding an event allocates nothing and counts no references.
    private var events: UnsafeMutablePointer<TraceEvent>
    private var capacity = EventStage.wellFilled + EventStage.heldBack
    private(set) var count = 0
    /// The latest time handed on; nothing earlier may follow.
    private var handedOn: UInt64 = 0
    /// Times moved up to keep the order; 0 unless the kernel's own order is broken.
    private(set) var movedTimes: UInt64 = 0

    /// The time of the newest event seen, 0 before the first.
    private(set) var newest: UInt64 = 0

    init() {
        events = .allocate(capacity: capacity)
    }

    deinit {
        events.deallocate()
    }

    @inline(__always)
    mutating func add(_ event: TraceEvent) {
        next().pointee = event
        commit()
    }

    /// Where the next event is to be written; it is not the stage's before `commit`.
    @inline(__always)
    mutating func next() -> UnsafeMutablePointer<TraceEvent> {
        if count == capacity { grow() }
        return events + count
    }

    @inline(__always)
    mutating func commit() {
        let time = events[count].time
        count &+= 1
        if time >= newest { newest = time } else { putInPlace() }
    }

    /// Moves the last event to where its time belongs.
    @inline(never)
    private mutating func putInPlace() {
        var position = count - 1
        let event = events[position]
        while position > 0, events[position - 1].time > event.time {
            events[position] = events[position - 1]
            position -= 1
        }
        events[position] = event
    }

    @inline(never)
    private mutating func grow() {
        let grown = UnsafeMutablePointer<TraceEvent>.allocate(capacity: 2 * capacity)
        grown.update(from: events, count: count)
        events.deallocate()
        events = grown
        capacity *= 2
    }

    /// Hands on all events but the newest few, or all.
    mutating func flush<Sink: TraceSink>(into sink: inout Sink, everything: Bool = false) throws {
        let ready = everything ? count : max(0, count - Self.heldBack)
        guard ready > 0 else { return }
        // In order of time, so that those that come too late are the first.
        var late = 0
        while late < ready, events[late].time < handedOn {
            events[late].time = handedOn
            late += 1
        }
        movedTimes += UInt64(late)
        handedOn = events[ready - 1].time
        try sink.append(UnsafeBufferPointer(start: events, count: ready))
        count -= ready
        events.update(from: events + ready, count: count)
    }
}
