import Counts

extension CorpusComparison {
    /// The tables of `vpmu compare FOLDER`: per policy in sum, who shares how evenly, and the worst off first.
    ///
    /// - Parameter worst: how many of the worst off to list.
    public func text(_ terminal: Terminal, worst: Int) -> String {
        let traces = entries.count == 1 ? "1 trace" : "\(entries.count) traces"
        let listed = PartyOutcome.worstFirst(outcomes).filter { $0.harmNs > 0 }
        var sections = [
            section("Policies, over \(traces)", policyTable.text(terminal), terminal),
            section(
                "Fairness: shares of the time enabled, and Jain's index", Self.fairness(totals).text(terminal), terminal
            ),
        ]
        let shown = Array(listed.prefix(worst))
        if !shown.isEmpty {
            let rest = listed.count - shown.count
            let more = rest > 0 ? Tone.faint.paint("and \(rest) more (--worst N shows N)", terminal) + "\n" : ""
            let base = totals.first?.policy ?? ""
            sections.append(
                section(
                    "Worst off, of VMs and host events (lost and gained against \(base))",
                    Self.partyTable(shown).text(terminal) + more, terminal))
        }
        return sections.joined(separator: "\n")
    }

    private func section(_ title: String, _ body: String, _ terminal: Terminal) -> String {
        Tone.heading.paint(title, terminal) + "\n" + body
    }

    private var policyTable: TextTable {
        var table = TextTable([
            .left("policy"), .right("traces silent"), .right("silent"), .right("traces with loss"),
            .right("host blind"), .right("displaced"), .right("told"), .right("accesses"), .right("registers"),
            .right("events made"),
        ])
        for one in totals {
            table.append([
                .init(one.policy), .init("\(one.tracesWithSilence)"),
                .init(Figures.duration(one.sum.silentNs), one.sum.silentNs > 0 ? .bad : .plain),
                .init("\(one.tracesWithLoss)"),
                .init(Figures.duration(one.sum.blindNs), one.sum.blindNs > 0 ? .bad : .plain),
                .init("\(one.sum.displaced)"), .init("\(one.told)"),
                .init(Figures.grouped(one.sum.interceptedAccesses)), .init(Figures.grouped(one.sum.registerWrites)),
                .init(Figures.grouped(one.sum.eventsCreated)),
            ])
        }
        return table
    }

    /// Least and greatest share and Jain's index of guests and of host events, and what guests were told.
    static func fairness(_ totals: [PolicyTotal]) -> TextTable {
        var table = TextTable([
            .left("policy"), .right("guests least"), .right("greatest"), .right("Jain"), .right("host least"),
            .right("greatest"), .right("Jain"), .right("told"), .right("overlooked"), .right("on another counter"),
        ])
        for one in totals {
            table.append(
                [.init(one.policy)] + cells(one.guestFairness) + cells(one.hostFairness)
                    + [
                        .init("\(one.told)"), .init("\(one.overlooked)"),
                        .init(Figures.share(one.crossMappedNs, of: one.sum.runningNs)),
                    ])
        }
        return table
    }

    private static func cells(_ fairness: Fairness?) -> [TextTable.Cell] {
        guard let fairness else { return ["-", "-", "-"] }
        return [
            .init(percent(fairness.least)), .init(percent(fairness.greatest)), .init(Figures.index(fairness.jain)),
        ]
    }

    private static func percent(_ share: Double) -> String {
        Figures.share(UInt64((min(max(share, 0), 1) * 1_000_000).rounded()), of: 1_000_000)
    }

    static func partyTable(_ outcomes: [PartyOutcome]) -> TextTable {
        let hasTraces = outcomes.contains { $0.trace != nil }
        var columns: [TextTable.Column] = hasTraces ? [.left("trace")] : []
        columns += [
            .left("VM or host event"), .left("policy"), .right("lost"), .right("gained"), .right("silent"),
            .right("blind"), .right("told"), .right("least share"), .right("Jain"), .right("registers"),
        ]
        var table = TextTable(columns)
        for one in outcomes {
            var row: [TextTable.Cell] = hasTraces ? [.init(one.trace ?? "")] : []
            row += [
                .init(one.party), .init(one.policy),
                .init(Figures.duration(one.lostNs), one.lostNs > 0 ? .bad : .plain),
                .init(Figures.duration(one.gainedNs)),
                .init(Figures.duration(one.silentNs), one.silentNs > 0 ? .bad : .plain),
                .init(Figures.duration(one.blindNs), one.blindNs > 0 ? .bad : .plain), .init("\(one.told)"),
                .init(one.fairness.map { percent($0.least) } ?? "-"),
                .init(one.fairness.map { Figures.index($0.jain) } ?? "-"),
                .init(one.isGuest ? Figures.grouped(one.registerWrites) : "-"),
            ]
            table.append(row)
        }
        return table
    }
}
