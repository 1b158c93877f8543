import Counts
import Dispatch
import Synchronization

/// Judges single revisions for a bisection, each content at most once.
struct Prober {
    private let bisection: RevisionBisection
    private let checkout: PolicyCheckout
    private let check: Check
    /// All that a verdict depends on beside the policy, by trace name.
    private let circumstances: [String: String]
    private(set) var probes: [RevisionFinding.Probe] = []
    let replays = Counter()

    /// Counts replays from several threads.
    final class Counter: Sendable {
        private let number = Mutex(0)
        var count: Int { number.withLock { $0 } }
        func add() { number.withLock { $0 += 1 } }
    }

    init(_ bisection: RevisionBisection, _ checkout: PolicyCheckout, good: String) throws {
        self.bisection = bisection
        self.checkout = checkout
        let replay = bisection.replay
        let counter = replays
        let counted: ReplayFunction = { trace, policy in
            counter.add()
            return try replay(trace, policy)
        }
        let baseline: Baseline
        let path: String
        if let given = bisection.baseline {
            (path, baseline) = given
        } else {
            do {
                let policy = try checkout.policy(of: good, slot: 0)
                baseline = Baseline(traces: try Check.entries(bisection.traces, policy: policy, replay: counted))
            } catch let unusable as PolicyUnusable {
                throw RevisionProblem.goodUnusable(good, unusable.description)
            }
            path = "revision \(good.prefix(12))"
        }
        check = Check(
            baseline: baseline, baselinePath: path, tolerances: bisection.tolerances, owners: bisection.owners,
            replay: counted)
        var circumstances: [String: String] = [:]
        let rules = (baseline.tolerances + bisection.tolerances.rules).map(\.text)
        for trace in bisection.traces {
            // The names of policy and baseline file do not matter; their content does.
            let reference = Baseline(traces: [try check.entry(for: trace)]).text
            circumstances[trace.name] = ContentHash.of(
                ([bisection.tool, reference] + rules + ["owners"] + bisection.owners).joined(separator: "\0").utf8)
        }
        self.circumstances = circumstances
    }

    mutating func confirm(bad: String, called name: String) throws {
        let probe = try probe([bad])[0]
        guard probe.answer == .bad else { throw RevisionProblem.badIsNotBad(name, probe.verdict) }
    }

    /// As in git: where a good revision is no ancestor of the bad one, what they have in common must be good.
    mutating func confirmMergeBases(_ goods: [String], bad: String) throws {
        for good in goods where try !bisection.repository.isAncestor(good, of: bad) {
            for base in try bisection.repository.mergeBases(good, bad) where !goods.contains(base) {
                if try probe([base])[0].answer == .bad { throw RevisionProblem.mergeBaseIsBad(base) }
            }
        }
    }

    /// Judges `commits` at once; answers in their order.
    mutating func probe(_ commits: [String]) throws -> [RevisionFinding.Probe] {
        let identities = try commits.map { try checkout.identity(of: $0) }
        // Equal contents in one round are judged once, by the first of them.
        let distinct = commits.indices.filter { i in !identities[..<i].contains(identities[i]) }
        let results = Mutex<[Int: Result<RevisionFinding.Probe, any Error>]>([:])
        let prober = self
        DispatchQueue.concurrentPerform(iterations: distinct.count) { slot in
            let index = distinct[slot]
            let result = Result { try prober.judge(commits[index], identity: identities[index], slot: slot) }
            results.withLock { $0[index] = result }
        }
        let judged = results.withLock { $0 }
        var answers: [RevisionFinding.Probe] = []
        for index in commits.indices {
            let first = identities.firstIndex(of: identities[index])!
            var probe = try judged[first]!.get()
            probe.commit = commits[index]
            if first != index { probe.remembered = true }
            answers.append(probe)
        }
        probes += answers
        return answers
    }

    private func judge(_ commit: String, identity: String?, slot: Int) throws -> RevisionFinding.Probe {
        try bisection.mayGoOn()
        let before = bisection.memory
        guard let identity else {
            return probe(
                commit, .cannotJudge, ["\(checkout.source.path): not in \(commit.prefix(12))"], remembered: true)
        }
        var worst: (verdict: Verdict, why: [String]) = (.same, [])
        var remembered = true
        var policy: Result<String, PolicyUnusable>?
        for trace in bisection.traces {
            let key = "\(identity) \(circumstances[trace.name]!)"
            if let known = before.recall(key) {
                worst = gravest(worst, known)
                if worst.verdict == .worse { break }
                continue
            }
            if policy == nil {
                do { policy = .success(try checkout.policy(of: commit, slot: slot)) } catch let unusable
                    as PolicyUnusable
                {
                    policy = .failure(unusable)
                }
            }
            try bisection.mayGoOn()
            let found: (verdict: Verdict, why: [String])
            switch policy! {
            case .failure(let unusable): found = (.cannotJudge, [unusable.description])
            case .success(let path):
                // Different trees may build the same policy.
                let content = "content \(try ContentHash.ofFile(path)) \(circumstances[trace.name]!)"
                if let known = before.recall(content) {
                    found = known
                } else {
                    remembered = false
                    let judgement = try check.judge(trace, policy: path)
                    found = (judgement.verdict, judgement.sentences.map { "\(trace.name): \($0.text)" })
                    before.remember(content, found.verdict, found.why)
                }
            }
            before.remember(key, found.verdict, found.why)
            worst = gravest(worst, found)
            if worst.verdict == .worse { break }
        }
        return probe(commit, worst.verdict, worst.why, remembered: remembered)
    }

    private func gravest(
        _ a: (verdict: Verdict, why: [String]), _ b: (verdict: Verdict, why: [String])
    ) -> (verdict: Verdict, why: [String]) { b.verdict > a.verdict ? b : a }

    private func probe(
        _ commit: String, _ verdict: Verdict, _ why: [String], remembered: Bool
    ) -> RevisionFinding.Probe {
        let answer: FirstBadSearch.Answer =
            switch ExitStatus(verdict, failOn: bisection.failOn) {
            case .good: .good
            case .no: .bad
            case .cannotJudge, .unreadable, .usage, .interrupted: .skip
            }
        return RevisionFinding.Probe(
            commit: commit, verdict: verdict, answer: answer, why: Array(why.prefix(5)), remembered: remembered)
    }
}
