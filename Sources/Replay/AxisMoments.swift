import Host
import Timeline

/// Finds when clocks that do not run all the time went beyond given values: all of them in one walk over the demand.
struct AxisMoments {
    /// The values asked for, by their axis, and the moments found, ns of the trace's clock.
    private var asked: [ModeClocks.Axis: [UInt64: UInt64?]] = [:]

    /// Adds a question that `find` answers.
    mutating func ask(_ axis: ModeClocks.Axis, beyond clock: UInt64) {
        asked[axis, default: [:]][clock] = .some(nil)
    }

    /// The moment when `axis` went beyond `clock`; the end of the trace if it never did. Ask first.
    func moment(_ axis: ModeClocks.Axis, beyond clock: UInt64, in timeline: Timeline) -> UInt64 {
        if case .pcpu = axis { return timeline.start + clock }
        return (asked[axis]?[clock] ?? nil) ?? timeline.end
    }

    /// Answers all questions.
    mutating func find(in timeline: Timeline) {
        var open = asked.filter {
            if case .pcpu = $0.key { return false }
            return true
        }.mapValues { $0.keys.sorted(by: >) }
        let actors = timeline.demand.actors
        var clocks = ModeClocks(actors: actors, start: timeline.start, entries: timeline.kvm.entries)
        for operation in timeline.demand.operations {
            if open.isEmpty { return }
            // A clock that went beyond a value and stops is looked at before it stops.
            for axis in clocks.axes(touchedBy: operation) where open[axis] != nil {
                note(axis, clocks, operation.time, &open)
            }
            clocks.take(operation)
        }
        for axis in Array(open.keys) { note(axis, clocks, timeline.end, &open) }
    }

    private mutating func note(
        _ axis: ModeClocks.Axis, _ clocks: ModeClocks, _ time: UInt64, _ open: inout [ModeClocks.Axis: [UInt64]]
    ) {
        let now = clocks.now(axis, time)
        while let clock = open[axis]?.last, clock < now {
            asked[axis]?[clock] = time - (now - clock)
            open[axis]?.removeLast()
        }
        if open[axis]?.isEmpty == true { open[axis] = nil }
    }
}
