import Counts
import Host
import Policy
import Replay
import Timeline

/// The difference that a reduction keeps: one series that loses or gains time, or runs at other times, under B.
public struct ReductionTarget: Equatable, Sendable {
    public var key: SeriesKey
    public var aspect: Aspect
    public var verdict: Verdict

    public enum Aspect: String, Sendable {
        case runningNs, silentNs, blindNs
        /// It is there under one policy only.
        case presence
        /// It ran as long, but at other times or as another event.
        case schedule
    }

    /// The gravest difference between two tables of one trace: worse before better, more time before less.
    ///
    /// - Parameter owners: only these; all where empty.
    public static func gravest(_ a: CountsTable, _ b: CountsTable, owners: [String] = []) -> ReductionTarget? {
        let diff = TableDiff(a, b, options: DiffOptions(owners: owners))
        var best: (target: ReductionTarget, weight: (Int, UInt64))?
        for one in diff.series {
            for (aspect, verdict, distance) in differences(one.a, one.b) {
                let weight = (verdict == .worse ? 2 : aspect == .schedule ? 0 : 1, distance)
                if best == nil || weight > best!.weight {
                    best = (ReductionTarget(key: one.key, aspect: aspect, verdict: verdict), weight)
                }
            }
        }
        return best?.target
    }

    /// Whether two tables still show it.
    func shows(_ a: CountsTable, _ b: CountsTable) -> Bool {
        let (x, y) = (a.series.first { $0.key == key }, b.series.first { $0.key == key })
        return ReductionTarget.differences(x, y).contains { $0.0 == aspect && $0.1 == verdict }
    }

    /// Whether some series of the two tables differs this way: a trace that is read back may call its owners otherwise.
    func isKept(_ a: CountsTable, _ b: CountsTable) -> Bool {
        shows(a, b)
            || TableDiff(a, b, options: DiffOptions()).series.contains { one in
                ReductionTarget.differences(one.a, one.b).contains { $0.0 == aspect && $0.1 == verdict }
            }
    }

    private static func differences(_ a: Series?, _ b: Series?) -> [(Aspect, Verdict, UInt64)] {
        guard let a, let b else {
            return (a ?? b).map { [(.presence, b == nil ? .worse : .better, $0.enabledNs)] } ?? []
        }
        var found: [(Aspect, Verdict, UInt64)] = []
        func compare(_ aspect: Aspect, _ x: UInt64, _ y: UInt64, moreIs: Verdict) {
            guard x != y else { return }
            let other: Verdict = moreIs == .worse ? .better : .worse
            found.append((aspect, y > x ? moreIs : other, max(x, y) - min(x, y)))
        }
        compare(.silentNs, a.silentNs, b.silentNs, moreIs: .worse)
        compare(.blindNs, a.blindNs, b.blindNs, moreIs: .worse)
        compare(.runningNs, a.runningNs, b.runningNs, moreIs: .better)
        if found.isEmpty, a.schedule != b.schedule { found.append((.schedule, .cannotJudge, 1)) }
        return found
    }
}

extension ReductionTarget: CustomStringConvertible {
    /// `guest:vm0/0 gp0 cycles runs less under B`
    public var description: String {
        switch (aspect, verdict) {
        case (.runningNs, .worse): "\(key) runs less under B"
        case (.runningNs, _): "\(key) runs more under B"
        case (.silentNs, .worse): "\(key) is silent for longer under B"
        case (.silentNs, _): "\(key) is silent for less time under B"
        case (.presence, .worse): "\(key) is not there under B"
        case (.presence, _): "\(key) is there under B alone"
        case (.blindNs, .worse): "\(key) is blind for longer under B"
        case (.blindNs, _): "\(key) is blind for less time under B"
        case (.schedule, _): "\(key) runs at other times, or as another event, under B"
        }
    }
}
