import Foundation
import Timeline

/// `vpmu dump --decisions`: who got which physical counter when, a line each.
public enum DecisionLines {
    private struct Line: Encodable {
        var t: UInt64
        /// Nil where no record shows it.
        var event: UInt64?
        var pcpu: Int32
        var counter: String
        var holder: String?
        var virtualCounter: String?
        var config: String
        var certainty: String
        var candidates: [String]

        enum CodingKeys: String, CodingKey {
            case t, event, pcpu, counter, holder, virtualCounter, config, certainty, candidates
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(t, forKey: .t)
            try container.encodeIfPresent(event, forKey: .event)
            try container.encode(pcpu, forKey: .pcpu)
            try container.encode(counter, forKey: .counter)
            try container.encode(holder, forKey: .holder)
            try container.encodeIfPresent(virtualCounter, forKey: .virtualCounter)
            try container.encode(config, forKey: .config)
            try container.encode(certainty, forKey: .certainty)
            if !candidates.isEmpty { try container.encode(candidates, forKey: .candidates) }
        }
    }

    /// One JSON object a line: `t` (ns), `event` (index of the record), `pcpu`, `counter` (physical), `holder`
    /// (null when the counter falls free), `virtualCounter` of a guest, `config`, `certainty`, `candidates`.
    public static func json(_ timeline: Timeline, each: (String) throws -> Void) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        for decision in timeline.decisions {
            let data = try encoder.encode(line(decision, timeline))
            try each(String(decoding: data, as: UTF8.self) + "\n")
        }
    }

    /// The same for people.
    public static func text(_ timeline: Timeline, each: (String) throws -> Void) throws {
        for decision in timeline.decisions {
            let line = line(decision, timeline)
            let seconds = "\(line.t / 1_000_000_000)."
            let rest = String(line.t % 1_000_000_000)
            let time = seconds + String(repeating: "0", count: 9 - rest.count) + rest
            let holder = line.holder.map { name in line.virtualCounter.map { "\(name) \($0)" } ?? name } ?? "free"
            let open = line.candidates.isEmpty ? "" : " (\(line.candidates.joined(separator: " or ")))"
            try each("\(time) [\(line.pcpu)] \(line.counter): \(holder) \(line.config) \(line.certainty)\(open)\n")
        }
    }

    private static func line(_ decision: Decision, _ timeline: Timeline) -> Line {
        var virtual: String?
        if case .guest(_, let counter?) = decision.holder { virtual = counter.description }
        return Line(
            t: decision.time, event: decision.event == .max ? nil : decision.event, pcpu: decision.pcpu,
            counter: decision.counter.description,
            holder: decision.holder.map { name($0, timeline) }, virtualCounter: virtual,
            config: "0x" + String(decision.config, radix: 16), certainty: decision.certainty.rawValue,
            candidates: candidates(decision, timeline))
    }

    /// Who may be meant: the events where the traffic fits several, else the scopes where it leaves the event's open.
    private static func candidates(_ decision: Decision, _ timeline: Timeline) -> [String] {
        if !decision.rivals.isEmpty, let holder = decision.holder {
            return [name(holder, timeline)] + decision.rivals.map { timeline.owner(hostEvent: $0) }
        }
        return decision.scopes.count < 2 ? [] : decision.scopes.map { name($0, decision, timeline) }
    }

    private static func name(_ scope: Decision.Scope, _ decision: Decision, _ timeline: Timeline) -> String {
        let event = timeline.model.eventName(of: decision.config)
        return switch scope {
        case .pcpu(let pcpu): "host:\(event)@cpu\(pcpu)"
        case .thread(let thread): "host:\(event)@task\(thread)"
        }
    }

    private static func name(_ holder: Decision.Holder, _ timeline: Timeline) -> String {
        switch holder {
        case .guest(let vcpu, _): timeline.owner(vcpu: vcpu)
        case .host(let index): timeline.owner(hostEvent: index)
        }
    }
}
