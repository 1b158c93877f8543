import Foundation

/// The JSON of `vpmu explain --json`.
extension Explanation: Encodable {
    /// Raised only when a field changes its meaning or goes away; fields may be added under the same number.
    public static let schemaVersion = 1

    enum CodingKeys: String, CodingKey {
        case schemaVersion, policies, time, event, operation, pcpu, counter, holders, trigger, subject, candidates
        case mechanism, account, deciding, cause, cost, accesses, doubts
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.schemaVersion, forKey: .schemaVersion)
        try container.encode(["a": policyA, "b": policyB], forKey: .policies)
        try container.encode(difference.time, forKey: .time)
        try container.encode(difference.event, forKey: .event)
        try container.encode(difference.operation, forKey: .operation)
        try container.encode(difference.pcpu, forKey: .pcpu)
        try container.encode(difference.counter.description, forKey: .counter)
        try container.encode(["a": holderA, "b": holderB], forKey: .holders)
        try container.encode(trigger, forKey: .trigger)
        try container.encode(subject, forKey: .subject)
        try container.encode(candidates, forKey: .candidates)
        try container.encode(mechanism.rawValue, forKey: .mechanism)
        try container.encode(account, forKey: .account)
        try container.encode(deciding, forKey: .deciding)
        try container.encode(cause.rawValue, forKey: .cause)
        try container.encode(cost, forKey: .cost)
        try container.encode(accesses, forKey: .accesses)
        try container.encode(doubts, forKey: .doubts)
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension Explanation.Subject: Encodable {
    enum CodingKeys: String, CodingKey { case owner, counter, event, priority, goesWithout }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(owner, forKey: .owner)
        try container.encode(counter, forKey: .counter)
        try container.encode(event, forKey: .event)
        try container.encode(priority, forKey: .priority)
        try container.encode(goesWithout.rawValue, forKey: .goesWithout)
    }
}
