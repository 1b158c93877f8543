import Counts
import Policy
import Scenario
import Testing
import Timeline

@testable import Replay

@Suite("Recorded under one policy, replayed under another, compared with what would have been counted")
struct ClosedLoopTests {
    static let policies: [PolicyRules] = [.emulated, .mediated, .none]

    @Test("what is exact is the truth, and what is bounded holds it, for 200 scenarios", arguments: 0..<8)
    func honest(part: Int) throws {
        var judged = 0
        var agreeing = 0
        var recordings = 0
        for seed in UInt64(part * 25 + 1)...UInt64(part * 25 + 25) {
            let scenario = ScenarioGenerator.scenario(seed: seed)
            let made = try ClosedLoopTests.policies.map { try Recording(scenario, $0) }
            for (number, from) in made.enumerated() {
                let timeline = from.timeline
                if ClosedLoopTests.policies[number].guests != .mediated {
                    recordings += 1
                    if SelfReplay.check(timeline).agrees { agreeing += 1 }
                }
                for (rules, to) in zip(ClosedLoopTests.policies, made) {
                    let table = Replayer.replay(timeline, under: rules)
                    let path = "seed \(seed), \(ClosedLoopTests.policies[number].name) to \(rules.name)"
                    judged += judge(table, to.truth, path)
                }
            }
        }
        #expect(judged > 500)
        // Host demand is inferred; where it could not be, the counts above are not called exact.
        #expect(agreeing * 100 >= recordings * 90, "\(agreeing) of \(recordings)")
    }

    /// Compares the guests' rows and those of host events that are alone of their kind on their pCPU.
    private func judge(_ table: CountsTable, _ truth: Truth, _ path: String) -> Int {
        var judged = 0
        for wanted in truth.series {
            let isGuest = wanted.owner.hasPrefix("guest:")
            func isAlike(_ owner: String, _ pcpu: Int?, _ counter: String?, _ event: String) -> Bool {
                isGuest
                    ? owner == wanted.owner && counter == wanted.counter && event == wanted.event
                    : owner.hasPrefix("host:") && pcpu == wanted.pcpu && event == wanted.event
            }
            let twins = truth.series.count { isAlike($0.owner, $0.pcpu, $0.counter, $0.event) }
            let rows = table.series.filter { isAlike($0.key.owner, $0.key.pcpu, $0.key.counter, $0.key.event) }
            guard twins == 1, rows.count == 1, let row = rows.first else { continue }
            judged += 1
            let what = "\(path): \(row.key) counts \(wanted.count), said \(row.reading) (\(row.reason))"
            switch row.reading.mark {
            case .exact: if row.reading.count != wanted.count { Issue.record("\(what)") }
            case .bounded:
                if wanted.count < row.reading.lo ?? 0 || wanted.count > row.reading.hi ?? .max {
                    Issue.record("\(what)")
                }
            case .unknown: break
            }
        }
        return judged
    }
}
