import Counts

extension Baseline {
    /// Checkpoints kept per series: enough to say in which eighth of the trace a difference began, few enough to
    /// review.
    static let checkpointsKept = 8

    /// The file's text.
    public var text: String {
        var lines = ["vpmu baseline \(Baseline.version)"]
        lines += tolerances.map { "tolerance \($0.text)" }
        for entry in traces {
            let table = entry.table
            lines += ["", "trace \(Self.quoted(entry.name))"]
            lines.append(
                "  from \(entry.content) policy \(Self.quoted(table.policy)) span \(table.start)..\(table.end)")
            for row in table.series.indices { lines += Self.lines(table, row) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ table: CountsTable, _ row: Int) -> [String] {
        let series = table.series[row]
        var name = [quoted(series.key.owner)]
        if let pcpu = series.key.pcpu { name.append("cpu \(pcpu)") }
        if let counter = series.key.counter { name.append("on " + quoted(counter)) }
        name.append(quoted(series.key.event))
        let times = [
            ("enabled", series.enabledNs), ("running", series.runningNs), ("silent", series.silentNs),
            ("blind", series.blindNs),
        ].filter { $0.1 != 0 }.map { ", \($0.0) \($0.1)" }.joined()
        let schedule = series.schedule.map { ", schedule \(String($0, radix: 16))" } ?? ""
        var lines = ["  \(name.joined(separator: " ")) = \(count(series.reading))\(times)\(schedule)"]
        if !series.reason.isEmpty { lines.append("    ! " + quoted(series.reason)) }
        guard let checkpoints = table.checkpoints else { return lines }
        let width = checkpoints.times.count
        for index in checkpoints.times.indices {
            let silent = checkpoints.silentNs[row * width + index]
            lines.append(
                "    @ \(checkpoints.times[index]) \(checkpoints.counts[row * width + index])"
                    + (silent == 0 ? "" : " silent \(silent)"))
        }
        return lines
    }

    private static func count(_ reading: Reading) -> String {
        switch reading.mark {
        case .exact: "\(reading.count ?? 0)"
        case .unknown: "unknown"
        case .bounded:
            "\(reading.lo.map(String.init) ?? "?")..\(reading.hi.map(String.init) ?? "?")"
                + (reading.count.map { " ~ \($0)" } ?? "")
        }
    }

    /// A word as it is where that is plain, else in double quotes with `\"`, `\\`, `\n` and `\u{..}`.
    static func quoted(_ word: String) -> String {
        let plain = word.unicodeScalars.allSatisfy {
            $0.value > 0x20 && $0.value < 0x7f && $0 != "\"" && $0 != "\\" && $0 != "#"
        }
        let reserved = ["cpu", "on", "=", "!", "@"]
        if plain, !word.isEmpty, !reserved.contains(word) { return word }
        var text = "\""
        for scalar in word.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}

extension CountsTable {
    /// The table as a baseline keeps it: rows and a few checkpoints, nothing else.
    func forBaseline() -> CountsTable {
        var kept: Checkpoints?
        if let checkpoints, !checkpoints.times.isEmpty {
            let all = checkpoints.times.count
            let number = min(all, Baseline.checkpointsKept)
            let picked = (1...number).map { $0 * all / number - 1 }
            func columns(_ values: [UInt64]) -> [UInt64] {
                (0..<series.count).flatMap { row in picked.map { values[row * all + $0] } }
            }
            kept = Checkpoints(
                times: picked.map { checkpoints.times[$0] }, counts: columns(checkpoints.counts),
                silentNs: columns(checkpoints.silentNs))
        }
        return CountsTable(
            policy: policy, start: start, end: end, series: Array(series), checkpoints: kept)
    }
}
