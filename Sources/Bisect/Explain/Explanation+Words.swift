extension Explanation {
    /// The whole explanation as lines of plain text.
    public var lines: [String] {
        let without = subject.goesWithout == .a ? policyA : policyB
        let who = subject.owner + (subject.counter.map { " \($0)" } ?? "")
        var lines = [
            "First difference at \(difference.time) ns"
                + (difference.event.map { ", trace event \($0)" } ?? "")
                + ", cpu \(difference.pcpu), \(difference.counter):",
            "  under \(policyA): \(holderA ?? "free")", "  under \(policyB): \(holderB ?? "free")",
            "Set off by: \(trigger).", "Under \(without) \(account)",
        ]
        let decided = deciding.map { "\($0.rule) (\($0.a) under \(policyA), \($0.b) under \(policyB))" }
        lines.append(
            "Cause: \(cause.rawValue)" + (decided.isEmpty ? "." : "; decided by \(decided.joined(separator: ", "))."))
        if !candidates.isEmpty {
            lines.append("Counters it may use, and who had them just before:")
            lines += candidates.map {
                "  \($0.counter): \($0.holderA ?? "free") under \(policyA), \($0.holderB ?? "free") under \(policyB)"
            }
        }
        if let cost {
            lines.append(
                "From there on \(who) under \(without): \(cost.lostNs) ns of running time lost, \(cost.silentNs) ns silent of "
                    + "\(cost.enabledNs) ns enabled; verdict for \(cost.owner): \(cost.verdict).")
        }
        if !accesses.isEmpty {
            lines.append("Recorded around it on cpu \(difference.pcpu):")
            var marked = false
            for access in accesses {
                if !marked, access.time >= difference.time {
                    lines.append("  ----- the decision -----")
                    marked = true
                }
                lines.append("  \(access.time)  \(access.text)")
            }
        }
        lines += doubts.map { "Doubt: \($0)." }
        return lines
    }

    public var text: String { lines.joined(separator: "\n") + "\n" }
}
