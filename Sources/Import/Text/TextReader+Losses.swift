import Trace

/// What a text says of records that are missing.
extension TextReader {
    func takesAsLoss(_ text: UnsafeRawBufferPointer) -> Bool {
        if case .lost = parseLoss(text) { return true }
        return false
    }

    /// ftrace: `CPU:1 [LOST 12 EVENTS]`, `CPU:1 [LOST EVENTS]`; trace-cmd: `CPU:1 [12 EVENTS DROPPED]`; perf script
    /// --show-lost-events: a context, then `PERF_RECORD_LOST lost 12`.
    func parseLoss(_ text: UnsafeRawBufferPointer) -> Parsed {
        var cursor = TextCursor(text)
        if cursor.skip("CPU:") {
            guard let cpu = cursor.decimal(), cpu < UInt64(UInt16.max) else { return .none }
            cursor.skipBlanks()
            guard cursor.skip("["), text.find("EVENTS", from: cursor.position) != nil,
                text.find("LOST") != nil || text.find("DROPPED") != nil
            else { return .none }
            _ = cursor.skip("LOST ")
            return .lost(cpu: UInt16(cpu), count: cursor.decimal(), time: nil)
        }
        guard let at = text.find("PERF_RECORD_LOST lost "), at > 0 else { return .none }
        var count = TextCursor(text, at: at + 22)
        guard let number = count.decimal(),
            let row = TextRow(context: text.slice(0..<at), body: text.slice(at..<text.count)), let cpu = row.cpu,
            case .nanoseconds(let time)? = row.time
        else { return .none }
        return .lost(cpu: cpu, count: number, time: time)
    }

    func takeLost(_ cpu: UInt16, _ count: UInt64?, _ time: UInt64?) {
        if let time {
            let earliest = min(lastTime[cpu] ?? time, time)
            collector.takeLost(LostRecords(pcpu: cpu, kind: nil, count: count, earliest: earliest, latest: time))
        } else if let known = pendingLoss[cpu] {
            // Two in a row: the sum, or unknown where one is.
            if let known, let count {
                pendingLoss[cpu] = known.addingSaturated(count)
            } else {
                pendingLoss[cpu] = .some(nil)
            }
        } else {
            pendingLoss[cpu] = .some(count)
        }
    }
}
