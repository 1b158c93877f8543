/// Findings as sentences, the gravest first: what all reports print.
extension TraceJudgement {
    public struct Sentence: Equatable, Sendable {
        public var verdict: Verdict
        /// `guest:vm0/0`, nil where it concerns the whole trace.
        public var owner: String?
        public var text: String
        /// Since when in the trace, ns of its clock, where known.
        public var since: UInt64?
    }

    /// One sentence per series that is not the same, and per reason why there is no comparison.
    public var sentences: [Sentence] {
        switch finding {
        case .unusable(let why): return [Sentence(verdict: .cannotJudge, owner: nil, text: why, since: nil)]
        case .compared(let diff):
            let missing = missingOwners.map {
                Sentence(
                    verdict: .cannotJudge, owner: $0,
                    text: "\($0) is asked for, but neither in the trace nor in the baseline",
                    since: nil)
            }
            let found = diff.series.filter { $0.verdict != .same }.map { one in
                let whys = one.aspects.sorted { $0.verdict > $1.verdict }.map(\.why)
                let since = one.since.map { ", since \($0) ns at the latest" } ?? ""
                return Sentence(
                    verdict: one.verdict, owner: one.key.owner,
                    text: "\(one.key): \(whys.joined(separator: "; "))\(since)",
                    since: one.since)
            }
            let all = (missing + found).enumerated().sorted { a, b in
                a.element.verdict == b.element.verdict ? a.offset < b.offset : a.element.verdict > b.element.verdict
            }
            return all.map(\.element)
        }
    }
}
