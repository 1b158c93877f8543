/// What a comparison came to. Rising: the worst of several decides.
public enum Verdict: Int, Sendable, CaseIterable, Comparable {
    case same = 0
    case better = 1
    case cannotJudge = 2
    case worse = 3

    public static func < (a: Verdict, b: Verdict) -> Bool { a.rawValue < b.rawValue }

    /// `same`, `better`, `cannot judge` or `worse`.
    public var name: String {
        switch self {
        case .same: "same"
        case .better: "better"
        case .cannotJudge: "cannot judge"
        case .worse: "worse"
        }
    }

    public var isDifferent: Bool { self == .worse || self == .better }
}

extension Verdict {
    /// The rule for marked counts.
    ///
    /// Exact counts are intervals of one number. Every pair of values within tolerance: same. Disjoint intervals:
    /// different, and worse where less was counted. All else, and anything unknown: cannot judge.
    public static func ofCounts(_ a: Reading, _ b: Reading, tolerance: Tolerance) -> Verdict {
        if a.mark == .unknown || b.mark == .unknown { return .cannotJudge }
        let (aLow, aHigh) = (a.lo ?? 0, a.hi ?? .max)
        let (bLow, bHigh) = (b.lo ?? 0, b.hi ?? .max)
        // The pairs farthest apart are ends against ends.
        if tolerance.allows(aLow, bHigh), tolerance.allows(aHigh, bLow) { return .same }
        if bHigh < aLow { return .worse }
        if bLow > aHigh { return .better }
        return .cannotJudge
    }

    /// Lost time, silent or blind: more of it is worse.
    static func ofLostTime(_ a: UInt64, _ b: UInt64, tolerance: Tolerance) -> Verdict {
        if tolerance.allows(a, b) { return .same }
        return b > a ? .worse : .better
    }
}
