import Foundation
import Trace

/// How the cost of an event changes with the length of the trace, the number of policies and the number of pCPUs: it
/// must not grow.
struct ScaleBench {
    let effort: BenchEffort
    let executable: String

    private static let policies = [
        "emulated", "mediated", "none", "ultimate", "fair", "static", "esxi", "inuse", "confidential", "emulated-hwid",
        "mediated-sched", "ultimate-exact",
    ]
    /// Longer traces are repetitions of this many events.
    private static let pattern = 1_000_000

    func run(into outcome: inout BenchOutcome) throws {
        let scratch = try Scratch()
        let vpmu = PeerProgram(path: executable)
        let path = scratch.file("scale.vpt")
        let most = min(effort.scaleEvents, 2_000_000)
        try SyntheticTrace.write(most, to: path)
        let start = try vpmu.run(["--version"], expecting: [0]).cpu
        /// CPU ns an event, the start of the process taken off.
        func cost(_ run: PeerProgram.Run, _ events: Int) -> Double { max(run.cpu - start, 0) / Double(events) * 1e9 }
        func replay(_ policies: Int) throws -> Double {
            let options = Self.policies.prefix(policies).flatMap { ["--policy", $0] }
            var costs: [Double] = []
            for _ in 0..<min(effort.rounds, 3) {
                let run = try vpmu.run(["replay", path, "--json", "--threads", "1"] + options, expecting: [0])
                costs.append(cost(run, most))
            }
            return Rounds.median(costs)
        }
        let byPolicies = try [1, 2, 4, 8, 12].map { ($0, try replay($0) / Double($0)) }
        try curve("policies", "ns an event and policy", byPolicies, into: &outcome)

        let byPCPUs = try [1, 4, 16, 64, 256].map { pcpus in
            try SyntheticTrace.write(most, to: path, pcpus: pcpus, vcpus: 256)
            return (pcpus, try replay(1))
        }
        try curve("pcpus", "ns an event", byPCPUs, into: &outcome)
        // Without a PMU guests make no work for the host, so that the longest trace is a matter of minutes.
        try byEvents("events", vpmu, Self.policies[0], upTo: effort.scaleEvents / 10, cost, into: &outcome)
        try byEvents("events-without-pmu", vpmu, "none", upTo: effort.scaleEvents, cost, into: &outcome)
        try generator(vpmu, into: &outcome)
    }

    private func byEvents(
        _ name: String, _ vpmu: PeerProgram, _ policy: String, upTo most: Int,
        _ cost: (PeerProgram.Run, Int) -> Double, into outcome: inout BenchOutcome
    ) throws {
        let lengths = [1_000, 100, 10, 1].map { most / $0 }.filter { $0 >= 100 }
        var memory = 0
        let points = try lengths.map { events in
            let run = try vpmu.run(
                ["replay", "-", "--policy", policy, "--json", "--threads", "1"], fedBy: vpmu,
                Self.generator(events))
            guard run.status == 0 else { throw BenchError("vpmu replay of a pipe: ended with status \(run.status)") }
            memory = max(memory, run.memory)
            return (events, cost(run, events))
        }
        try curve(name, "ns an event", points, into: &outcome)
        outcome.add(
            "scale.\(name).memory", Double(memory) / 1_048_576, "MiB", peer: "greatest resident set",
            how: "vpmu replay - --policy \(policy) of up to \(most) events from a pipe")
    }

    private func generator(_ vpmu: PeerProgram, into outcome: inout BenchOutcome) throws {
        let longest = effort.scaleEvents
        var seconds: [Double] = []
        for _ in 0..<min(effort.rounds, 3) {
            seconds.append(try vpmu.run(Self.generator(longest), expecting: [0]).wall)
        }
        outcome.add(
            "scale.generator", Double(longest) / Rounds.median(seconds) / 1e6, "M events/s",
            peer: "\(longest) events to /dev/null",
            how: "vpmu \(Self.generator(longest).joined(separator: " "))")
    }

    private static func generator(_ events: Int) -> [String] {
        ["bench", "--generate", "\(events)", "--generate-pattern", "\(min(events, pattern))"]
    }

    /// Writes `events` made-up events, or somewhat more, to `path` (`-`: standard output): those of a synthetic host,
    /// repeated.
    static func generate(_ events: Int, pattern: Int, pcpus: Int, to path: String) throws {
        let scratch = try Scratch()
        let file = scratch.file("pattern.vpt")
        try SyntheticTrace.write(pattern, to: file, pcpus: pcpus, vcpus: max(200, pcpus))
        try RepeatedTrace(try TraceReader(path: file)).write(to: path, atLeast: UInt64(events))
    }

    /// The figure of a curve is its last step over its first.
    private func curve(
        _ name: String, _ unit: String, _ points: [(Int, Double)], into outcome: inout BenchOutcome
    ) throws {
        let plot = Plot(title: "Cost of an event by number of \(name)", x: name, y: unit, points: points)
        for (number, (step, cost)) in points.enumerated() {
            outcome.add(
                "scale.\(name).\(step)", cost, unit, peer: plot.bar(number), how: "vpmu replay, \(step) \(name)")
        }
        if let plots = effort.plots { try plot.write(to: "\(plots)/scale-\(name).svg") }
        guard let first = points.first, let last = points.last, first.1 > 0 else { return }
        outcome.add(
            "scale.\(name).growth", last.1 / first.1, "of the first step", peer: "\(first.0) \(name)",
            how: "the cost at \(last.0) \(name)")
    }
}
