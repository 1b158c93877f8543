import Counts

/// The sum of many closed loops.
struct ClosedLoopSurvey {
    private(set) var judged = 0
    private(set) var alike = 0
    private(set) var recordings = 0
    private(set) var agreeing = 0
    private(set) var wrong: [String] = []
    private var marks: [Mark: Int] = [:]
    /// Of bounded rows in contexts of constant rate that were measured for at least half of the time: widths and errors
    /// in parts of the truth. Rows that nothing limits are left out; they are counted.
    private(set) var widths: [Double] = []
    private(set) var errors: [Double] = []
    private var open = 0
    private var rests: [String: [Double]] = [:]

    mutating func add(_ loop: ClosedLoop) {
        judged += loop.judged.count
        alike += loop.alike
        wrong += loop.misplaced
        recordings += loop.recordings
        agreeing += loop.agreeing
        for one in loop.judged {
            marks[one.reading.mark, default: 0] += 1
            if one.isWrong { wrong.append(one.words) }
            guard one.reading.mark == .bounded else { continue }
            if one.reading.hi == nil { open += 1 }
            guard one.isSteady, let width = one.width else { continue }
            widths.append(width)
            errors.append(one.error ?? .infinity)
            let direction = one.path.split(separator: ",").last.map(String.init) ?? ""
            let who = one.row.key.owner.hasPrefix("guest:") ? "guest" : "host"
            rests["\(direction) \(who): \(one.row.reason)", default: []].append(width)
        }
    }

    /// The sum of the closed loops of `seeds`, several at a time.
    static func over(
        _ seeds: ClosedRange<UInt64>, _ loop: @escaping @Sendable (UInt64) throws -> ClosedLoop
    ) async throws -> ClosedLoopSurvey {
        let stride = UInt64(8)
        return try await withThrowingTaskGroup(of: (UInt64, ClosedLoopSurvey).self) { group in
            for part in 0..<stride {
                group.addTask {
                    var survey = ClosedLoopSurvey()
                    for seed in seeds where seed % stride == part { survey.add(try loop(seed)) }
                    return (part, survey)
                }
            }
            var parts: [UInt64: ClosedLoopSurvey] = [:]
            for try await (part, survey) in group { parts[part] = survey }
            return (0..<stride).reduce(into: ClosedLoopSurvey()) { $0.add(parts[$1] ?? ClosedLoopSurvey()) }
        }
    }

    mutating func add(_ other: ClosedLoopSurvey) {
        judged += other.judged
        alike += other.alike
        recordings += other.recordings
        agreeing += other.agreeing
        wrong += other.wrong
        marks.merge(other.marks, uniquingKeysWith: +)
        widths += other.widths
        errors += other.errors
        open += other.open
        rests.merge(other.rests, uniquingKeysWith: +)
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
    }

    var text: String {
        var lines = [
            "\(judged) rows judged: \(marks[.exact] ?? 0) exact, \(marks[.bounded] ?? 0) bounded (\(open) of them open), "
                + "\(marks[.unknown] ?? 0) unknown, and \(alike) of events that are alike; \(wrong.count) wrong; self-replay \(agreeing) of \(recordings)",
            "\(widths.count) bounded where the rate is constant and half was measured: median width "
                + "\(ClosedLoopSurvey.median(widths)), median error \(ClosedLoopSurvey.median(errors))",
        ]
        for (reason, widths) in rests.sorted(by: { $0.key < $1.key }) {
            lines.append("  \(widths.count) rows, median width \(ClosedLoopSurvey.median(widths)): \(reason)")
        }
        return lines.joined(separator: "\n")
    }
}
