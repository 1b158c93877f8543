import Foundation

extension SelfReplay: Encodable {
    enum CodingKeys: String, CodingKey {
        case schemaVersion, agrees, steps, matchedSteps, readings, matchedReadings, difference
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(1, forKey: .schemaVersion)
        try container.encode(agrees, forKey: .agrees)
        try container.encode(steps, forKey: .steps)
        try container.encode(matchedSteps, forKey: .matchedSteps)
        try container.encode(readings, forKey: .readings)
        try container.encode(matchedReadings, forKey: .matchedReadings)
        try container.encode(difference, forKey: .difference)
    }

    /// One JSON object with a final newline.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }

    /// In words, with a final newline.
    public var text: String {
        let figures = "\(matchedSteps) of \(steps) decisions and \(matchedReadings) of \(readings) readings reproduced"
        guard let difference else { return "the replay agrees with the recording: \(figures)\n" }
        let place = difference.pcpu.map { " on pCPU \($0)" } ?? ""
        let cause = difference.cause == .inferredDemand ? " (follows from inferred demand)" : ""
        return """
            the replay differs at event \(difference.event), \(difference.time) ns\(place)\(cause): \(difference.what)
            \(figures)

            """
    }
}
