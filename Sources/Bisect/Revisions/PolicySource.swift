import Counts
import Foundation

/// Where each revision's policy comes from.
public enum PolicySource: Sendable, Equatable {
    /// A file of the repository (path inside it), taken as it is.
    case file(String)
    /// `path` (inside the repository) after `command` was run by `sh -c` in a checkout of the revision.
    case built(command: String, path: String)

    public var path: String {
        switch self {
        case .file(let path), .built(_, let path): path
        }
    }
}
