import Counts

extension CheckReport {
    /// Markdown for a CI job's summary page: the verdict, a row per VM and host owner, then what was found, gravest
    /// first.
    public var markdown: String {
        var lines = ["## vpmu check: \(verdict.name)", "", Markup.markdown(summary), ""]
        lines += ["| trace | VM or host owner | verdict | worst finding |", "|---|---|---|---|"]
        for trace in traces {
            let sentences = trace.sentences
            if trace.groups.isEmpty {
                lines.append(row(trace.trace, "", trace.verdict, sentences.first?.text))
            }
            for group in trace.groups {
                let owners = Set(group.owners.map(\.owner))
                let first = sentences.first { $0.owner.map(owners.contains) ?? false }
                lines.append(row(trace.trace, group.name, group.verdict, first?.text))
            }
        }
        for trace in traces where trace.verdict != .same {
            lines += ["", "<details><summary>\(Markup.xml(trace.trace)): \(trace.verdict.name)</summary>", ""]
            lines += trace.sentences.prefix(Self.sentencesShown).map {
                "- **\($0.verdict.name)** \(Markup.markdown($0.text))"
            }
            let more = trace.sentences.count - Self.sentencesShown
            if more > 0 { lines.append("- and \(more) more") }
            lines += trace.taints.map { "- incomplete: \(Markup.markdown($0.words))" }
            lines += ["", "</details>"]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func row(_ trace: String, _ group: String, _ verdict: Verdict, _ text: String?) -> String {
        "| \(Markup.markdown(trace)) | \(Markup.markdown(group)) | \(verdict.name) | \(Markup.markdown(text ?? "")) |"
    }
}
