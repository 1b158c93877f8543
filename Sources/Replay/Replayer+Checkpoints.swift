import Counts
import Host
import Timeline

extension Replayer {
    /// Plays everything and looks at what had been counted `number` times on the way, evenly spread over the trace;
    /// fewer times where the trace is too short for that many different ones.
    ///
    /// - Returns: the times, ns, and what each series had counted by then.
    mutating func run(checkpoints number: Int) -> [(time: UInt64, table: CountsTable)] {
        guard number > 0, timeline.end > timeline.start else {
            run()
            return []
        }
        let operations = timeline.demand.operations
        let span = timeline.end - timeline.start
        var looks: [(time: UInt64, table: CountsTable)] = []
        var from = 0
        for part in 1..<UInt64(number) {
            let (whole, rest) = span.quotientAndRemainder(dividingBy: UInt64(number))
            let time = timeline.start + whole * part + rest * part / UInt64(number)
            if time == looks.last?.time ?? timeline.start { continue }
            var next = from
            while next < operations.count, operations[next].time <= time { next += 1 }
            play(from..<next)
            passTime(upTo: time)
            from = next
            var copy = self
            copy.end(at: time)
            looks.append((time, copy.table(trace: nil)))
        }
        play(from..<operations.count)
        passTime(upTo: timeline.end)
        end(at: timeline.end)
        return looks
    }
}

extension CountsTable {
    /// The table with what `looks` saw of its series; a series that was not there yet had counted nothing.
    func dated(by looks: [(time: UInt64, table: CountsTable)]) -> CountsTable {
        guard !looks.isEmpty else { return self }
        let columns = looks.map { look in
            Dictionary(look.table.series.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        }
        func column(_ value: (Series) -> UInt64) -> [UInt64] {
            series.flatMap { row in columns.map { $0[row.key].map(value) ?? 0 } }
        }
        return CountsTable(
            policy: policy, trace: trace, start: start, end: end, series: Array(series),
            checkpoints: Checkpoints(
                times: looks.map(\.time), counts: column { $0.reading.count ?? 0 }, silentNs: column(\.silentNs)),
            operations: self.operations, openLoop: openLoop, displaced: displaced, taints: taints, notices: notices)
    }
}
