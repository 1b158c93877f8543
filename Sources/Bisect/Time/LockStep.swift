import Host
import PMU
import Policy
import Timeline

/// Two policies side by side over the same demand, one pass, compared after every step.
public struct LockStep {
    /// Whether a difference counts, given its time and who has the counter under A and B.
    public typealias Filter = (_ time: UInt64, _ a: CounterHolder?, _ b: CounterHolder?) -> Bool

    private let timeline: Timeline
    private let accepts: Filter?
    private(set) var a: PolicyPlayer
    private(set) var b: PolicyPlayer
    /// Copies of both players, made now and then, from which the moments before a difference are played again.
    private var saved: (a: PolicyPlayer, b: PolicyPlayer, operation: Int)
    private static let operationsPerCopy = 1 << 16

    /// - Parameter accepts: differences it does not accept are passed over; nil accepts all.
    public init(_ timeline: Timeline, a: PolicyRules, b: PolicyRules, accepts: Filter? = nil) {
        self.timeline = timeline
        self.accepts = accepts
        self.a = PolicyPlayer(timeline, rules: a)
        self.b = PolicyPlayer(timeline, rules: b)
        saved = (self.a, self.b, 0)
    }

    /// Plays up to the first difference, or to the end.
    ///
    /// - Parameters:
    ///   - last: the operation after which to stop.
    ///   - progress: called now and then with the number of operations played.
    public mutating func firstDifference(
        upTo last: Int = .max, progress: (Int) -> Void = { _ in }
    ) -> FirstDifference? {
        saved = (a, b, 0)
        let operations = timeline.demand.operations
        for number in operations.indices.prefix(last == .max ? .max : last + 1) {
            if number & (Self.operationsPerCopy - 1) == 0 {
                saved = (a, b, number)
                progress(number)
            }
            if let found = step(number, operations[number]) { return found }
        }
        return last == .max ? ticks(upTo: timeline.end, operations.count) : nil
    }

    /// Both players as they were just before the step that made `difference`.
    mutating func before(_ difference: FirstDifference) -> (a: PolicyPlayer, b: PolicyPlayer) {
        (a, b) = (saved.a, saved.b)
        let operations = timeline.demand.operations
        for number in saved.operation..<difference.operation { _ = step(number, operations[number]) }
        let limit = difference.trigger == .tick ? difference.time &- 1 : difference.time
        _ = ticks(upTo: limit, difference.operation)
        return (a, b)
    }

    @inline(__always)
    private mutating func step(_ number: Int, _ operation: DemandOperation) -> FirstDifference? {
        if min(a.nextTick, b.nextTick) <= operation.time, let found = ticks(upTo: operation.time, number) {
            return found
        }
        if case .rotationTick = operation.kind { return nil }
        a.apply(operation)
        b.apply(operation)
        guard let place = differingPlace(operation.time) else { return nil }
        return difference(place, operation.time, number, .operation, operation.traceEvent)
    }

    private mutating func ticks(upTo end: UInt64, _ number: Int) -> FirstDifference? {
        while true {
            let due = min(a.nextTick, b.nextTick)
            guard due <= end, due != .max else { return nil }
            if a.nextTick == due { a.tick() }
            if b.nextTick == due { b.tick() }
            if let place = differingPlace(due) { return difference(place, due, number, .tick, nil) }
        }
    }

    /// The first place that was touched and differs now.
    @inline(__always)
    private mutating func differingPlace(_ time: UInt64) -> Int32? {
        if a.machine.scheduler.sink.touched.isEmpty && b.machine.scheduler.sink.touched.isEmpty { return nil }
        var found: Int32?
        func look(_ touched: [Int32], _ x: [Int32], _ y: [Int32]) {
            for place in touched where x[Int(place)] != y[Int(place)] {
                if let accepts, !accepts(time, CounterHolder(code: x[Int(place)]), CounterHolder(code: y[Int(place)])) {
                    continue
                }
                found = min(found ?? place, place)
            }
        }
        look(a.machine.scheduler.sink.touched, a.machine.scheduler.sink.holders, b.machine.scheduler.sink.holders)
        look(b.machine.scheduler.sink.touched, a.machine.scheduler.sink.holders, b.machine.scheduler.sink.holders)
        a.clear()
        b.clear()
        return found
    }

    private func difference(
        _ place: Int32, _ time: UInt64, _ number: Int, _ trigger: FirstDifference.Trigger, _ event: UInt64?
    ) -> FirstDifference {
        FirstDifference(
            time: time, operation: number, trigger: trigger, event: event,
            pcpu: Int(place >> 6), counter: Counter(index: UInt8(place & 63)),
            a: CounterHolder(code: a.machine.scheduler.sink.holders[Int(place)]),
            b: CounterHolder(code: b.machine.scheduler.sink.holders[Int(place)]))
    }
}
