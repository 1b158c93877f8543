/// Why a trace cannot be opened, read or written. Each description is one line: which file, where, what, and what to
/// do.
public enum TraceError: Error, Equatable, Sendable {
    case cannotOpen(path: String, reason: String)
    case cannotRead(path: String, offset: UInt64, reason: String)
    case cannotWrite(path: String, offset: UInt64, reason: String)
    /// The output is there already and the caller did not ask to replace it.
    case exists(path: String)
    /// The output is a symbolic link, which a trace is never written through.
    case symbolicLink(path: String)
    case empty(path: String)
    /// The file does not begin as a trace does; `looksLike` names the format where it is a known one.
    case notATrace(path: String, looksLike: String?)
    case newerVersion(path: String, found: Int, supported: Int)
    /// The file ends inside its own header.
    case truncated(path: String, offset: UInt64, need: Int, have: Int)
    case damaged(path: String, offset: UInt64, reason: String)
    /// A length in the file, or a value for it, is beyond what the format or the caller allows.
    case limit(path: String, offset: UInt64, what: String, value: UInt64, limit: UInt64)
    /// `finish()` was called already.
    case finished(path: String)
}

extension TraceError {
    /// What is wrong, without file and offset.
    var reason: String {
        switch self {
        case .damaged(_, _, let reason), .cannotRead(_, _, let reason), .cannotOpen(_, let reason),
            .cannotWrite(_, _, let reason):
            reason
        default: description
        }
    }
}

extension TraceError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .cannotOpen(let path, let reason):
            "\(path): cannot be opened: \(reason); check the path and its permissions"
        case .cannotRead(let path, let offset, let reason):
            "\(path): offset \(offset): cannot be read: \(reason)"
        case .cannotWrite(let path, let offset, let reason):
            "\(path): offset \(offset): cannot be written: \(reason); what was written before it reads normally"
        case .exists(let path):
            "\(path): exists already; use --force to replace it, or give another name"
        case .symbolicLink(let path):
            "\(path): is a symbolic link, and links are not followed; give the file itself or another name"
        case .empty(let path):
            "\(path): offset 0: the file is empty, not a vpmu trace; record, import or synth makes one"
        case .notATrace(let path, let looksLike?):
            "\(path): offset 0: not a vpmu trace but \(looksLike); `vpmu import` takes recordings of other tools"
        case .notATrace(let path, nil):
            "\(path): offset 0: not a vpmu trace; `vpmu import` takes recordings of other tools"
        case .newerVersion(let path, let found, let supported):
            "\(path): offset 13: format version \(found), this vpmu reads up to \(supported); use a newer vpmu"
        case .truncated(let path, let offset, let need, let have):
            "\(path): offset \(offset): the file ends inside its header (\(have) of \(need) bytes); no event was written yet, record it again"
        case .damaged(let path, let offset, let reason):
            "\(path): offset \(offset): damaged: \(reason); `vpmu salvage` keeps the rest"
        case .limit(let path, let offset, let what, let value, let limit):
            "\(path): offset \(offset): \(what) is \(value), more than the \(limit) allowed; the file is damaged or not to be trusted, `vpmu verify` tells"
        case .finished(let path):
            "\(path): the trace was finished already; nothing can be added to it"
        }
    }
}

/// What is wrong inside a piece of a trace, before its file and offset are known.
struct FormatViolation: Error, Equatable {
    var reason: String
    init(_ reason: String) { self.reason = reason }

    /// A record of a kind that this version does not know.
    static func unknownTracepoint(_ number: UInt64) -> FormatViolation {
        FormatViolation(
            "unknown tracepoint \(number): 0 to \(EventKind.allCases.count - 1) are known; is the file of a newer vpmu?"
        )
    }
}
