import Foundation
import Trace

/// How the cost of an event changes with the length of the trace, the number of pCPUs and the number of policies: it must
/// not grow. One bar a step, all of a curve to one scale.
struct ScaleBench {
    let effort: BenchEffort
    let executable: String

    private static let policies = [
        "emulated", "mediated", "none", "ultimate", "fair", "static", "esxi", "inuse", "confidential", "emulated-hwid",
        "mediated-sched", "ultimate-exact",
    ]

    func run(into outcome: inout BenchOutcome) throws {
        let scratch = try Scratch()
        let vpmu = PeerProgram(path: executable)
        let path = scratch.file("scale.vpt")
        try SyntheticTrace.write(min(1_000, effort.events), to: path)
        guard try vpmu.run(["replay", path, "--policy", "emulated", "--json"]).status == 0 else {
            outcome.skipped.append(BenchSkip(name: "scale", why: "vpmu replay refuses the synthetic trace"))
            return
        }
        // Enough for a curve; the longest takes no more than a minute.
        let most = min(effort.events, 2_000_000)
        let lengths = [1_000, 100, 10, 1].map { most / $0 }.filter { $0 >= 1_000 }
        let byEvents = try lengths.map { events in
            try SyntheticTrace.write(events, to: path)
            return (events, try perEvent(vpmu, path, events: events, policies: 1))
        }
        curve("scale.events", "events", byEvents, into: &outcome)

        let events = max(500, most / 10)
        let byPCPUs = try [1, 4, 16, 64, 256].map { pcpus in
            try SyntheticTrace.write(events, to: path, pcpus: pcpus, vcpus: 256)
            return (pcpus, try perEvent(vpmu, path, events: events, policies: 1))
        }
        curve("scale.pcpus", "pCPUs", byPCPUs, into: &outcome)

        try SyntheticTrace.write(events, to: path)
        let byPolicies = try [1, 2, 4, 8, 12].map { count in
            (count, try perEvent(vpmu, path, events: events, policies: count) / Double(count))
        }
        curve("scale.policies", "policies", byPolicies, into: &outcome)
    }

    /// CPU ns an event of a whole replay, the start of the process taken off.
    private func perEvent(_ vpmu: PeerProgram, _ path: String, events: Int, policies: Int) throws -> Double {
        let options = Self.policies.prefix(policies).flatMap { ["--policy", $0] }
        var rounds = Rounds()
        try rounds.run(
            min(effort.rounds, 3),
            [
                ("start", { try vpmu.run(["--version"], expecting: [0]).cpu }),
                (
                    "replay",
                    { try vpmu.run(["replay", path, "--json", "--threads", "1"] + options, expecting: [0]).cpu }
                ),
            ])
        return max(rounds.median("replay") - rounds.median("start"), 0) / Double(events) * 1e9
    }

    /// The figure of a curve is its last step over its second: the first has the cost of starting in it.
    private func curve(_ name: String, _ unit: String, _ points: [(Int, Double)], into outcome: inout BenchOutcome) {
        let greatest = points.map(\.1).max() ?? 1
        for (step, cost) in points {
            let bar = String(repeating: "#", count: max(1, Int(cost / max(greatest, 1e-9) * 40)))
            outcome.add("\(name).\(step)", cost, "ns an event", peer: bar, how: "vpmu replay, \(step) \(unit)")
        }
        if points.count > 2, points[1].1 > 0 {
            outcome.add(
                "\(name).growth", points[points.count - 1].1 / points[1].1, "of the second step",
                peer: "cost of an event at \(points[1].0) \(unit)", how: "at \(points[points.count - 1].0) \(unit)")
        }
    }
}
