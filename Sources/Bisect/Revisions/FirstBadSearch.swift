/// The search for the first bad commit, without git and without probes: it says what to probe next and takes the
/// answers.
///
///     candidates        probe           answer      what is left
///     a─b─c─d─e─f─BAD   d               good        e─f─BAD
///                                       bad         a─b─c─d
///                                       skip        all, d not to be probed again
///
/// As in `git bisect`, the candidates are the commits reachable from the bad one and from no good one, a probe is
/// best when it splits them evenly, and the search ends when nothing but skipped commits stands beside the bad one.
/// Skipped commits have no weight: a run of them in the middle does not make the halves uneven, so a straight history
/// of n commits takes at most ceil(log2 n) probes beside the skipped ones.
public struct FirstBadSearch: Sendable {
    public enum Answer: Sendable, Equatable { case good, bad, skip }

    public enum State: Sendable, Equatable {
        case searching
        /// The first bad commit.
        case found(Int)
        /// Only skipped commits are left beside the bad one: the first bad commit is any of these.
        case anyOf([Int])
    }

    public let graph: CommitGraph
    /// The commit known to be bad from which all candidates are reachable.
    public private(set) var bad: Int
    private var candidate: [Bool]
    private var skipped: [Bool]

    /// - Parameter graph: the commits reachable from its last one, which is known to be bad, and from no good one.
    public init(graph: CommitGraph) {
        precondition(graph.count > 0, "no commit between good and bad")
        self.graph = graph
        bad = graph.count - 1
        candidate = graph.ancestors(of: bad)
        skipped = [Bool](repeating: false, count: graph.count)
    }

    /// What may still be the first bad commit, parents before children.
    public var candidates: [Int] { candidate.indices.filter { candidate[$0] } }

    public var state: State {
        let left = candidates
        if left == [bad] { return .found(bad) }
        return left.allSatisfy { $0 == bad || skipped[$0] } ? .anyOf(left) : .searching
    }

    /// The commits to probe next, at most `limit`, which together split the candidates most evenly; empty at the end.
    public func nextProbes(_ limit: Int) -> [Int] {
        let counted = candidate.indices.map { candidate[$0] && !skipped[$0] || $0 == bad }
        let weights = graph.weights(members: candidate, counted: counted)
        let total = weights[bad]
        var open = candidate.indices.filter { candidate[$0] && !skipped[$0] && $0 != bad }
        var chosen: [Int] = []
        let number = min(limit, open.count)
        for part in 0..<number {
            // The commit whose weight is nearest to its share; of equals the older one, so that the answer is fixed.
            let target = (part + 1) * total
            let best = open.indices.min { a, b in
                let (x, y) = (
                    abs(weights[open[a]] * (number + 1) - target), abs(weights[open[b]] * (number + 1) - target)
                )
                return x == y ? open[a] < open[b] : x < y
            }!
            chosen.append(open.remove(at: best))
        }
        return chosen.sorted()
    }

    /// Takes the answers of one round of probes. Goods count first, then bads from the oldest on, so that the order in
    /// which probes ended makes no difference.
    public mutating func record(_ answers: [(commit: Int, answer: Answer)]) {
        for (commit, answer) in answers where answer == .good {
            let reached = graph.ancestors(of: commit)
            for index in reached.indices where reached[index] && index != bad { candidate[index] = false }
        }
        for (commit, answer) in answers.sorted(by: { $0.commit < $1.commit }) where answer == .bad {
            guard candidate[commit] else { continue }
            bad = commit
            let reached = graph.ancestors(of: commit)
            for index in reached.indices where !reached[index] { candidate[index] = false }
        }
        for (commit, answer) in answers where answer == .skip { skipped[commit] = true }
    }
}
