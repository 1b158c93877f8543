import Foundation

/// The JSON of `vpmu diff --json`; `Schema/diff.schema.json` describes it.
extension TableDiff: Encodable {
    public static let schemaVersion = 1

    enum CodingKeys: String, CodingKey {
        case schemaVersion, answer, verdict, policies, tolerance, timeTolerance, owners, series
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(TableDiff.schemaVersion, forKey: .schemaVersion)
        try container.encode(answer.name, forKey: .answer)
        try container.encode(verdict.name, forKey: .verdict)
        try container.encode(["a": policies.a, "b": policies.b], forKey: .policies)
        try container.encode(options.tolerance, forKey: .tolerance)
        try container.encode(options.timeTolerance, forKey: .timeTolerance)
        try container.encode(owners, forKey: .owners)
        try container.encode(series, forKey: .series)
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension Tolerance: Encodable {
    enum CodingKeys: String, CodingKey { case absolute, relative }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(absolute, forKey: .absolute)
        try container.encode(Double(relative) / 4_294_967_296, forKey: .relative)
    }
}

extension TableDiff.OwnerVerdict: Encodable {
    enum CodingKeys: String, CodingKey { case owner, verdict, same, better, cannotJudge, worse }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(owner, forKey: .owner)
        try container.encode(verdict.name, forKey: .verdict)
        try container.encode(same, forKey: .same)
        try container.encode(better, forKey: .better)
        try container.encode(cannotJudge, forKey: .cannotJudge)
        try container.encode(worse, forKey: .worse)
    }
}

extension SeriesDifference: Encodable {
    enum CodingKeys: String, CodingKey { case owner, pcpu, counter, event, verdict, aspects, since, a, b }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(key.owner, forKey: .owner)
        try container.encode(key.pcpu, forKey: .pcpu)
        try container.encode(key.counter, forKey: .counter)
        try container.encode(key.event, forKey: .event)
        try container.encode(verdict.name, forKey: .verdict)
        try container.encode(aspects, forKey: .aspects)
        try container.encode(since, forKey: .since)
        try container.encode(a, forKey: .a)
        try container.encode(b, forKey: .b)
    }
}

extension SeriesDifference.Aspect: Encodable {
    enum CodingKeys: String, CodingKey { case what, verdict, why }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(what.rawValue, forKey: .what)
        try container.encode(verdict.name, forKey: .verdict)
        try container.encode(why, forKey: .why)
    }
}
