import Foundation

extension KnobFinding: Encodable {
    /// Raised only when a field changes its meaning or goes away; fields may be added under the same number.
    public static let schemaVersion = 1

    /// What a terminal shows.
    public var text: String {
        var lines: [String] = []
        switch (blame, guilty.count) {
        case (.eachAlone, 1): lines.append("One difference is to blame:")
        case (.eachAlone, _): lines.append("Each of these differences is to blame alone:")
        case (.together, _): lines.append("These differences are to blame together, none of them can be spared:")
        }
        lines += guilty.map { "  \($0)" }
        let innocent = differing.filter { !guilty.contains($0) }
        if !innocent.isEmpty {
            lines.append("Not needed for it:")
            lines += innocent.map { "  \($0)" }
        }
        lines.append(
            "\(differing.count) differences, \(probes) mixtures judged, \(unusable) of them contradict themselves")
        return lines.joined(separator: "\n") + "\n"
    }

    enum CodingKeys: String, CodingKey { case schemaVersion, blame, guilty, differing, probes, unusable }
    enum KnobKeys: String, CodingKey { case knob, a, b }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.schemaVersion, forKey: .schemaVersion)
        try container.encode(blame.rawValue, forKey: .blame)
        for (key, knobs) in [(CodingKeys.guilty, guilty), (.differing, differing)] {
            var list = container.nestedUnkeyedContainer(forKey: key)
            for knob in knobs {
                var one = list.nestedContainer(keyedBy: KnobKeys.self)
                try one.encode(knob.path.joined(separator: "."), forKey: .knob)
                try one.encode(knob.a, forKey: .a)
                try one.encode(knob.b, forKey: .b)
            }
        }
        try container.encode(probes, forKey: .probes)
        try container.encode(unusable, forKey: .unusable)
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}
