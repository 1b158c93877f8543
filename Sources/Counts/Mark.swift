/// How a count is known.
///
/// The raw value is part of the counts file: never renumber.
public enum Mark: UInt8, Sendable, CaseIterable, Codable {
    /// The number is the count.
    case exact = 0
    /// The count lies in `lo ... hi`; `count`, where given, is the best guess inside.
    case bounded = 1
    /// There is no number.
    case unknown = 2

    /// `exact`, `bounded` or `unknown`, as JSON and tables spell it.
    public var name: String {
        switch self {
        case .exact: "exact"
        case .bounded: "bounded"
        case .unknown: "unknown"
        }
    }

    public init?(name: String) {
        guard let mark = Mark.allCases.first(where: { $0.name == name }) else { return nil }
        self = mark
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let name = try container.decode(String.self)
        guard let mark = Mark(name: name) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "mark \"\(name)\" is none of exact, bounded, unknown")
        }
        self = mark
    }
}
