import Counts
import Policy
import Replay
import Timeline

/// Finds the moment since which two policies differ on one trace.
public struct TimeBisection {
    /// What must differ.
    public enum Predicate: Sendable {
        /// Who holds a physical counter: both policies in lock-step, one pass, which ends at the first difference.
        case decision
        /// What an owner has counted: one pass that keeps checkpoints, then the interval in which it came to differ.
        case count
        /// How long an owner's counters have run, found the same way.
        case running
    }

    public struct Moment: Equatable, Sendable {
        /// ns of the trace's clock.
        public var time: UInt64
        /// Index of the operation in the demand.
        public var operation: Int
        /// Number of the trace event in merged order, nil where a timer set it off.
        public var event: UInt64?
        public var words: String
        public var certainty = Certainty.differs
        /// What the search cost: operations played, in replays of the whole trace under both policies.
        public var replays: Double
    }

    public enum Certainty: String, Equatable, Sendable {
        case differs
        /// Nothing differs for certain up to the trace's end, where the counts of some owner cannot be told apart.
        case cannotJudge = "cannot-judge"
    }

    private let timeline: Timeline
    private let rules: (a: PolicyRules, b: PolicyRules)
    private let owners: [String]
    private let tolerances: Tolerances
    /// Checkpoints kept of a pass.
    static let checkpoints = 16

    /// - Parameters:
    ///   - owners: only they count (`guest:VM`, `guest:VM/VCPU`, `host:NAME`); all where empty.
    ///   - tolerances: for counts; A is the baseline.
    public init(
        _ timeline: Timeline, a: PolicyRules, b: PolicyRules, owners: [String] = [],
        tolerances: Tolerances = Tolerances()
    ) {
        self.timeline = timeline
        rules = (a, b)
        self.owners = owners
        self.tolerances = tolerances
    }

    /// - Parameter progress: called now and then with the operations played and their number.
    /// - Returns: nil where nothing differs.
    public func run(_ predicate: Predicate, progress: (Int, Int) -> Void = { _, _ in }) -> Moment? {
        switch predicate {
        case .decision: firstDecision(progress)
        case .count: first([.count], progress)
        case .running: first([.runningNs, .silentNs, .blindNs], progress)
        }
    }

    private func wants(_ owner: String) -> Bool {
        owners.isEmpty || owners.contains { owner == $0 || owner.hasPrefix($0 + "/") }
    }

    private func firstDecision(_ progress: (Int, Int) -> Void) -> Moment? {
        let names = Names(timeline)
        let filter: LockStep.Filter? =
            owners.isEmpty
            ? nil : { _, a, b in [a, b].contains { holder in holder.map { wants(names.owner($0)) } ?? false } }
        var search = LockStep(timeline, a: rules.a, b: rules.b, accepts: filter)
        let all = timeline.demand.operations.count
        guard let found = search.firstDifference(progress: { progress($0, all) }) else { return nil }
        let (a, b) = (found.a.map(names.full) ?? "nobody", found.b.map(names.full) ?? "nobody")
        return Moment(
            time: found.time, operation: found.operation, event: found.event,
            words:
                "\(found.counter) of cpu \(found.pcpu) goes to \(a) under \(rules.a.name), to \(b) under \(rules.b.name)",
            replays: Double(min(found.operation + 1, all)) / Double(max(1, all)))
    }

    // MARK: Counts

    private struct Pair {
        var a: ReplayCursor
        var b: ReplayCursor

        mutating func advance(to position: Int) {
            a.advance(to: position)
            b.advance(to: position)
            assert(a.position == b.position)
        }
    }

    private func first(_ aspects: Set<SeriesDifference.Aspect.What>, _ progress: (Int, Int) -> Void) -> Moment? {
        let all = timeline.demand.operations.count
        let meter = PlayMeter()
        var pair = Pair(
            a: ReplayCursor(timeline, under: rules.a, meter: meter),
            b: ReplayCursor(timeline, under: rules.b, meter: meter))
        var saved = pair
        // The table is read at each checkpoint: a difference may come and go.
        for part in 1...Self.checkpoints {
            saved = pair
            pair.advance(to: all * part / Self.checkpoints)
            progress(pair.a.position, all)
            guard let difference = differing(pair, aspects, \.isDifferent) else { continue }
            var moment = narrow(saved, pair.a.position, difference, aspects)
            moment.replays = Double(meter.played) / Double(max(1, 2 * all))
            return moment
        }
        guard let open = differing(pair, aspects, { $0 == .cannotJudge }) else { return nil }
        let why = open.aspects.first { aspects.contains($0.what) && $0.verdict == .cannotJudge }?.why ?? ""
        return Moment(
            time: timeline.end, operation: all, event: nil, words: "\(open.key): \(why)", certainty: .cannotJudge,
            replays: 1)
    }

    /// The first moment after `start` and not after `end`, where a count differs.
    private func narrow(
        _ start: Pair, _ end: Int, _ difference: SeriesDifference,
        _ aspects: Set<SeriesDifference.Aspect.What>
    ) -> Moment {
        var (low, high, found) = (start, end, difference)
        while high - low.a.position > 1 {
            var middle = low
            middle.advance(to: (low.a.position + high) / 2)
            if let difference = differing(middle, aspects, \.isDifferent) {
                (high, found) = (middle.a.position, difference)
            } else {
                low = middle
            }
        }
        let operation = timeline.demand.operations[high - 1]
        let why = found.aspects.first { aspects.contains($0.what) && $0.verdict.isDifferent }?.why ?? ""
        return Moment(
            time: operation.time, operation: high - 1, event: operation.traceEvent,
            words: "\(found.key): \(why)", replays: 0)
    }

    /// The first series of which an aspect is judged so by the time of the last operation played.
    private func differing(
        _ pair: Pair, _ aspects: Set<SeriesDifference.Aspect.What>, _ isWanted: (Verdict) -> Bool
    ) -> SeriesDifference? {
        let operations = timeline.demand.operations
        let position = pair.a.position
        let time =
            position >= operations.count ? timeline.end : position == 0 ? timeline.start : operations[position - 1].time
        let diff = TableDiff(
            pair.a.table(at: time, wants: wants), pair.b.table(at: time, wants: wants), options: DiffOptions(),
            perSeries: { tolerances.options(for: $0, policy: rules.b.name) })
        return diff.series.first { $0.aspects.contains { aspects.contains($0.what) && isWanted($0.verdict) } }
    }
}
