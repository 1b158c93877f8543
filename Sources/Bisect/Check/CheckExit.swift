import Counts

/// The exit codes of the commands that judge, chosen so that `git bisect run` understands them.
public enum CheckExit: Int32, Sendable {
    /// Same, better, within tolerance, or done: git's "good".
    case good = 0
    /// Worse: git's "bad".
    case bad = 1
    /// This revision cannot be judged: git's "skip".
    case skip = 125
    /// What no revision can mend: git stops.
    case environment = 128
    /// Wrong usage: git stops.
    case usage = 129

    /// Which verdict beside *worse* makes a check fail.
    public enum FailOn: String, Sendable, CaseIterable { case worse, better }

    public init(_ verdict: Verdict, failOn: FailOn = .worse) {
        self =
            switch verdict {
            case .same: .good
            case .better: failOn == .better ? .bad : .good
            case .cannotJudge: .skip
            case .worse: .bad
            }
    }
}
