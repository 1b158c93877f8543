import PMU
import Policy

/// A policy as a replay plays it: rules, and who schedules by them.
public struct PlayedPolicy: Sendable {
    public var rules: PolicyRules
    /// Starts a scheduler that is not ours for a host; nil where the rules themselves decide.
    public var external: Maker?

    /// - Throws: `PolicyFailure` if the policy cannot be loaded or cannot work on such a host.
    public typealias Maker =
        @Sendable (_ model: ProcessorModel, _ pcpus: Int) throws(PolicyFailure) ->
        any ExternalPolicy

    public init(_ rules: PolicyRules, external: Maker? = nil) {
        self.rules = rules
        self.external = external
    }
}

/// Whether the conformance laws are watched while a policy plays. They cost a second replay: the same operations must
/// give the same answers.
public enum LawWatch: Sendable { case off, on }

/// Why a replay has no result: its policy failed, or broke the laws.
public enum ReplayFailure: Error, Equatable, CustomStringConvertible {
    case policy(PolicyFailure)
    /// The first violations, and how many there were.
    case lawsBroken(policy: String, trace: String?, [LawViolation], count: Int)

    public var description: String {
        switch self {
        case .policy(let failure): return failure.description
        case .lawsBroken(let policy, let trace, let violations, let count):
            let first = violations.first.map(\.description) ?? "a law was broken"
            let more = count > 1 ? ", and \(count - 1) more" : ""
            return "policy \(policy)\(trace.map { " on \($0)" } ?? ""): \(first)\(more)"
        }
    }
}
