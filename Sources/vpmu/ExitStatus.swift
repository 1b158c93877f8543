import ArgumentParser

/// What the process ends with, chosen for `git bisect run`.
enum ExitStatus: Int32 {
    /// Done; same; better; within tolerance.
    case good = 0
    /// Worse or different, or a plain "no".
    case no = 1
    /// This revision cannot be judged: `git bisect run` skips it.
    case cannotJudge = 125
    /// What no revision can mend: an unreadable trace or baseline, the environment. `git bisect run` stops.
    case unreadable = 128
    /// Wrong usage.
    case usage = 129
    case interrupted = 130

    /// Throw it from a command that has said all there is to say.
    var code: ExitCode { ExitCode(rawValue) }
}
