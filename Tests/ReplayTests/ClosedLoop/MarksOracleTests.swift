import Counts
import PMU
import Policy
import PolicyFile
import Testing
import Timeline
import Trace

@testable import Replay
@testable import Scenario

/// What can be known of a guest's counts, worked out without a replay: when its counters count under B, from a run
/// under B; between which of its readings A's recording pins the count down, from a run under A. A count is exact where
/// readings of the same event, end to end, make up all of the time that it counts.
struct MarksOracle {
    /// One event in one vCPU.
    private struct Context: Hashable {
        var vcpu: Int
        var event: UInt64
    }

    /// For each beginning of a pinned-down piece of guest time, where such pieces end.
    private var ends: [Context: [UInt64: Set<UInt64>]] = [:]

    init(recording log: CountingLog) {
        for stretch in log.stretches {
            var points = [stretch.from] + stretch.seen
            if stretch.endWasSeen, let to = stretch.to { points.append(to) }
            let context = Context(vcpu: stretch.vcpu, event: stretch.event)
            for (from, to) in zip(points, points.dropFirst()) where from < to {
                ends[context, default: [:]][from, default: []].insert(to)
            }
        }
    }

    /// Whether what a counter counts of an event in a run is known.
    func knows(vcpu: Int, counter: Counter, event: UInt64, in log: CountingLog, ending: [UInt64]) -> Bool {
        var spans: [(from: UInt64, to: UInt64)] = []
        for stretch in log.stretches
        where stretch.vcpu == vcpu && stretch.counter == counter && stretch.event == event {
            let to = stretch.to ?? ending[vcpu]
            if to <= stretch.from { continue }
            if let last = spans.last, last.to == stretch.from {
                spans[spans.count - 1].to = to
            } else {
                spans.append((stretch.from, to))
            }
        }
        return spans.allSatisfy { reaches(Context(vcpu: vcpu, event: event), $0.from, $0.to) }
    }

    private func reaches(_ context: Context, _ from: UInt64, _ to: UInt64) -> Bool {
        var seen: Set<UInt64> = []
        var open = [from]
        while let at = open.popLast() {
            if at == to { return true }
            guard at < to, seen.insert(at).inserted else { continue }
            open += ends[context]?[at] ?? []
        }
        return false
    }
}

@Suite("Marks of guests' counts beside an oracle of what can be known")
struct MarksOracleTests {
    /// A run with its log.
    struct Run {
        var trace: TraceBuffer
        var log: CountingLog
        var vcpus: [String]
        /// Guest time of each vCPU at the end.
        var ending: [UInt64]
        /// Interrupts that each guest got.
        var interrupts: [[UInt64]]

        init(_ scenario: Scenario, _ rules: PolicyRules) throws {
            var simulation = try Simulation(scenario, rules: rules)
            simulation.hardware.log = CountingLog()
            var buffer = TraceBuffer(metadata: Synth(scenario, rules: rules).metadata(tool: "test"))
            try simulation.run(into: &buffer) { _ in }
            trace = buffer
            log = simulation.hardware.log ?? CountingLog()
            vcpus = simulation.vcpus.map { "guest:\(scenario.vms[$0.vm].name)/\($0.index)" }
            ending = simulation.hardware.guests.map { $0.runningTime(at: scenario.duration) }
            interrupts = simulation.vcpus.map(\.interrupts)
        }
    }

    @Test(
        "exact is what readings pin down end to end, nothing else; who got other interrupts is marked openLoop",
        arguments: 0..<8)
    func marks(part: Int) throws {
        var exact = 0
        var bounded = 0
        var reacted = 0
        for seed in UInt64(part * 25 + 1)...UInt64(part * 25 + 25) {
            let scenario = ScenarioGenerator.scenario(seed: seed)
            let policies = [PolicyRules.emulated, .mediated, .none]
            let runs = try policies.map { try Run(scenario, $0) }
            for (from, a) in zip(policies, runs) {
                let timeline = Timeline(a.trace)
                guard timeline.taints.isEmpty else { continue }
                // A mediated guest writes its counters unseen: no reading of it pins anything down.
                let oracle = MarksOracle(recording: from == .emulated ? a.log : CountingLog())
                for (rules, b) in zip(policies, runs) {
                    let path = "seed \(seed), \(from.name) to \(rules.name)"
                    let table = Replayer.replay(timeline, under: rules)
                    for (vcpu, owner) in b.vcpus.enumerated() {
                        let isMarked = table.openLoop.contains { $0.owner == owner }
                        if from == .emulated, a.interrupts[vcpu] != b.interrupts[vcpu] {
                            reacted += 1
                            #expect(isMarked, "\(path): \(owner)")
                        }
                        for row in table.series where row.key.owner == owner {
                            let counter = try #require(Counter.named(row.key.counter ?? ""))
                            let event = try #require(scenario.event(named: row.key.event))
                            let knows = oracle.knows(
                                vcpu: vcpu, counter: counter, event: event, in: b.log, ending: b.ending)
                            // Whom a mediated host refused nobody knows; a guest without a PMU counts nothing.
                            let isOpen = isMarked || from == .mediated && rules == .emulated
                            let wanted: Mark = rules == .none || knows && !isOpen ? .exact : .bounded
                            #expect(
                                row.reading.mark == wanted, "\(path): \(row.key) is \(row.reading) (\(row.reason))")
                            if wanted == .exact { exact += 1 } else { bounded += 1 }
                        }
                    }
                }
            }
        }
        #expect(exact > 20 && bounded > 20)
        #expect(reacted > 0)
    }
}

extension Counter {
    /// `gp0`, `fixed1`.
    fileprivate static func named(_ name: String) -> Counter? {
        (0..<12).map { Counter.gp($0) }.first { $0.description == name }
            ?? (0..<4).map { Counter.fixed($0) }.first { $0.description == name }
    }
}

extension Scenario {
    /// The rate key of an event by the name that tables give it.
    fileprivate func event(named name: String) -> UInt64? {
        let keys = vms.flatMap { $0.vcpus.flatMap { $0.rates.phases.flatMap(\.rates.keys) } }
        return keys.first { model.eventName(of: $0) == name }
    }
}
