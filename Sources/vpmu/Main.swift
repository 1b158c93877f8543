import ArgumentParser
import Foundation

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

/// Runs the command and turns whatever it throws into one line on standard error and an exit status.
///
/// The argument parser would end with 64 on wrong usage and 1 on any other error, which `git bisect run` takes for "bad".
@main
enum Main {
    static func main() {
        do {
            var command = try VPMU.parseAsRoot()
            try command.run()
        } catch let status as ExitCode {
            exit(status.rawValue)
        } catch {
            let message = VPMU.fullMessage(for: error)
            switch VPMU.exitCode(for: error) {
            case .success:
                print(message)
                exit(ExitStatus.good.rawValue)
            case .validationFailure:
                complain(message)
                exit(ExitStatus.usage.rawValue)
            default:
                complain("vpmu: \(error)")
                exit(ExitStatus.unreadable.rawValue)
            }
        }
    }

    private static func complain(_ message: String) {
        FileHandle.standardError.write(Data((message + "\n").utf8))
    }
}
