import Foundation
import Report

/// A run with its machine, as table and JSON.
public struct BenchReport: Sendable {
    public var machine: Machine
    public var command: [String]
    public var rounds: Int
    public var outcome: BenchOutcome
    public var thresholds: [String: Threshold]

    public init(
        machine: Machine, command: [String], rounds: Int, outcome: BenchOutcome, thresholds: [String: Threshold]
    ) {
        self.machine = machine
        self.command = command
        self.rounds = rounds
        self.outcome = outcome
        self.thresholds = thresholds
    }

    /// Names of figures that miss their floor.
    public var belowFloor: [String] {
        outcome.results.filter { thresholds[$0.name]?.standing(of: $0.value) == .missesFloor }.map(\.name)
    }

    public func text(_ terminal: Terminal) -> String {
        var table = TextTable([
            .left("figure"), .right("value"), .left("unit"), .right("target"), .right("floor"), .left("reaches"),
            .left("against"), .left("measured"),
        ])
        for result in outcome.results {
            let threshold = thresholds[result.name]
            let standing = threshold?.standing(of: result.value)
            let tone: Tone =
                switch standing {
                case .reachesTarget: .good
                case .meetsFloor: .doubtful
                case .missesFloor: .bad
                case nil: .plain
                }
            table.append([
                .init(result.name), .init(Self.figure(result.value), tone), .init(result.unit),
                .init(threshold.map { Self.figure($0.target) } ?? ""),
                .init(threshold.map { Self.figure($0.floor) } ?? ""), .init(standing?.rawValue ?? "", tone),
                .init(result.peer), .init(result.how),
            ])
        }
        var text = machine.lines.map { $0 + "\n" }.joined()
        text += "\(command.joined(separator: " ")): medians of \(rounds) interleaved runs\n\n"
        text += table.text(terminal)
        for skip in outcome.skipped {
            text += Tone.doubtful.paint("skipped", terminal) + " \(skip.name): \(skip.why)\n"
        }
        return text
    }

    static func figure(_ value: Double) -> String {
        let magnitude = abs(value)
        return String(format: magnitude < 10 ? "%.2f" : magnitude < 100 ? "%.1f" : "%.0f", value)
    }
}

extension BenchReport: Encodable {
    public static let schemaVersion = 1

    private struct Row: Encodable {
        var name: String
        var value: Double
        var unit: String
        var target: Double?
        var floor: Double?
        var direction: String?
        var peer: String
        var how: String
    }

    private struct Skip: Encodable {
        var name: String
        var why: String
    }

    enum CodingKeys: String, CodingKey { case schemaVersion, machine, command, rounds, results, skipped }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.schemaVersion, forKey: .schemaVersion)
        try container.encode(machine.lines, forKey: .machine)
        try container.encode(command, forKey: .command)
        try container.encode(rounds, forKey: .rounds)
        let rows = outcome.results.map { result in
            let threshold = thresholds[result.name]
            return Row(
                name: result.name, value: result.value, unit: result.unit, target: threshold?.target,
                floor: threshold?.floor, direction: threshold?.direction.rawValue, peer: result.peer, how: result.how)
        }
        try container.encode(rows, forKey: .results)
        try container.encode(outcome.skipped.map { Skip(name: $0.name, why: $0.why) }, forKey: .skipped)
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}
