import Foundation

extension ImportSummary {
    /// For people: what was taken and what was not, one thing a line.
    public func text(input: String, output: String) -> String {
        var lines = ["imported \(takenTotal) records of \(input), \(form), into \(output)"]
        let width = taken.map(\.name.count).max() ?? 0
        for count in taken {
            lines.append("  \(count.name.padding(toLength: width, withPad: " ", startingAt: 0))  \(count.records)")
        }
        if taken.isEmpty {
            lines.append(
                "  no record of kvm_msr, kvm_entry, kvm_exit, write_msr, read_msr, rdpmc, sched_switch is in it")
        }
        if filtered > 0 { lines.append("left out, no PMU register: \(filtered)") }
        if !others.isEmpty { lines.append("other events: " + Self.list(others)) }
        if !notUnderstood.isEmpty { lines.append("not understood: " + Self.list(notUnderstood)) }
        if lost > 0 || lostUncounted > 0 {
            let more = lostUncounted > 0 ? ", and an unknown number at \(lostUncounted) places" : ""
            lines.append("lost by the recorder: \(lost)\(more)")
        }
        for note in notes { lines.append("note: \(note)") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func list(_ counts: [Count]) -> String {
        counts.map { "\($0.name) \($0.records)" }.joined(separator: ", ")
    }

    /// Raised only when a field changes its meaning or goes away; fields may be added under the same number.
    public static let schemaVersion = 1

    /// For programs, as `import.schema.json` describes it.
    public func json(input: String, output: String) throws -> String {
        struct Report: Encodable {
            var schemaVersion = ImportSummary.schemaVersion
            var input: String
            var output: String
            var records: UInt64
            var summary: ImportSummary
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let report = Report(input: input, output: output, records: takenTotal, summary: self)
        return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    }
}
