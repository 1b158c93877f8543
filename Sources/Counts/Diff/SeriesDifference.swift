/// The comparison of one series, A before B.
public struct SeriesDifference: Equatable, Sendable {
    public var key: SeriesKey
    /// The rows compared; nil where a side does not have the series.
    public var a: Series?
    public var b: Series?
    /// The worst over the aspects.
    public var verdict: Verdict
    /// The verdict of each aspect that is not plainly the same.
    public var aspects: [Aspect]
    /// The first checkpoint (ns of the trace's clock) at which the counts or the silent time differ; nil where the
    /// tables keep no common checkpoints or none differs.
    public var since: UInt64?

    public struct Aspect: Equatable, Sendable {
        public var what: What
        public var verdict: Verdict
        /// In words: what differs by how much, or why it cannot be judged.
        public var why: String

        public enum What: String, Sendable { case presence, count, enabledNs, runningNs, silentNs, blindNs }
    }
}

/// How tables are compared.
public struct DiffOptions: Equatable, Sendable {
    /// For counts.
    public var tolerance: Tolerance
    /// For times, in nanoseconds.
    public var timeTolerance: Tolerance
    /// Only owners in this list, or all where it is empty. `guest:VM` stands for all vCPUs of the VM.
    public var owners: [String]

    public init(tolerance: Tolerance = .none, timeTolerance: Tolerance? = nil, owners: [String] = []) {
        self.tolerance = tolerance
        self.timeTolerance = timeTolerance ?? Tolerance(relative: tolerance.relative)
        self.owners = owners
    }

    func wants(_ owner: String) -> Bool {
        owners.isEmpty || owners.contains { owner == $0 || owner.hasPrefix($0 + "/") }
    }
}

extension SeriesDifference {
    /// - Parameters:
    ///   - taint: what the trace lost about exactly this series, if anything: then it is never "same".
    static func judge(_ a: Series, _ b: Series, taint: Taint?, options: DiffOptions) -> SeriesDifference {
        var aspects: [Aspect] = []
        func note(_ what: Aspect.What, _ verdict: Verdict, _ why: @autoclosure () -> String) {
            if verdict != .same { aspects.append(Aspect(what: what, verdict: verdict, why: why())) }
        }
        // Demand is held fixed: what ran in the same stretches as the same event counted the same, known or not.
        let ranAlike = a.schedule != nil && a.schedule == b.schedule && a.reading == b.reading
        let counts = ranAlike ? .same : Verdict.ofCounts(a.reading, b.reading, tolerance: options.tolerance)
        note(.count, counts, why(counts, a, b))
        if counts == .same, let taint {
            note(.count, .cannotJudge, "the trace is incomplete from \(taint.from) to \(taint.to) ns: \(taint.cause)")
        }
        let time = options.timeTolerance
        // A change of what was asked for is a difference, but neither for better nor for worse by itself: demand is
        // held fixed, so the two tables are of different traces.
        if !time.allows(a.enabledNs, b.enabledNs) {
            note(.enabledNs, .cannotJudge, "enabled \(a.enabledNs) ns against \(b.enabledNs) ns: not the same demand")
        }
        let lost = (
            Verdict.ofLostTime(a.silentNs, b.silentNs, tolerance: time),
            Verdict.ofLostTime(a.blindNs, b.blindNs, tolerance: time)
        )
        note(.silentNs, lost.0, "silent \(a.silentNs) ns, then \(b.silentNs) ns")
        note(.blindNs, lost.1, "blind \(a.blindNs) ns, then \(b.blindNs) ns")
        let running =
            time.allows(a.runningNs, b.runningNs) ? Verdict.same : b.runningNs < a.runningNs ? .worse : .better
        note(.runningNs, running, "running \(a.runningNs) ns, then \(b.runningNs) ns")
        return SeriesDifference(
            key: a.key, a: a, b: b, verdict: aspects.map(\.verdict).max() ?? .same, aspects: aspects, since: nil)
    }

    static func only(a: Series?, b: Series?) -> SeriesDifference {
        let verdict = a == nil ? Verdict.better : .worse
        let why = a == nil ? "only in B" : "only in A"
        return SeriesDifference(
            key: (a ?? b)!.key, a: a, b: b, verdict: verdict,
            aspects: [Aspect(what: .presence, verdict: verdict, why: why)], since: nil)
    }

    private static func why(_ verdict: Verdict, _ a: Series, _ b: Series) -> String {
        let (x, y) = (a.reading.words, b.reading.words)
        guard verdict == .cannotJudge else { return "counted \(x), then \(y)" }
        let reasons = [("A", a), ("B", b)].filter { !$0.1.reason.isEmpty }.map { "\($0.0): \($0.1.reason)" }
        return "\(x) against \(y)" + (reasons.isEmpty ? "" : " (\(reasons.joined(separator: "; ")))")
    }
}

extension Reading {
    /// `12`, `5 ... 9`, `at least 5`, `at most 9`, `unbounded`, `unknown`.
    public var words: String {
        switch (mark, lo, hi) {
        case (.exact, _, _): "\(count ?? 0)"
        case (.unknown, _, _): "unknown"
        case (.bounded, let lo?, let hi?): "\(lo) ... \(hi)"
        case (.bounded, let lo?, nil): "at least \(lo)"
        case (.bounded, nil, let hi?): "at most \(hi)"
        case (.bounded, nil, nil): "unbounded"
        }
    }
}
