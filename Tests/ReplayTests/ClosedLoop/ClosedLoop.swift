import Counts
import Policy
import PolicyFile
import Scenario
import Timeline

@testable import Replay

/// One scenario recorded under some policies, replayed under others, and compared with what the other policies would
/// really have counted.
struct ClosedLoop {
    /// One row of a replay beside its truth.
    struct Judged {
        var path: String
        var row: Series
        var truth: UInt64
        /// The rate of its context never changes, and it ran at least half as long when it was recorded as in the
        /// replay.
        var isSteady: Bool
        /// The recording shows everybody's demand, and nobody whom it depends on would have done something else.
        var isComparable: Bool

        var reading: Reading { row.reading }

        var isWrong: Bool {
            switch reading.mark {
            case .exact: reading.count != truth
            case .bounded: truth < reading.lo ?? 0 || truth > reading.hi ?? .max
            case .unknown: false
            }
        }

        /// The interval's width in parts of the truth, infinite where it is open; nil where nothing is counted.
        var width: Double? {
            guard truth > 0 else { return nil }
            guard let lo = reading.lo, let hi = reading.hi else { return .infinity }
            return Double(hi - lo) / Double(truth)
        }

        var error: Double? {
            guard let count = reading.count, truth > 0 else { return nil }
            return abs(Double(count) - Double(truth)) / Double(truth)
        }

        var words: String { "\(path): \(row.key) counts \(truth), said \(reading) (\(row.reason))" }
    }

    var judged: [Judged] = []
    /// Rows of host events that are alike, and those that no truth was left for.
    var alike = 0
    var misplaced: [String] = []
    /// Self-replays of the recordings, and those that agreed.
    var recordings = 0
    var agreeing = 0

    init(seed: UInt64, recordedUnder: [PolicyRules], replayedUnder: [PolicyRules]) throws {
        try self.init(
            ScenarioGenerator.scenario(seed: seed), name: "seed \(seed)", recordedUnder: recordedUnder,
            replayedUnder: replayedUnder)
    }

    init(
        _ scenario: Scenario, name: String, recordedUnder: [PolicyRules], replayedUnder: [PolicyRules]
    ) throws {
        let truths = try replayedUnder.map { try Recording(scenario, $0).truth }
        for from in recordedUnder {
            let recording = try Recording(scenario, from)
            let timeline = Timeline(recording.trace, recordedRules: from)
            if from.guests != .mediated {
                recordings += 1
                if SelfReplay.check(timeline).agrees { agreeing += 1 }
            }
            for (rules, truth) in zip(replayedUnder, truths) {
                let table = Replayer.replay(timeline, under: rules)
                let isShown = timeline.taints.isEmpty && ClosedLoop.shows(from, rules)
                compare(table, truth, recording.truth, scenario, "\(name), \(from.name) to \(rules.name)", isShown)
            }
        }
    }

    /// Every row beside its truth. Host events that are alike on one pCPU cannot be told apart from outside: there must
    /// be a way to give each row a truth of its own.
    private mutating func compare(
        _ table: CountsTable, _ truth: Truth, _ recorded: Truth, _ scenario: Scenario, _ path: String, _ isShown: Bool
    ) {
        var seen: Set<SeriesKey> = []
        for wanted in truth.series {
            let isGuest = wanted.owner.hasPrefix("guest:")
            let kind = SeriesKey(
                owner: isGuest ? wanted.owner : "host:", pcpu: wanted.pcpu, counter: wanted.counter, event: wanted.event
            )
            guard seen.insert(kind).inserted else { continue }
            func isAlike(_ owner: String, _ pcpu: Int?, _ counter: String?, _ event: String) -> Bool {
                owner.hasPrefix(kind.owner) && pcpu == kind.pcpu && counter == kind.counter && event == kind.event
            }
            let twins = truth.series.filter { isAlike($0.owner, $0.pcpu, $0.counter, $0.event) }
            let rows = table.series.filter { isAlike($0.key.owner, $0.key.pcpu, $0.key.counter, $0.key.event) }
            let ran = recorded.series.first { isAlike($0.owner, $0.pcpu, $0.counter, $0.event) }?.runningNs ?? 0
            let steady = ClosedLoop.isSteady(scenario, wanted)
            if twins.count == 1, rows.count == 1 {
                judged.append(
                    Judged(
                        path: path, row: rows[0], truth: wanted.count,
                        isSteady: steady && 2 * ran >= wanted.runningNs && wanted.runningNs > 0,
                        isComparable: isShown && !table.openLoop.contains { $0.owner == wanted.owner }))
            } else if !rows.isEmpty {
                judgeAlike(rows, twins.map(\.count), path)
            }
        }
    }

    /// - Parameter truths: of events that never ran when recorded there are no rows.
    private mutating func judgeAlike(_ rows: [Series], _ truths: [UInt64], _ path: String) {
        alike += rows.count
        func holds(_ row: Series, _ truth: UInt64) -> Bool {
            Judged(path: path, row: row, truth: truth, isSteady: false, isComparable: false).isWrong == false
        }
        var rowOf = [Int?](repeating: nil, count: truths.count)
        func place(_ row: Int, _ tried: inout Set<Int>) -> Bool {
            for number in truths.indices where holds(rows[row], truths[number]) && tried.insert(number).inserted {
                if rowOf[number].map({ place($0, &tried) }) ?? true {
                    rowOf[number] = row
                    return true
                }
            }
            return false
        }
        for row in rows.indices {
            var tried: Set<Int> = []
            // An event that was read as two has a row to spare.
            let isAnyones = truths.contains { holds(rows[row], $0) }
            if !place(row, &tried), rows.count <= truths.count || !isAnyones {
                misplaced.append(
                    "\(path): none of \(truths) is what \(rows[row].key) is said to count, \(rows[row].reading) "
                        + "(\(rows[row].reason))")
            }
        }
    }

    /// Whom a mediated host refused, and what guests without a PMU would have done with one, no recording shows.
    private static func shows(_ from: PolicyRules, _ to: PolicyRules) -> Bool {
        from == to || from.guests == .emulated || to.guests == .none && from.hostVisibility != .refuses
    }

    /// Whether the rate at which the event happens never changes. Where guests run an event that counts them as well
    /// happens at the guests' rate or the host's, in turns.
    private static func isSteady(_ scenario: Scenario, _ series: Truth.Series) -> Bool {
        guard series.owner.hasPrefix("guest:") else {
            let plan = scenario.events.first { "host:\($0.name)" == series.owner }
            let meetsGuests = scenario.vms.contains { vm in
                vm.vcpus.contains { $0.thread.placements.contains { $0.pcpu == series.pcpu } || series.pcpu == nil }
            }
            return scenario.hostRates.phases.count == 1 && (plan?.exclusion == .guest || !meetsGuests)
        }
        return scenario.vms.contains { vm in
            series.owner.hasPrefix("guest:\(vm.name)/") && vm.vcpus.allSatisfy { $0.rates.phases.count == 1 }
        }
    }
}
