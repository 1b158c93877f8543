import Foundation
import PMU
import Policy

/// Feeds cases that the kernel's own scheduling code answered to `CounterSolver`, `CounterScheduler` and
/// `TrafficDriver`, and says where an answer differs.
public enum Conformance {
    /// One case's outcome; `difference` names the first step that differs, nil if all agree.
    public struct Outcome: Sendable, Equatable {
        public var line: Int
        public var difference: String?
    }

    /// A line that is no case.
    public struct BadCase: Error, CustomStringConvertible {
        public var line: Int
        public var reason: String
        public var description: String {
            "line \(line): \(reason); a case is one JSON object with `constraints` or `steps`"
        }
    }

    /// Runs every line of `text` (JSON lines; empty ones are skipped), in order.
    ///
    /// - Throws: `BadCase` for a line that is not a case.
    public static func run(lines text: Data) throws -> [Outcome] {
        let decoder = JSONDecoder()
        var outcomes: [Outcome] = []
        var number = 0
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            if line.isEmpty { continue }
            let question: ConformanceCase
            do {
                question = try decoder.decode(ConformanceCase.self, from: Data(line))
            } catch {
                throw BadCase(line: number, reason: "not a conformance case (\(reason(error)))")
            }
            switch question {
            case .assignment(let question):
                outcomes.append(Outcome(line: number, difference: try difference(question, line: number)))
            case .scheduling(let question):
                var player = try SchedulingPlayer(question, line: number)
                outcomes.append(Outcome(line: number, difference: try player.firstDifference()))
            }
        }
        return outcomes
    }

    private static func difference(_ question: AssignmentCase, line: Int) throws -> String? {
        let constraints = try question.constraints.map { item in
            guard let mask = hex(item.idxmsk) else {
                throw BadCase(line: line, reason: "idxmsk \(item.idxmsk) is no number")
            }
            let kind: Constraint.Kind = item.overlap != 0 ? .overlap : item.pair ?? 0 != 0 ? .pair : .plain
            return Constraint(mask: mask, weight: item.weight, kind: kind)
        }
        let answer = CounterSolver.place(constraints, gpmax: question.gpmax)
        if answer.unplaced != question.unsched {
            return "unsched is \(question.unsched), ours \(answer.unplaced)"
        }
        if answer.counters != question.assign { return "assign is \(question.assign), ours \(answer.counters)" }
        return nil
    }

    static func hex(_ text: String) -> UInt64? {
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "no key `\(key.stringValue)`"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(context.debugDescription)"
        default: "not JSON"
        }
    }
}
