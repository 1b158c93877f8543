import Counts

extension Verdict {
    public var tone: Tone {
        switch self {
        case .same: .plain
        case .better: .good
        case .cannotJudge: .doubtful
        case .worse: .bad
        }
    }
}

extension TableDiff {
    /// Owners with their verdicts, then each series that is not the same and why, then the answer in words.
    public func text(_ terminal: Terminal) -> String {
        var owners = TextTable([
            .left("owner"), .left("verdict"), .right("same"), .right("better"), .right("cannot judge"), .right("worse"),
        ])
        for owner in self.owners {
            owners.append(
                [.init(owner.owner), .init(owner.verdict.name, owner.verdict.tone)]
                    + [owner.same, owner.better, owner.cannotJudge, owner.worse].map { .init("\($0)") })
        }
        var details = TextTable([.left("series"), .left("verdict"), .left("since"), .left("why")])
        for one in series {
            for (index, aspect) in one.aspects.enumerated() {
                details.append([
                    .init(index == 0 ? one.key.description : ""), .init(aspect.verdict.name, aspect.verdict.tone),
                    .init(index == 0 ? one.since.map(Figures.duration) ?? "" : ""), .init(aspect.why),
                ])
            }
        }
        var text = Tone.heading.paint("A: \(policies.a)   B: \(policies.b)", terminal) + "\n\n"
        text += owners.text(terminal)
        if !details.rows.isEmpty { text += "\n" + details.text(terminal) }
        return text + "\n" + sentence(terminal) + "\n"
    }

    private func sentence(_ terminal: Terminal) -> String {
        let counted = series.count == 1 ? "1 series" : "\(series.count) series"
        switch answer {
        case .same: return "Same: \(counted) compared, tolerance \(options.tolerance)."
        case .cannotJudge:
            return Tone.doubtful.paint("Cannot judge", terminal)
                + ": \(series.count { $0.verdict == .cannotJudge }) of \(counted) may or may not differ, no other does."
        case .different:
            let worse = series.count { $0.verdict == .worse }
            let better = series.count { $0.verdict == .better }
            let unclear = series.count { $0.verdict == .cannotJudge }
            return Tone.bad.paint("Different", terminal)
                + ": of \(counted) \(worse) worse, \(better) better, \(unclear) cannot be judged."
        }
    }
}

extension ColumnsDiff {
    /// One line per column, then the answer.
    public func text(_ terminal: Terminal) -> String {
        var table = TextTable([
            .left("column"), .right("elements"), .right("differing"), .right("greatest distance"),
            .right("sum of distances"), .right("first"),
        ])
        for column in columns {
            let tone: Tone = column.isSame ? .plain : .bad
            let lengths = [column.lengthA, column.lengthB].map { $0.map { Figures.grouped(UInt64($0)) } ?? "none" }
            table.append([
                .init(column.name, tone),
                .init(lengths[0] == lengths[1] ? lengths[0] : lengths.joined(separator: " / "), tone),
                .init(column.found.map { Figures.grouped($0.differing) } ?? "-", tone),
                .init(column.found.map { Figures.grouped($0.maximum) } ?? "-"),
                .init(column.found.map { "\($0.sum)" } ?? "-"),
                .init(column.found?.first.map { Figures.grouped(UInt64($0)) } ?? "-"),
            ])
        }
        return table.text(terminal) + "\n"
            + (answer == .same ? "Same, tolerance \(tolerance).\n" : Tone.bad.paint("Different.", terminal) + "\n")
    }
}
