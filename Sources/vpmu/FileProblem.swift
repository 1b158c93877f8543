import Foundation

/// What Foundation says of a file that could not be read or written, as one line for people.
enum FileProblem {
    /// nil where `error` is not about a file.
    static func words(_ error: any Error) -> String? {
        guard let problem = error as? CocoaError, let path = problem.filePath ?? problem.url?.path else { return nil }
        let reason = (problem.underlying as? POSIXError).map { String(cString: strerror(Int32($0.code.rawValue))) }
        return "\(path): \(reason ?? problem.localizedDescription); check the path and its permissions"
    }
}
