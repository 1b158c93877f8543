import Counts
import Dispatch
import Foundation
import Synchronization

/// Finds the commit since which a policy is worse, by replaying traces under the policies of a git history.
///
/// Its answer is that of `git bisect run vpmu check ...`. It takes fewer replays: verdicts are remembered by content,
/// and several revisions can be probed at once.
public struct RevisionBisection: Sendable {
    public var repository: GitRepository
    public var source: PolicySource
    public var traces: [CheckedTrace]
    /// nil: what the (first) good revision counts is the baseline.
    public var baseline: (path: String, content: Baseline)?
    public var tolerances: Tolerances
    public var owners: [String]
    public var failOn: ExitStatus.FailOn
    /// Revisions probed at once.
    public var jobs: Int
    public var memory: VerdictMemory
    /// Tells replays of different builds of the tool apart in `memory`.
    public var tool: String
    public var replay: ReplayFunction
    /// Asked before each probe; what it throws ends the bisection, and everything it made in the repository goes away.
    public var mayGoOn: @Sendable () throws -> Void = {}

    public init(
        repository: GitRepository, source: PolicySource, traces: [CheckedTrace],
        baseline: (path: String, content: Baseline)? = nil, tolerances: Tolerances = Tolerances(),
        owners: [String] = [],
        failOn: ExitStatus.FailOn = .worse, jobs: Int = 1, memory: VerdictMemory = VerdictMemory(path: nil),
        tool: String = "", replay: @escaping ReplayFunction
    ) {
        self.repository = repository
        self.source = source
        self.traces = traces
        self.baseline = baseline
        self.tolerances = tolerances
        self.owners = owners
        self.failOn = failOn
        self.jobs = max(1, jobs)
        self.memory = memory
        self.tool = tool
        self.replay = replay
    }

    /// - Parameters:
    ///   - goods: revisions known to be good, at least one.
    ///   - bad: the revision known to be bad; it is probed, so that a mistake shows.
    ///   - progress: called after each probe.
    /// - Throws: `RevisionProblem` where good and bad cannot be what they are said to be, `CheckProblem`,
    ///   `GitRepository.Failure`, and what the replay throws about a trace.
    public func run(
        goods: [String], bad: String, progress: (RevisionFinding.Probe, _ candidatesLeft: Int) -> Void = { _, _ in }
    ) throws -> RevisionFinding {
        let goodCommits = try goods.map(repository.commit)
        let badCommit = try repository.commit(bad)
        let graph = try repository.graph(bad: badCommit, goods: goodCommits)
        guard graph.count > 0 else { throw RevisionProblem.badIsGood(bad) }
        let checkout = try PolicyCheckout(repository: repository, source: source)
        var prober = try Prober(self, checkout, good: goodCommits[0])
        try prober.confirm(bad: badCommit, called: bad)
        try prober.confirmMergeBases(goodCommits, bad: badCommit)
        var search = FirstBadSearch(graph: graph)
        while search.state == .searching {
            let round = search.nextProbes(jobs)
            let probes = try prober.probe(round.map { graph.ids[$0] })
            search.record(zip(round, probes).map { (commit: $0, answer: $1.answer) })
            for probe in probes { progress(probe, search.candidates.count) }
        }
        let outcome: RevisionFinding.Outcome =
            switch search.state {
            case .found(let commit): .firstBad(graph.ids[commit])
            case .anyOf(let commits): .anyOf(commits.map { graph.ids[$0] })
            case .searching: preconditionFailure("the search ended while searching")
            }
        return RevisionFinding(
            outcome: outcome, revisions: graph.count, probes: prober.probes, replays: prober.replays.count)
    }
}

/// Why a bisection cannot begin.
public enum RevisionProblem: Error, Equatable, CustomStringConvertible {
    case badIsGood(String)
    case badIsNotBad(String, Verdict)
    case mergeBaseIsBad(String)
    case goodUnusable(String, String)

    public var description: String {
        switch self {
        case .badIsGood(let bad): "\(bad) is reachable from a good revision: are --good and --bad swapped?"
        case .badIsNotBad(let bad, let verdict):
            "--bad \(bad) is not bad: its verdict is *\(verdict.name)*; give a baseline, a tolerance or an owner under which it is"
        case .mergeBaseIsBad(let base):
            "merge base \(base) is bad: the regression was mended between it and the good revision; give a good ancestor of --bad"
        case .goodUnusable(let good, let why):
            "the policy of --good \(good) cannot be replayed: \(why); give another one or a --baseline"
        }
    }
}

/// What a bisection over revisions found.
public struct RevisionFinding: Equatable, Sendable {
    public enum Outcome: Equatable, Sendable {
        case firstBad(String)
        /// Skipped revisions stand next to the culprit: it is one of these, oldest first.
        case anyOf([String])
    }

    public struct Probe: Equatable, Sendable {
        public var commit: String
        public var verdict: Verdict
        public var answer: FirstBadSearch.Answer
        /// The gravest findings in words.
        public var why: [String]
        /// Whether no trace had to be replayed for it.
        public var remembered: Bool
    }

    public var outcome: Outcome
    /// Revisions between good and bad, the bad one included.
    public var revisions: Int
    /// In the order in which they were answered.
    public var probes: [Probe]
    /// Replays in all, one per trace and policy.
    public var replays: Int

    public var firstBad: Probe? {
        guard case .firstBad(let commit) = outcome else { return nil }
        return probes.last { $0.commit == commit }
    }
}
