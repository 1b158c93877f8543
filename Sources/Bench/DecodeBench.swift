import Foundation
import Trace

/// Decoding a trace to columns on one core, against the barest loop that could do it.
struct DecodeBench {
    let effort: BenchEffort

    func run(into outcome: inout BenchOutcome) throws {
        let scratch = try Scratch()
        let path = scratch.file("synthetic.vpt")
        _ = try SyntheticTrace.write(effort.events, to: path)
        let trace = try TraceReader(path: path)
        let bare = try BareBlocks(trace)
        let columns = BlockColumns()
        var rounds = Rounds()
        let contenders: [(name: String, work: () throws -> Double?)] = [
            ("bare", { try bare.decode() }),
            (
                "vpmu",
                {
                    let start = Rounds.now()
                    for block in trace.blocks { try trace.decode(block, into: columns) }
                    return Rounds.now() - start
                }
            ),
        ]
        try rounds.run(1, contenders)
        rounds = Rounds()
        try rounds.run(effort.rounds, contenders)
        func rate(_ name: String) -> String {
            String(format: "%.0f M events/s", Double(effort.events) / rounds.median(name) / 1e6)
        }
        outcome.add(
            "decode.bare", rounds.speed("vpmu", over: "bare"), "of bare loop",
            peer: "bare decode loop in C without checks, \(rate("bare"))",
            how: "\(effort.events) synthetic events from file to columns, every checksum verified, \(rate("vpmu"))")
    }
}
