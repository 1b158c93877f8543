import Counts

/// The sum of many closed loops.
struct ClosedLoopSurvey {
    private(set) var judged = 0
    private(set) var alike = 0
    private(set) var recordings = 0
    private(set) var agreeing = 0
    private(set) var wrong: [String] = []
    private var marks: [Mark: Int] = [:]
    /// Rows in contexts of constant rate that ran for at least half of the time when recorded.
    private(set) var steady = Spread()
    /// Those of them whose demand the recording shows, and their bounded rows alone.
    private(set) var comparable = Spread()
    private(set) var bounded = Spread()
    private var rests: [String: Spread] = [:]

    /// Widths and errors of many rows, in parts of the truth; infinite where there is no upper end, or no count.
    struct Spread {
        var widths: [Double] = []
        var errors: [Double] = []

        mutating func add(_ width: Double, _ error: Double) {
            widths.append(width)
            errors.append(error)
        }

        mutating func add(_ other: Spread) {
            widths += other.widths
            errors += other.errors
        }

        var medianWidth: Double { Spread.median(widths) }
        var medianError: Double { Spread.median(errors) }

        private static func median(_ values: [Double]) -> Double {
            let sorted = values.sorted()
            return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
        }

        var text: String { "\(widths.count) rows, median width \(medianWidth), median error \(medianError)" }
    }

    mutating func add(_ loop: ClosedLoop) {
        judged += loop.judged.count
        alike += loop.alike
        wrong += loop.misplaced
        recordings += loop.recordings
        agreeing += loop.agreeing
        for one in loop.judged {
            marks[one.reading.mark, default: 0] += 1
            if one.isWrong { wrong.append(one.words) }
            guard one.isSteady, let width = one.width else { continue }
            let error = one.error ?? .infinity
            steady.add(width, error)
            guard one.isComparable else { continue }
            comparable.add(width, error)
            guard one.reading.mark == .bounded else { continue }
            bounded.add(width, error)
            rests[one.row.reason, default: Spread()].add(width, error)
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

    private mutating func add(_ other: ClosedLoopSurvey) {
        judged += other.judged
        alike += other.alike
        recordings += other.recordings
        agreeing += other.agreeing
        wrong += other.wrong
        marks.merge(other.marks, uniquingKeysWith: +)
        steady.add(other.steady)
        comparable.add(other.comparable)
        bounded.add(other.bounded)
        for (reason, spread) in other.rests { rests[reason, default: Spread()].add(spread) }
    }

    var text: String {
        var lines = [
            "\(judged) rows judged: \(marks[.exact] ?? 0) exact, \(marks[.bounded] ?? 0) bounded, "
                + "\(marks[.unknown] ?? 0) unknown, and \(alike) of events that are alike; \(wrong.count) wrong; "
                + "self-replay \(agreeing) of \(recordings)",
            "in widths and errors in parts of the truth, where the rate is constant and the event ran at least half of the time:",
            "  everything: \(steady.text)",
            "  where the recording shows all demand: \(comparable.text)",
            "  of these bounded: \(bounded.text)",
        ]
        for (reason, spread) in rests.sorted(by: { $0.key < $1.key }) { lines.append("    \(spread.text): \(reason)") }
        return lines.joined(separator: "\n")
    }
}
