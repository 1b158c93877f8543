import Foundation

/// A finding with what git says of the commits in it.
public struct RevisionReport: Encodable, Sendable {
    public static let schemaVersion = 1
    public let finding: RevisionFinding
    private let summaries: [String: String]

    public init(_ finding: RevisionFinding, in repository: GitRepository) throws {
        self.finding = finding
        var summaries: [String: String] = [:]
        for commit in finding.candidates { summaries[commit] = try repository.summary(commit) }
        self.summaries = summaries
    }

    /// What a terminal shows.
    public var text: String {
        var lines: [String] = []
        switch finding.outcome {
        case .firstBad(let commit):
            lines.append("\(commit) is the first bad commit")
            lines.append("  \(summaries[commit] ?? "")")
            lines += (finding.firstBad?.why ?? []).map { "  \($0)" }
        case .anyOf(let commits):
            lines.append("Only skipped revisions are left; the first bad commit could be any of:")
            lines += commits.map { "  \($0)  \(summaries[$0] ?? "")" }
        }
        let skipped = finding.probes.count { $0.answer == .skip }
        lines.append(
            "\(finding.revisions) revisions, \(finding.probes.count) probed, \(skipped) skipped, \(finding.replays) replays"
        )
        return lines.joined(separator: "\n") + "\n"
    }

    enum CodingKeys: String, CodingKey { case schemaVersion, firstBad, candidates, revisions, replays, probes }
    enum ProbeKeys: String, CodingKey { case commit, verdict, answer, why, remembered }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.schemaVersion, forKey: .schemaVersion)
        var first: String?
        if case .firstBad(let commit) = finding.outcome { first = commit }
        try container.encode(first, forKey: .firstBad)
        try container.encode(finding.candidates, forKey: .candidates)
        try container.encode(finding.revisions, forKey: .revisions)
        try container.encode(finding.replays, forKey: .replays)
        var probes = container.nestedUnkeyedContainer(forKey: .probes)
        for probe in finding.probes {
            var one = probes.nestedContainer(keyedBy: ProbeKeys.self)
            try one.encode(probe.commit, forKey: .commit)
            try one.encode(probe.verdict.name, forKey: .verdict)
            try one.encode("\(probe.answer)", forKey: .answer)
            try one.encode(probe.why, forKey: .why)
            try one.encode(probe.remembered, forKey: .remembered)
        }
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension RevisionFinding {
    /// The first bad commit, or all that it could be.
    public var candidates: [String] {
        switch outcome {
        case .firstBad(let commit): [commit]
        case .anyOf(let commits): commits
        }
    }
}
