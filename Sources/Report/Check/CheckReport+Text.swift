import Counts

extension CheckReport {
    /// What a terminal shows: one row per VM and host owner, then what was found, then the verdict in words.
    public func text(_ terminal: Terminal) -> String {
        var table = TextTable([.left("trace"), .left("VM or host owner"), .left("verdict"), .left("owners")])
        for trace in traces {
            let groups = trace.groups
            if groups.isEmpty {
                table.append([
                    .init(trace.trace), .init("-"), .init(trace.verdict.name, trace.verdict.tone), .init("-"),
                ])
            }
            for (index, group) in groups.enumerated() {
                let same = group.owners.count { $0.verdict == .same }
                table.append([
                    .init(index == 0 ? trace.trace : ""), .init(group.name),
                    .init(group.verdict.name, group.verdict.tone),
                    .init(
                        same == group.owners.count
                            ? "\(same) same" : "\(group.owners.count - same) of \(group.owners.count) not the same"),
                ])
            }
        }
        var text = table.text(terminal)
        for trace in traces where trace.verdict != .same {
            text += "\n" + Tone.heading.paint(TextTable.printable(trace.trace), terminal) + "\n"
            for sentence in trace.sentences.prefix(Self.sentencesShown) {
                text +=
                    "  \(sentence.verdict.tone.paint(sentence.verdict.name, terminal)): \(TextTable.printable(sentence.text))\n"
            }
            let more = trace.sentences.count - Self.sentencesShown
            if more > 0 { text += "  and \(more) more; see --json\n" }
            if trace.verdict == .cannotJudge {
                for taint in trace.taints { text += "  incomplete: \(TextTable.printable(taint.words))\n" }
            }
        }
        return text + "\n" + verdict.tone.paint(summary, terminal) + "\n"
    }

    static let sentencesShown = 20

    /// The verdict on one line.
    public var summary: String {
        let counts = [Verdict.worse, .cannotJudge, .better, .same].compactMap { verdict in
            let number = traces.count { $0.verdict == verdict }
            return number == 0 ? nil : "\(number) \(verdict.name)"
        }
        let noun = traces.count == 1 ? "1 trace" : "\(traces.count) traces"
        let rest = unchecked.isEmpty ? "" : "; \(unchecked.count) of the baseline's traces not checked"
        return "\(verdict.title): \(policy) on \(noun), \(counts.joined(separator: ", "))\(rest)."
    }
}

extension Verdict {
    /// `Same`, `Better`, `Cannot judge`, `Worse`.
    public var title: String { name.prefix(1).uppercased() + name.dropFirst() }
}

extension Taint {
    /// `guest:vm0/0 gp0, cpu 3, from 12.00 ms to 14.00 ms: 7 records lost`.
    public var words: String {
        var what = [owner, counter].compactMap { $0 }.joined(separator: " ")
        if let pcpu { what += (what.isEmpty ? "" : ", ") + "cpu \(pcpu)" }
        return "\(what.isEmpty ? "all" : what), from \(from) to \(to) ns: \(cause)"
    }
}
