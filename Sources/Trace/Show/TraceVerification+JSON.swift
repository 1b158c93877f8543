import FoundationEssentials

extension TraceVerification: Encodable {
    /// Raised only when a field changes its meaning or goes away; fields may be added under the same number.
    public static let schemaVersion = 1

    private enum CodingKeys: String, CodingKey {
        case schemaVersion, path, size, good, complete, unfinished, damage, blocks, events
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(Self.schemaVersion, forKey: .schemaVersion)
        try values.encode(path, forKey: .path)
        try values.encode(size, forKey: .size)
        try values.encode(isGood, forKey: .good)
        try values.encode(isComplete, forKey: .complete)
        try values.encode(tail, forKey: .unfinished)
        try values.encode(damage, forKey: .damage)
        try values.encode(blocks, forKey: .blocks)
        try values.encode(events, forKey: .events)
    }

    /// One object on one line; `verify.schema.json` describes it.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
