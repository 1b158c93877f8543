import Foundation

/// The JSON of `vpmu plan --json`; `Schema/plan.schema.json` describes it.
extension Plan: Encodable {
    /// Raised only when a field changes its meaning or goes away; fields may be added under the same number.
    public static let schemaVersion = 1

    private enum CodingKeys: String, CodingKey {
        case schemaVersion, policy, counters, endsSilence, silentNs, silentNsAfter, parts, policies
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Plan.schemaVersion, forKey: .schemaVersion)
        try container.encode(policy, forKey: .policy)
        try container.encode(counters, forKey: .counters)
        try container.encode(endsSilence, forKey: .endsSilence)
        try container.encode(silentNs, forKey: .silentNs)
        try container.encode(silentNsAfter, forKey: .silentNsAfter)
        try container.encode(parts, forKey: .parts)
        try container.encode(effects, forKey: .policies)
    }

    /// Sorted keys and a final newline: same plan, same bytes.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension Plan.Part: Encodable {
    private enum CodingKeys: String, CodingKey {
        case pcpus, counters, given, silentNs, silentNsAfter, choices, tries, proof, equals
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(pcpus, forKey: .pcpus)
        try container.encode(counters, forKey: .counters)
        try container.encode(given, forKey: .given)
        try container.encode(silentNs, forKey: .silentNs)
        try container.encode(silentNsAfter, forKey: .silentNsAfter)
        try container.encode(choices, forKey: .choices)
        try container.encode(tries, forKey: .tries)
        try container.encode(proof, forKey: .proof)
        try container.encode(equals, forKey: .equals)
    }
}
