import Counts
import Foundation

extension CheckReport {
    /// SARIF 2.1.0 (OASIS): a result for each series that is worse, cannot be judged or is better.
    ///
    /// - Parameters:
    ///   - file: the file of the repository the results belong to, usually the policy's; relative paths stay relative.
    ///   - version: vpmu's.
    public func sarif(file: String, version: String) throws -> String {
        var log = SARIFLog(version: version)
        for trace in traces {
            for sentence in trace.sentences {
                log.runs[0].results.append(
                    SARIFLog.Result(
                        sentence, trace: trace.trace, file: file,
                        // What stays equal when the numbers change.
                        identity: sentence.text.components(separatedBy: ": ")[0]))
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(log), as: UTF8.self) + "\n"
    }
}

/// As much of SARIF's object model as a check needs; names are the standard's.
private struct SARIFLog: Encodable {
    var schema = "https://json.schemastore.org/sarif-2.1.0.json"
    var version = "2.1.0"
    var runs: [Run]

    enum CodingKeys: String, CodingKey {
        case schema = "$schema"
        case version, runs
    }

    struct Text: Encodable { var text: String }
    struct Rule: Encodable {
        var id: String
        var name: String
        var shortDescription: Text
        var defaultConfiguration: Configuration
    }
    struct Configuration: Encodable { var level: String }
    struct Driver: Encodable {
        var name = "vpmu"
        var version: String
        var rules: [Rule]
    }
    struct Tool: Encodable { var driver: Driver }
    struct Run: Encodable {
        var tool: Tool
        var columnKind = "utf16CodeUnits"
        var results: [Result] = []
    }
    struct Artifact: Encodable { var uri: String }
    struct Region: Encodable { var startLine = 1 }
    struct Physical: Encodable {
        var artifactLocation: Artifact
        var region = Region()
    }
    struct Logical: Encodable { var fullyQualifiedName: String }
    struct Location: Encodable {
        var physicalLocation: Physical
        var logicalLocations: [Logical]
    }
    struct Result: Encodable {
        var ruleId: String
        var ruleIndex: Int
        var level: String
        var message: Text
        var locations: [Location]
        var partialFingerprints: [String: String]
        var properties: [String: UInt64]?

        init(_ sentence: TraceJudgement.Sentence, trace: String, file: String, identity: String) {
            let rule = SARIFLog.rules.firstIndex { $0.verdict == sentence.verdict } ?? 0
            ruleId = SARIFLog.rules[rule].id
            ruleIndex = rule
            level = SARIFLog.rules[rule].level
            message = Text(text: "\(trace): \(sentence.text)")
            let allowed = CharacterSet.urlPathAllowed
            locations = [
                Location(
                    physicalLocation: Physical(
                        artifactLocation: Artifact(
                            uri: file.addingPercentEncoding(withAllowedCharacters: allowed) ?? file)),
                    logicalLocations: [Logical(fullyQualifiedName: "\(trace)/\(sentence.owner ?? "policy")")])
            ]
            partialFingerprints = ["series/v1": ContentHash.of("\(trace)\0\(identity)".utf8)]
            properties = sentence.since.map { ["sinceNs": $0] }
        }
    }

    static let rules: [(verdict: Verdict, id: String, level: String, name: String, about: String)] = [
        (.worse, "vpmu/worse", "error", "CountsLost", "A guest or monitor loses counts or time under the policy."),
        (.cannotJudge, "vpmu/cannot-judge", "warning", "CannotJudge", "Whether counts are lost cannot be told."),
        (.better, "vpmu/better", "note", "CountsGained", "A guest or monitor gains counts or time under the policy."),
    ]

    init(version: String) {
        let rules = Self.rules.map {
            Rule(
                id: $0.id, name: $0.name, shortDescription: Text(text: $0.about),
                defaultConfiguration: Configuration(level: $0.level))
        }
        runs = [Run(tool: Tool(driver: Driver(version: version, rules: rules)))]
    }
}
