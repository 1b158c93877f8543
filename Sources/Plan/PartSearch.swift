import Policy
import Replay
import Timeline

/// The search for the smallest set in one part of a host.
struct PartSearch {
    let timeline: Timeline
    let rules: PolicyRules
    let choices: [HostDemand.Choice]
    let mostTries: Int
    private(set) var tries = 0

    struct Found {
        /// Indexes of `choices`, rising.
        var chosen: [Int]
        var before: UInt64
        var after: UInt64
        var proof: Plan.Proof
        var equals: Int?
    }

    init(timeline: Timeline, rules: PolicyRules, choices: [HostDemand.Choice], mostTries: Int) {
        self.timeline = timeline
        self.rules = rules
        self.choices = choices
        self.mostTries = mostTries
    }

    /// Nil if no guest is silent to begin with.
    mutating func run(progress: (Int) -> Void) -> Found? {
        let before = silence([])
        guard before > 0 else { return nil }
        // What remains when everything goes is nothing that giving up could end.
        let goal = silence(Array(choices.indices))
        let total = choices.reduce(0) { $0 + $1.counters }
        var size = goal < before ? 1 : 0
        while size <= total {
            var best: (chosen: [Int], silent: UInt64)?
            var equals = 0
            var isExhausted = false
            PartSearch.forEachSet(of: size, among: choices) { chosen in
                guard tries < mostTries else {
                    isExhausted = true
                    return false
                }
                let silent = silence(chosen)
                progress(tries)
                if silent <= goal {
                    equals += 1
                    if best == nil { best = (chosen, silent) }
                }
                return true
            }
            if let best {
                return Found(
                    chosen: best.chosen, before: before, after: best.silent, proof: .exhaustive,
                    equals: isExhausted ? nil : equals)
            }
            if isExhausted { return irreducible(before, goal, progress) }
            size += 1
        }
        // Cannot be reached: everything given up is one of the sets.
        return Found(chosen: [], before: before, after: before, proof: .exhaustive, equals: nil)
    }

    /// Everything, less what can be kept, tried from the last choice to the first.
    private mutating func irreducible(_ before: UInt64, _ goal: UInt64, _ progress: (Int) -> Void) -> Found {
        var chosen = Array(choices.indices)
        var after = goal
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for choice in chosen.reversed() {
                let fewer = chosen.filter { $0 != choice }
                let silent = silence(fewer)
                progress(tries)
                guard silent <= goal else { continue }
                (chosen, after, hasChanged) = (fewer, silent, true)
            }
        }
        return Found(chosen: chosen, before: before, after: after, proof: .irreducible, equals: nil)
    }

    private mutating func silence(_ chosen: [Int]) -> UInt64 {
        tries += 1
        let leaders = Set(chosen.flatMap { choices[$0].leaders })
        return Replayer.silence(leaders.isEmpty ? timeline : timeline.without(leaders), under: rules).reduce(0, +)
    }

    /// Every set of choices that gives up exactly `size` counters, in lexicographic order, until `body` says no.
    private static func forEachSet(of size: Int, among choices: [HostDemand.Choice], _ body: ([Int]) -> Bool) {
        var chosen: [Int] = []
        func descend(_ first: Int, _ left: Int) -> Bool {
            if left == 0 { return body(chosen) }
            for choice in first..<choices.count where choices[choice].counters <= left {
                chosen.append(choice)
                let goesOn = descend(choice + 1, left - choices[choice].counters)
                chosen.removeLast()
                if !goesOn { return false }
            }
            return true
        }
        _ = descend(0, size)
    }
}
