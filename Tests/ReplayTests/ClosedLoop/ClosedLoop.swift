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
        /// The rate of its context never changes, and it ran at least half as long when it was recorded as in the replay.
        var isSteady: Bool

        var reading: Reading { row.reading }

        var isWrong: Bool {
            switch reading.mark {
            case .exact: reading.count != truth
            case .bounded: truth < reading.lo ?? 0 || truth > reading.hi ?? .max
            case .unknown: false
            }
        }

        /// The interval's width in parts of the truth, nil where it is open.
        var width: Double? {
            guard let lo = reading.lo, let hi = reading.hi, truth > 0 else { return nil }
            return Double(hi - lo) / Double(truth)
        }

        var error: Double? {
            guard let count = reading.count, truth > 0 else { return nil }
            return abs(Double(count) - Double(truth)) / Double(truth)
        }

        var words: String { "\(path): \(row.key) counts \(truth), said \(reading) (\(row.reason))" }
    }

    var judged: [Judged] = []
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
                compare(table, truth, recording.truth, scenario, "\(name), \(from.name) to \(rules.name)")
            }
        }
    }

    /// Guests' rows, and those of host events that are alone of their kind on their pCPU.
    private mutating func compare(
        _ table: CountsTable, _ truth: Truth, _ recorded: Truth, _ scenario: Scenario, _ path: String
    ) {
        for wanted in truth.series {
            func isAlike(_ owner: String, _ pcpu: Int?, _ counter: String?, _ event: String) -> Bool {
                wanted.owner.hasPrefix("guest:")
                    ? owner == wanted.owner && counter == wanted.counter && event == wanted.event
                    : owner.hasPrefix("host:") && pcpu == wanted.pcpu && event == wanted.event
            }
            let twins = truth.series.count { isAlike($0.owner, $0.pcpu, $0.counter, $0.event) }
            let rows = table.series.filter { isAlike($0.key.owner, $0.key.pcpu, $0.key.counter, $0.key.event) }
            guard twins == 1, rows.count == 1, let row = rows.first else { continue }
            let ran = recorded.series.first { isAlike($0.owner, $0.pcpu, $0.counter, $0.event) }?.runningNs ?? 0
            judged.append(
                Judged(
                    path: path, row: row, truth: wanted.count,
                    isSteady: ClosedLoop.isSteady(scenario, wanted.owner) && 2 * ran >= wanted.runningNs
                        && wanted.runningNs > 0))
        }
    }

    private static func isSteady(_ scenario: Scenario, _ owner: String) -> Bool {
        guard owner.hasPrefix("guest:") else {
            return scenario.hostRates.phases.count == 1
                && scenario.vms.allSatisfy { $0.vcpus.allSatisfy { $0.rates.phases.count == 1 } }
        }
        return scenario.vms.contains { vm in
            owner.hasPrefix("guest:\(vm.name)/") && vm.vcpus.allSatisfy { $0.rates.phases.count == 1 }
        }
    }
}
