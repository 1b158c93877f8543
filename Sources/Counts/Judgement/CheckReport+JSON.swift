import Foundation

/// The JSON of `vpmu check --json`; `Schema/check.schema.json` describes it.
extension CheckReport: Encodable {
    /// Raised only when a field changes its meaning or goes away; fields may be added under the same number.
    public static let schemaVersion = 1

    enum CodingKeys: String, CodingKey { case schemaVersion, verdict, policy, baseline, traces, unchecked }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(CheckReport.schemaVersion, forKey: .schemaVersion)
        try container.encode(verdict.name, forKey: .verdict)
        try container.encode(policy, forKey: .policy)
        try container.encode(baseline, forKey: .baseline)
        try container.encode(traces, forKey: .traces)
        try container.encode(unchecked, forKey: .unchecked)
    }

    /// Sorted keys and a final newline: same report, same bytes.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension TraceJudgement: Encodable {
    enum CodingKeys: String, CodingKey {
        case trace, verdict, start, end, unusable, missingOwners, vms, owners, series, taints
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(trace, forKey: .trace)
        try container.encode(verdict.name, forKey: .verdict)
        try container.encode(span?.lowerBound, forKey: .start)
        try container.encode(span?.upperBound, forKey: .end)
        if case .unusable(let why) = finding { try container.encode(why, forKey: .unusable) }
        try container.encode(missingOwners, forKey: .missingOwners)
        try container.encode(groups, forKey: .vms)
        try container.encode(diff?.owners ?? [], forKey: .owners)
        try container.encode((diff?.series ?? []).filter { $0.verdict != .same }, forKey: .series)
        try container.encode(taints, forKey: .taints)
    }
}

extension TraceJudgement.GroupVerdict: Encodable {
    enum CodingKeys: String, CodingKey { case name, verdict, owners }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(verdict.name, forKey: .verdict)
        try container.encode(owners.map(\.owner), forKey: .owners)
    }
}
