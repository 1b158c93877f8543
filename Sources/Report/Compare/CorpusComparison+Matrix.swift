import Counts

extension CorpusComparison {
    /// Policies down, traces across: what each does to the guests and to the host of each trace, in a word.
    public func matrix(_ terminal: Terminal) -> String {
        var table = TextTable(
            [.left("policy")]
                + entries.map { entry in
                    .right(entry.trace.hasSuffix(".vpt") ? String(entry.trace.dropLast(4)) : entry.trace)
                })
        let policies = entries.first?.comparison.tables.map(\.policy) ?? []
        for (number, policy) in policies.enumerated() {
            table.append([.init(policy)] + entries.map { CorpusComparison.cell($0.comparison, number) })
        }
        return table.text(terminal)
            + Tone.faint.paint(
                "Guests silent / host events lost or blind, of the time they wanted under \(policies.first ?? "");"
                    + " `none`: the guest has no PMU; *: it was told of counters it cannot have.", terminal) + "\n"
    }

    private static func cell(_ comparison: Comparison, _ number: Int) -> TextTable.Cell {
        let (base, table) = (comparison.tables[0], comparison.tables[number])
        let sum = Summary(table)
        let lost = table.displaced.reduce(UInt64(0)) { $0 &+ $1.lostNs }
        let hasGuests = table.series.contains { $0.key.isGuest && $0.enabledNs > 0 }
        let guests = hasGuests ? Figures.share(sum.silentNs, of: sum.enabledNs) : "none"
        let wanted = Summary(base).hostEnabledNs
        let host = wanted == 0 ? "-" : Figures.share(min(lost, wanted), of: wanted)
        let told = table.notices.isEmpty ? "" : "*"
        return TextTable.Cell("\(guests)\(told) / \(host)", sum.silentNs > 0 || lost > 0 ? .bad : .plain)
    }
}
