/// The comparison of two tables of the same trace.
public struct TableDiff: Equatable, Sendable {
    /// Policies of A and B.
    public var policies: (a: String, b: String) { (policyA, policyB) }
    let policyA: String
    let policyB: String
    public let options: DiffOptions
    /// One per series of either side, in canonical order.
    public let series: [SeriesDifference]

    /// The worst over one owner's series, with how many series came to which verdict.
    public struct OwnerVerdict: Equatable, Sendable {
        public var owner: String
        public var verdict: Verdict
        public var same = 0
        public var better = 0
        public var cannotJudge = 0
        public var worse = 0
    }

    public init(_ a: CountsTable, _ b: CountsTable, options: DiffOptions = DiffOptions()) {
        self.init(a, b, options: options, perSeries: nil)
    }

    /// - Parameter perSeries: the options of one series, where they are not the same for all; it is given the row of
    ///   either side (A's where both have one). `owners` is taken from `options`.
    public init(
        _ a: CountsTable, _ b: CountsTable, options: DiffOptions, perSeries: ((Series) -> DiffOptions)?
    ) {
        policyA = a.policy
        policyB = b.policy
        self.options = options
        let dating = Dating(a, b)
        var found: [SeriesDifference] = []
        var (i, j) = (0, 0)
        while i < a.series.count || j < b.series.count {
            let left = i < a.series.count ? a.series[i] : nil
            let right = j < b.series.count ? b.series[j] : nil
            var difference: SeriesDifference
            if let left, let right, left.key == right.key {
                let taint = a.taint(of: left.key) ?? b.taint(of: right.key)
                let own = perSeries?(left) ?? options
                difference = .judge(left, right, taint: taint, options: own)
                if difference.verdict != .same { difference.since = dating.since(i, j, own) }
                (i, j) = (i + 1, j + 1)
            } else if let left, right == nil || left.key < right!.key {
                difference = .only(a: left, b: nil)
                i += 1
            } else {
                difference = .only(a: nil, b: right)
                j += 1
            }
            if options.wants(difference.key.owner) { found.append(difference) }
        }
        series = found
    }

    /// Owners in canonical order.
    public var owners: [OwnerVerdict] {
        var result: [OwnerVerdict] = []
        for one in series {
            if result.last?.owner != one.key.owner {
                result.append(OwnerVerdict(owner: one.key.owner, verdict: .same))
            }
            let last = result.count - 1
            result[last].verdict = max(result[last].verdict, one.verdict)
            switch one.verdict {
            case .same: result[last].same += 1
            case .better: result[last].better += 1
            case .cannotJudge: result[last].cannotJudge += 1
            case .worse: result[last].worse += 1
            }
        }
        return result
    }

    /// The worst over all owners.
    public var verdict: Verdict { series.map(\.verdict).max() ?? .same }

    /// Whether the tables are the same: a certain difference outweighs what cannot be judged.
    public var answer: Answer {
        if series.contains(where: { $0.verdict.isDifferent || $0.hasDifferentAspect }) { return .different }
        return verdict == .cannotJudge ? .cannotJudge : .same
    }

    /// What `diff` answers.
    public enum Answer: String, Sendable {
        case same
        case different
        case cannotJudge = "cannot judge"

        public var name: String { rawValue }

        public var exitStatus: ExitStatus {
            switch self {
            case .same: .good
            case .different: .no
            case .cannotJudge: .cannotJudge
            }
        }
    }
}

extension SeriesDifference {
    var hasDifferentAspect: Bool { aspects.contains { $0.verdict.isDifferent } }
}

extension CountsTable {
    /// The first taint that names the owner of `key`, and its counter if any.
    func taint(of key: SeriesKey) -> Taint? {
        taints.first { taint in
            taint.owner == key.owner && (taint.counter == nil || taint.counter == key.counter)
                && (taint.pcpu == nil || key.pcpu == nil || taint.pcpu == key.pcpu)
        }
    }
}

/// Finds the checkpoint at which a difference shows first.
private struct Dating {
    let a: Checkpoints?
    let b: Checkpoints?

    init(_ a: CountsTable, _ b: CountsTable) {
        let common = a.checkpoints != nil && a.checkpoints?.times == b.checkpoints?.times
        self.a = common ? a.checkpoints : nil
        self.b = common ? b.checkpoints : nil
    }

    func since(_ i: Int, _ j: Int, _ options: DiffOptions) -> UInt64? {
        guard let a, let b, !a.times.isEmpty else { return nil }
        let width = a.times.count
        func first(_ x: [UInt64], _ y: [UInt64], _ tolerance: Tolerance) -> Int? {
            x.withUnsafeBufferPointer { p in
                y.withUnsafeBufferPointer { q in
                    ColumnDifference(
                        UnsafeBufferPointer(rebasing: p[i * width..<(i + 1) * width]),
                        UnsafeBufferPointer(rebasing: q[j * width..<(j + 1) * width]), tolerance: tolerance
                    ).first
                }
            }
        }
        let counts = first(a.counts, b.counts, options.tolerance)
        let silent = first(a.silentNs, b.silentNs, options.timeTolerance)
        return [counts, silent].compactMap { $0 }.min().map { a.times[$0] }
    }
}
