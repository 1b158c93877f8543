import Foundation
import Trace

/// Decoding a trace to columns on one core: against the barest loop that could do it, and against what perf does with
/// the same records.
struct DecodeBench {
    let effort: BenchEffort
    let capture: GuestCapture?

    func run(into outcome: inout BenchOutcome) throws {
        let scratch = try Scratch()
        let path = scratch.file("synthetic.vpt")
        try SyntheticTrace.write(effort.events, to: path)
        let trace = try TraceReader(path: path)
        let bare = try BareBlocks(trace)
        var rounds = Rounds()
        let contenders: [(name: String, work: () throws -> Double?)] = [
            ("bare", { try bare.run() }),
            ("vpmu", { try decode(trace, passes: 1) }),
        ]
        try rounds.run(1, contenders)
        rounds = Rounds()
        try rounds.run(effort.rounds, contenders)
        func rate(_ name: String) -> String { Self.rate(effort.events, rounds.median(name)) }
        outcome.add(
            "decode.bare", rounds.speed("vpmu", over: "bare"), "of bare loop",
            peer: "bare decode loop in C to the same columns, without checks, \(rate("bare"))",
            how: "\(effort.events) synthetic events from file to columns, every checksum verified, \(rate("vpmu"))")
        try againstPerf(into: &outcome)
    }

    private func againstPerf(into outcome: inout BenchOutcome) throws {
        guard let capture else { return }
        let perf = try GuestCapture.perf()
        let events = Int(capture.trace.eventCount)
        // One pass over a small trace is over too soon to be timed.
        let passes = max(1, 2_000_000 / max(1, events))
        var rounds = Rounds()
        let contenders: [(name: String, work: () throws -> Double?)] = [
            ("vpmu", { try decode(capture.trace, passes: passes) / Double(passes * events) }),
            (
                "script",
                {
                    try perf.run(["script", "-i", capture.perfPath], expecting: [0]).cpu / Double(capture.perfSamples)
                }
            ),
            (
                "report",
                {
                    try perf.run(["report", "--stats", "-i", capture.perfPath], expecting: [0]).cpu
                        / Double(capture.perfSamples)
                }
            ),
        ]
        try rounds.run(effort.rounds, contenders)
        for (name, command) in [("script", "perf script"), ("report", "perf report --stats")] {
            outcome.add(
                "decode.perf-\(name)", rounds.speed("vpmu", over: name), "x faster",
                peer: "\(command), \(Self.rate(1, rounds.median(name)))",
                how: "\(events) events of the same guest run to columns, \(Self.rate(1, rounds.median("vpmu")))")
        }
    }

    /// CPU seconds to decode all blocks.
    private func decode(_ trace: TraceReader, passes: Int) throws -> Double {
        let columns = BlockColumns()
        let start = Rounds.cpu()
        for _ in 0..<passes {
            for block in trace.blocks { try trace.decode(block, into: columns) }
        }
        return Rounds.cpu() - start
    }

    private static func rate(_ events: Int, _ seconds: Double) -> String {
        String(format: "%.1f M events/s", Double(events) / seconds / 1e6)
    }
}
