/// What the process ends with, chosen for `git bisect run`.
public enum ExitStatus: Int32, Sendable {
    /// Done; same; better; within tolerance: git's "good".
    case good = 0
    /// Worse or different, or a plain "no": git's "bad".
    case no = 1
    /// This revision cannot be judged: git skips it.
    case cannotJudge = 125
    /// What no revision can mend: an unreadable trace or baseline, the environment. git stops.
    case unreadable = 128
    /// Wrong usage: git stops.
    case usage = 129
    case interrupted = 130

    /// Which verdict beside *worse* makes a check fail.
    public enum FailOn: String, Sendable, CaseIterable { case worse, better }

    /// What a judgement ends with: good, no, or cannot judge.
    public init(_ verdict: Verdict, failOn: FailOn = .worse) {
        self =
            switch verdict {
            case .same: .good
            case .better: failOn == .better ? .no : .good
            case .cannotJudge: .cannotJudge
            case .worse: .no
            }
    }
}
