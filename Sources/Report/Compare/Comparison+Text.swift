import Counts

extension Comparison {
    /// How many series a section lists before it sums the rest up.
    public enum Length: Sendable {
        case all
        case atMost(Int)
    }

    /// The tables of `vpmu compare`: per policy in sum, per guest counter its count and silent time, per host event
    /// what it lost, and in words what was found.
    public func text(_ terminal: Terminal, length: Length = .atMost(40)) -> String {
        var sections = [section("Policies", summaryTable.text(terminal), terminal)]
        let counts = panels(guests, terminal, length) { series in
            TextTable.Cell(Figures.reading(series.reading), series.reading.mark == .exact ? .plain : .doubtful)
        }
        if !guests.isEmpty { sections.append(section("Guest counts", counts, terminal)) }
        let silent = guests.filter { $0.series.contains { ($0?.silentNs ?? 0) > 0 } }
        if !silent.isEmpty {
            let table = panels(silent, terminal, length) { series in
                TextTable.Cell(
                    Figures.share(series.silentNs, of: series.enabledNs), series.silentNs > 0 ? .bad : .plain)
            }
            sections.append(section("Silent time of guest counters, of the time enabled", table, terminal))
        }
        let lost = hosts.filter {
            $0.series.contains { $0.map { $0.blindNs > 0 || $0.runningNs < $0.enabledNs } ?? true }
        }
        if !lost.isEmpty {
            let table = panels(lost, terminal, length) { series in
                let without = series.enabledNs - min(series.enabledNs, series.runningNs)
                let text = "\(Figures.duration(max(without, series.blindNs)))"
                return TextTable.Cell(text, without > 0 || series.blindNs > 0 ? .bad : .plain)
            }
            sections.append(section("Time that host events lost, blind or without a counter", table, terminal))
        }
        let elsewhere = guests.filter { $0.series.contains { ($0?.crossMappedNs ?? 0) > 0 } }
        if !elsewhere.isEmpty {
            let table = panels(elsewhere, terminal, length) { series in
                TextTable.Cell(
                    Figures.share(series.crossMappedNs, of: series.runningNs),
                    series.crossMappedNs > 0 ? .doubtful : .plain)
            }
            sections.append(
                section("Time that guest counters ran on a physical counter of another number", table, terminal))
        }
        let uncore = rows.filter { $0.key.owner == "host:uncore" }
        if !uncore.isEmpty {
            let table = panels(uncore, terminal, length) { TextTable.Cell(Figures.reading($0.reading)) }
            sections.append(section("Uncore counters", table, terminal))
        }
        if let costs = costTable {
            sections.append(
                section("Overhead in time, by the costs of \(costs.source)", costs.table.text(terminal), terminal))
        }
        let totals = tables.map { CorpusComparison.total([$0]) }
        sections.append(
            section(
                "Fairness: shares of the time enabled, and Jain's index",
                CorpusComparison.fairness(totals).text(terminal), terminal))
        sections.append(section("What was found", words.map { "- \($0)\n" }.joined(), terminal))
        sections.append(
            Tone.faint.paint(
                "Counts: a plain number is exact, >= <= and ... are bounds, ? is not known, - is not there.", terminal)
                + "\n")
        return sections.joined(separator: "\n")
    }

    private func section(_ title: String, _ body: String, _ terminal: Terminal) -> String {
        Tone.heading.paint(title, terminal) + "\n" + body
    }

    /// Time per vCPU and for the host, policies across; nil where nobody stated costs.
    private var costTable: (source: String, table: TextTable)? {
        guard let source = tables.lazy.flatMap({ $0.operations }).compactMap({ $0.cost?.source }).first else {
            return nil
        }
        var table = TextTable([.left("owner")] + tables.map { .right($0.policy) })
        var owners: [String] = []
        for one in tables {
            for item in one.operations where !owners.contains(item.owner) { owners.append(item.owner) }
        }
        for owner in owners {
            table.append(
                [.init(owner)]
                    + tables.map { one in
                        let cost = one.operations.first { $0.owner == owner }?.cost
                        return .init(cost.map { Figures.duration($0.ns) } ?? "-")
                    })
        }
        return (source, table)
    }

    var summaryTable: TextTable {
        var table = TextTable([
            .left("policy"), .right("exact"), .right("bounded"), .right("unknown"), .right("silent"),
            .right("host blind"), .right("displaced"), .right("accesses"), .right("registers"), .right("events made"),
        ])
        for one in tables {
            let sum = Summary(one)
            table.append([
                .init(one.policy), .init("\(sum.exact)"), .init("\(sum.bounded)"), .init("\(sum.unknown)"),
                .init(Figures.duration(sum.silentNs), sum.silentNs > 0 ? .bad : .plain),
                .init(Figures.duration(sum.blindNs), sum.blindNs > 0 ? .bad : .plain),
                .init("\(sum.displaced)", sum.displaced > 0 ? .bad : .plain),
                .init(Figures.grouped(sum.interceptedAccesses)), .init(Figures.grouped(sum.registerWrites)),
                .init(Figures.grouped(sum.eventsCreated)),
            ])
        }
        return table
    }

    /// Series down, policies across, as many policies beside each other as fit.
    private func panels(
        _ rows: [Row], _ terminal: Terminal, _ length: Length, cell: (Series) -> TextTable.Cell
    ) -> String {
        var shown = rows
        var rest = 0
        if case .atMost(let limit) = length, rows.count > limit {
            // What tells the policies apart comes first.
            let apart = rows.filter { row in row.series.contains { $0.map(Shown.init) != row.series[0].map(Shown.init) }
            }
            shown = Array(apart.prefix(limit))
            if shown.isEmpty { shown = Array(rows.prefix(limit)) }
            rest = rows.count - shown.count
        }
        let cells = tables.indices.map { policy in shown.map { $0.series[policy].map(cell) ?? "-" } }
        let widths = tables.indices.map { policy in
            cells[policy].reduce(tables[policy].policy.count) { max($0, $1.text.count) }
        }
        let nameWidth = shown.reduce(6) { max($0, $1.key.description.count) }
        var panels: [String] = []
        var next = 0
        while next < tables.count {
            var end = next + 1
            var used = nameWidth + 2 + widths[next]
            while end < tables.count, used + 2 + widths[end] <= terminal.width ?? .max {
                used += 2 + widths[end]
                end += 1
            }
            var table = TextTable([.left("series")] + tables[next..<end].map { .right($0.policy) })
            for (index, row) in shown.enumerated() {
                table.append([.init(row.key.description)] + (next..<end).map { cells[$0][index] })
            }
            panels.append(table.text(terminal))
            next = end
        }
        let more = rest == 0 ? "" : Tone.faint.paint("and \(rest) more series (--all shows them)", terminal) + "\n"
        return panels.joined(separator: "\n") + more
    }

    /// What a reader sees of a series, without the reason.
    private struct Shown: Equatable {
        var reading: Reading
        var silentNs: UInt64
        var blindNs: UInt64
        var runningNs: UInt64

        init(_ series: Series) {
            reading = series.reading
            silentNs = series.silentNs
            blindNs = series.blindNs
            runningNs = series.runningNs
        }
    }
}
