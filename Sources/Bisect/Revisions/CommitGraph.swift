/// The commits among which the first bad one is sought, with their parents.
///
/// Commits are numbered so that parents come before children; parents outside the set are left out.
public struct CommitGraph: Sendable, Equatable {
    /// Object names, parents before children.
    public let ids: [String]
    /// Indexes of the parents that are in the set.
    public let parents: [[Int]]

    /// - Parameters:
    ///   - ids: parents before children.
    ///   - parents: for each commit, indexes smaller than its own.
    public init(ids: [String], parents: [[Int]]) {
        precondition(ids.count == parents.count, "\(ids.count) commits but \(parents.count) lists of parents")
        for (commit, list) in parents.enumerated() {
            precondition(list.allSatisfy { $0 < commit }, "commit \(commit) comes before one of its parents")
        }
        self.ids = ids
        self.parents = parents
    }

    /// Reads the lines of `git rev-list --topo-order --parents`: `COMMIT PARENT...`, children before parents.
    public init(revList lines: String) {
        let rows = lines.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }.filter { !$0.isEmpty }
        let ids = Array(rows.reversed().map { $0[0] })
        var index: [String: Int] = [:]
        for (number, id) in ids.enumerated() { index[id] = number }
        self.init(ids: ids, parents: rows.reversed().map { row in row.dropFirst().compactMap { index[$0] } })
    }

    public var count: Int { ids.count }

    /// Marks `commit` and everything reachable from it.
    func ancestors(of commit: Int) -> [Bool] {
        var reached = [Bool](repeating: false, count: count)
        var stack = [commit]
        reached[commit] = true
        while let next = stack.popLast() {
            for parent in parents[next] where !reached[parent] {
                reached[parent] = true
                stack.append(parent)
            }
        }
        return reached
    }

    /// For each commit in `members`, how many of the commits that `counted` marks are reachable from it, itself
    /// included; 0 for commits outside `members`. Commits outside are not walked through.
    ///
    /// A commit with one parent has its parent's number and perhaps one more; only merges are walked.
    func weights(members: [Bool], counted: [Bool]) -> [Int] {
        var weights = [Int](repeating: 0, count: count)
        for commit in 0..<count where members[commit] {
            let inside = parents[commit].filter { members[$0] }
            let own = counted[commit] ? 1 : 0
            switch inside.count {
            case 0: weights[commit] = own
            case 1: weights[commit] = weights[inside[0]] + own
            default: weights[commit] = reachable(from: commit, members: members, counted: counted)
            }
        }
        return weights
    }

    private func reachable(from commit: Int, members: [Bool], counted: [Bool]) -> Int {
        var seen: Set<Int> = [commit]
        var stack = [commit]
        var number = 0
        while let next = stack.popLast() {
            if counted[next] { number += 1 }
            for parent in parents[next] where members[parent] && seen.insert(parent).inserted { stack.append(parent) }
        }
        return number
    }
}
