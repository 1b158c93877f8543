import ArgumentParser
import Counts
import Foundation

/// Runs the command and turns whatever it throws into one line on standard error and an exit status.
///
/// The argument parser would end with 64 on wrong usage and 1 on any other error, which `git bisect run` takes for
/// "bad".
@main
enum Main {
    static func main() {
        do {
            var command = try VPMU.parseAsRoot()
            try command.run()
        } catch let status as ExitCode {
            exit(status.rawValue)
        } catch is Interruption {
            complain("vpmu: interrupted")
            exit(ExitStatus.interrupted.rawValue)
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
                complain("vpmu: \(FileProblem.words(error) ?? "\(error)")")
                exit(ExitStatus.unreadable.rawValue)
            }
        }
    }

    private static func complain(_ message: String) {
        FileHandle.standardError.write(Data((message + "\n").utf8))
    }
}
