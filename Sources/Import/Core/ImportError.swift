/// Why nothing at all could be imported. Damage that leaves something to keep is an `ImportDamage` of the summary
/// instead.
public enum ImportError: Error, Equatable, CustomStringConvertible {
    case cannotOpen(path: String, reason: String)
    case cannotRead(path: String, offset: UInt64, reason: String)
    case cannotSpool(path: String, reason: String)
    /// The packed input holds more than an importer unpacks, in bytes.
    case tooLarge(path: String, limit: UInt64)
    case empty(path: String)
    /// No form that the importer knows; `beginning` is what the file starts with.
    case notRecognised(path: String, beginning: String)
    /// Text of which no line is a tracer's.
    case nothingUnderstood(path: String, lines: UInt64)
    /// A known form of a kind that cannot hold what we look for.
    case unsupported(path: String, reason: String)
    /// The header is damaged before anything could be kept.
    case damagedHeader(path: String, damage: ImportDamage)
    /// The input is damaged before its first record.
    case nothingKept(path: String, damage: ImportDamage)
    case outOfMemory

    public var description: String {
        switch self {
        case .cannotOpen(let path, let reason): "cannot open \(path): \(reason)"
        case .cannotRead(let path, let offset, let reason): "cannot read \(path) at byte \(offset): \(reason)"
        case .cannotSpool(let path, let reason):
            "cannot keep the unpacked bytes of \(path) in a temporary file: \(reason); set TMPDIR to a larger place"
        case .tooLarge(let path, let limit): "\(path) unpacks to more than \(limit) bytes; unpack it yourself first"
        case .empty(let path): "\(path) is empty"
        case .notRecognised(let path, let beginning):
            "\(path) is no perf.data, trace.dat, or text of perf script, ftrace or trace-cmd report; it begins with "
                + beginning
        case .nothingUnderstood(let path, let lines):
            "\(path) is text, but none of its \(lines) lines is one of perf script, ftrace or trace-cmd report; "
                + "give the recording itself, or what one of them printed of it"
        case .unsupported(let path, let reason): "\(path): \(reason)"
        case .damagedHeader(let path, let damage): "\(path): \(damage)"
        case .nothingKept(let path, let damage): "\(path): \(damage); no record stands before that"
        case .outOfMemory: "out of memory"
        }
    }
}

/// One place where the input is not what its format demands.
public struct ImportDamage: Error, Equatable, Sendable, Codable, CustomStringConvertible {
    /// The byte of the input (of the unpacked input for a `.zst`) from which on it is wrong.
    public var offset: UInt64
    /// One line: what is wrong there.
    public var reason: String

    public init(offset: UInt64, reason: String) {
        self.offset = offset
        self.reason = reason
    }

    public var description: String { "damaged at byte \(offset): \(reason)" }
}
