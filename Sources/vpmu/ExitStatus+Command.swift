import ArgumentParser
import Counts

extension ExitStatus {
    /// Throw it from a command that has said all there is to say.
    var code: ExitCode { ExitCode(rawValue) }
}
