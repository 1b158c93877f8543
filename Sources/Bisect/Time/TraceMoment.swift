import Foundation

/// What a bisection over time found on one trace.
public struct TraceMoment: Equatable, Sendable, Encodable {
    public var trace: String
    /// nil where nothing differs.
    public var moment: TimeBisection.Moment?

    public init(trace: String, moment: TimeBisection.Moment?) {
        self.trace = trace
        self.moment = moment
    }

    enum CodingKeys: String, CodingKey { case trace, time, event, operation, words, certainty, replays }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(trace, forKey: .trace)
        try container.encode(moment?.time, forKey: .time)
        try container.encode(moment?.event, forKey: .event)
        try container.encode(moment?.operation, forKey: .operation)
        try container.encode(moment?.words, forKey: .words)
        try container.encode(moment?.certainty.rawValue, forKey: .certainty)
        try container.encode(moment?.replays, forKey: .replays)
    }

    /// A line per trace.
    public static func text(_ moments: [TraceMoment]) -> String {
        moments.map { one in
            guard let moment = one.moment else { return "\(one.trace): nothing differs\n" }
            if moment.certainty == .cannotJudge {
                return "\(one.trace): nothing differs for certain; cannot judge \(moment.words)\n"
            }
            return
                "\(one.trace): at \(moment.time) ns\(moment.event.map { ", trace event \($0)" } ?? ""): \(moment.words)\n"
        }.joined()
    }

    public static func json(_ moments: [TraceMoment]) throws -> String {
        struct Document: Encodable {
            var schemaVersion = 1
            var moments: [TraceMoment]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(Document(moments: moments)), as: UTF8.self) + "\n"
    }
}
