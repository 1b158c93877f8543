import Counts

extension Comparison {
    /// What was found, one sentence each: what the first policy does to the guests, what each other one changes for
    /// guests and host, what it costs in operations, and what limits the judgement.
    public var words: [String] {
        guard let first = tables.first else { return ["Nothing was replayed."] }
        var sentences = silence(first)
        sentences += contrasts()
        sentences += told()
        sentences += cost()
        sentences += limits()
        return sentences
    }

    /// The first policy's guests and host.
    private func silence(_ table: CountsTable) -> [String] {
        let sum = Summary(table)
        let guests = sum.exact + sum.bounded + sum.unknown
        guard guests > 0 else { return ["No guest programs a counter in this trace."] }
        if sum.enabledNs == 0 { return ["Under \(table.policy) no guest counter is ever enabled."] }
        var sentences: [String] = []
        if sum.silentNs == 0 {
            sentences.append(
                "Under \(table.policy) every guest counter counts whenever the guest believes that it does"
                    + " (\(count(guests, "counter")), \(Figures.duration(sum.enabledNs)) enabled in sum).")
        } else {
            sentences.append(
                "Under \(table.policy) guest counters are silent for \(Figures.duration(sum.silentNs))"
                    + " (\(Figures.share(sum.silentNs, of: sum.enabledNs)) of the time enabled).")
        }
        let mute = table.series.filter { $0.key.isGuest && $0.isWhollySilent }
        if let one = mute.first {
            let others = mute.count == 1 ? "" : ", and so do \(mute.count - 1) more"
            sentences.append(
                "\(one.key) counts nothing under \(table.policy), though the guest is told that it works\(others).")
        }
        return sentences
    }

    /// One sentence for all policies that change the same, in the order of the tables.
    private func contrasts() -> [String] {
        var groups: [(names: [String], changes: [String])] = []
        for (number, table) in tables.enumerated().dropFirst() {
            let changes = changes(number, table)
            if let same = groups.firstIndex(where: { $0.changes == changes }) {
                groups[same].names.append(table.policy)
            } else {
                groups.append(([table.policy], changes))
            }
        }
        let base = tables[0].policy
        return groups.map { names, changes in
            let who = names.joined(separator: ", ")
            if changes.isEmpty { return "\(who) change\(names.count == 1 ? "s" : "") nothing against \(base)." }
            return "\(who) against \(base): \(changes.joined(separator: "; "))."
        }
    }

    private func changes(_ number: Int, _ table: CountsTable) -> [String] {
        let (base, now) = (Summary(tables[0]), Summary(table))
        var changes: [String] = []
        let missing = guests.count { $0.series[0] != nil && $0.series[number] == nil }
        if missing > 0 { changes.append("\(count(missing, "guest counter")) taken away") }
        let unused = guests.count { ($0.series[0]?.enabledNs ?? 0) > 0 && $0.series[number]?.enabledNs == 0 }
        if unused > 0 { changes.append("\(count(unused, "guest counter")) unused and not claimed to work") }
        changes += change("silent", base.silentNs, now.silentNs, of: "guest counters are")
        changes += change("blind", base.blindNs, now.blindNs, of: "host events are")
        if now.displaced != base.displaced {
            changes.append("\(count(now.displaced, "host event")) displaced instead of \(base.displaced)")
        }
        let verdicts = TableDiff(tables[0], table).series.filter { $0.key.isGuest }.map(\.verdict)
        let (better, worse) = (verdicts.count { $0 == .better }, verdicts.count { $0 == .worse })
        let unclear = verdicts.count { $0 == .cannotJudge }
        if better + worse + unclear > 0 {
            let parts = [(better, "better"), (worse, "worse"), (unclear, "not to be judged")].filter { $0.0 > 0 }
            changes.append("guest counters in sum: " + parts.map { "\($0.0) \($0.1)" }.joined(separator: ", "))
        }
        return changes
    }

    private func change(_ word: String, _ base: UInt64, _ now: UInt64, of whom: String) -> [String] {
        if base == now { return [] }
        if now == 0 { return ["\(whom) no longer \(word) (\(Figures.duration(base)) before)"] }
        return ["\(whom) \(word) for \(Figures.duration(now)) instead of \(Figures.duration(base))"]
    }

    /// What guests were told of counters they cannot have, first of all by whom nobody was told anything.
    private func told() -> [String] {
        tables.compactMap { table in
            guard let first = table.notices.first else { return nil }
            let overlooked = table.notices.count { $0.wasOverlooked }
            let heard = overlooked == 0 ? "" : ", of which \(overlooked) overlooked"
            return "Under \(table.policy) guests are told \(count(table.notices.count, "time"))\(heard); "
                + "first \(first.owner) at \(first.time) ns: \(first.what)."
        }
    }

    private func cost() -> [String] {
        let sums = tables.map { ($0.policy, Summary($0)) }
        guard let least = sums.min(by: { $0.1.registerWrites < $1.1.registerWrites }),
            let most = sums.max(by: { $0.1.registerWrites < $1.1.registerWrites }),
            least.1.registerWrites < most.1.registerWrites
        else { return [] }
        return [
            "Register writes range from \(Figures.grouped(least.1.registerWrites)) (\(least.0))"
                + " to \(Figures.grouped(most.1.registerWrites)) (\(most.0))."
        ]
    }

    private func limits() -> [String] {
        var sentences: [String] = []
        let open = tables.filter { !$0.openLoop.isEmpty }
        if !open.isEmpty {
            let list = open.map { "\($0.policy) \($0.openLoop.count)" }.joined(separator: ", ")
            sentences.append(
                "Demand is held fixed; moments at which a policy would have changed what guest or host does next: \(list)."
            )
        }
        if let taint = tables.flatMap(\.taints).first {
            sentences.append("The trace is incomplete in places, first from \(taint.from) ns: \(taint.cause).")
        }
        return sentences
    }

    private func count(_ number: Int, _ noun: String) -> String { number == 1 ? "1 \(noun)" : "\(number) \(noun)s" }
}
