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

    /// Why a file cannot be judged.
    public struct Failure: Error, Equatable, CustomStringConvertible {
        public var file: String
        /// Counted from 1; nil where the file as a whole is meant.
        public var line: Int?
        public var reason: String

        public var description: String { line.map { "\(file):\($0): \(reason)" } ?? "\(file): \(reason)" }
    }

    /// Runs every line of a file, plain or zstd, in order; empty lines are skipped.
    ///
    /// - Parameter each: called with each outcome and the part of the file read so far, in percent.
    /// - Throws: `Failure` for a file or line that is not what it should be, and what `each` throws.
    public static func run(file path: String, each: (Outcome, _ percent: Int) throws -> Void) throws {
        let decoder = JSONDecoder()
        var cases = 0
        try CaseFile(path: path).forEachLine { line, number, percent in
            cases += 1
            do {
                try each(try outcome(line, number, decoder), percent)
            } catch let bad as BadCase {
                throw Failure(
                    file: path, line: bad.line,
                    reason: "\(bad.reason); a case is one JSON object with `constraints` or `steps`")
            }
        }
        if cases == 0 { throw Failure(file: path, line: nil, reason: "holds no case; a case file is JSON lines") }
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
            if !line.isEmpty { outcomes.append(try outcome(Data(line), number, decoder)) }
        }
        return outcomes
    }

    private static func outcome(_ line: Data, _ number: Int, _ decoder: JSONDecoder) throws -> Outcome {
        let question: ConformanceCase
        do {
            question = try decoder.decode(ConformanceCase.self, from: line)
        } catch {
            throw BadCase(line: number, reason: "not a conformance case (\(reason(error)))")
        }
        switch question {
        case .assignment(let question):
            return Outcome(line: number, difference: try difference(question, line: number))
        case .scheduling(let question):
            var player = try SchedulingPlayer(question, line: number)
            return Outcome(line: number, difference: try player.firstDifference())
        }
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
