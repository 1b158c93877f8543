import Trace

/// Holds back the newest events of one CPU until nothing earlier can follow them.
///
/// A ring is almost in order: an interrupt or NMI that arrives between taking the time of a record and reserving its room
/// puts its own, later records first. The kernel nests at most four contexts deep, so the disorder is a few
/// records long; what is held back is far more than that.
struct EventStage {
    static let heldBack = 64

    private var events: [TraceEvent] = []
    /// The latest time handed on; nothing earlier may follow.
    private var handedOn: UInt64 = 0
    /// Times moved up to keep the order; 0 unless the kernel's own order is broken.
    private(set) var movedTimes: UInt64 = 0

    /// The time of the newest event seen, 0 before the first.
    private(set) var newest: UInt64 = 0

    mutating func add(_ event: TraceEvent) {
        newest = max(newest, event.time)
        var position = events.count
        events.append(event)
        while position > 0, events[position - 1].time > event.time {
            events[position] = events[position - 1]
            position -= 1
        }
        events[position] = event
    }

    /// Hands on all events but the newest few, or all.
    mutating func flush<Sink: TraceSink>(into sink: inout Sink, everything: Bool = false) throws {
        let count = everything ? events.count : max(0, events.count - Self.heldBack)
        guard count > 0 else { return }
        for index in 0..<count {
            if events[index].time < handedOn {
                events[index].time = handedOn
                movedTimes += 1
            }
            handedOn = events[index].time
            try sink.append(events[index])
        }
        events.removeFirst(count)
    }
}
