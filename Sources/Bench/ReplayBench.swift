import Foundation
import Trace

/// Replaying a captured guest, everything included from the file to the printed counts: against `perf script`, which
/// only prints the same records, and against decoding alone; further policies against the first; two threads against
/// one.
struct ReplayBench {
    let effort: BenchEffort
    let executable: String
    let capture: GuestCapture?

    /// Mediated asks for the PMU as a whole; the other three schedule guests' events beside the host's, and come to the
    /// same number of states where the host has none.
    private static let policies = ["emulated", "mediated", "ultimate", "fair"]

    func run(into outcome: inout BenchOutcome) throws {
        guard let capture else { return }
        let vpmu = PeerProgram(path: executable)
        let perf = try GuestCapture.perf()
        // Not repeated: threads that come back after their end are other threads, and such a trace is replayed from
        // memory.
        let (path, trace) = (capture.tracePath, capture.trace)
        let events = Int(trace.eventCount)
        func arguments(_ policies: Int, threads: Int) -> [String] {
            ["replay", path, "--json", "--threads", "\(threads)"]
                + Self.policies.prefix(policies).flatMap { ["--policy", $0] }
        }
        func replay(_ policies: Int, threads: Int) throws -> PeerProgram.Run {
            try vpmu.run(arguments(policies, threads: threads), expecting: [0])
        }
        guard try vpmu.run(arguments(1, threads: 1)).status == 0 else {
            outcome.skipped.append(BenchSkip(name: "replay", why: "vpmu replay refuses the captured trace"))
            return
        }
        let bare = try BareBlocks(trace)
        let all = Self.policies.count
        var memory = 0
        var rounds = Rounds()
        let contenders: [(name: String, work: () throws -> Double?)] = [
            ("bare", { try bare.run(.decodeAndPlay) / Double(events) }),
            (
                "script",
                {
                    try perf.run(["script", "-i", capture.perfPath], expecting: [0]).cpu / Double(capture.perfSamples)
                }
            ),
            (
                "one",
                {
                    let run = try replay(1, threads: 1)
                    memory = max(memory, run.memory)
                    return run.cpu / Double(events)
                }
            ),
            ("all", { try replay(all, threads: 1).cpu / Double(events) }),
            ("one thread", { try replay(all, threads: 1).wall }),
            ("two threads", { try replay(all, threads: 2).wall }),
        ]
        try rounds.run(effort.rounds, contenders)
        func rate(_ name: String) -> String { String(format: "%.2f M events/s", 1e-6 / rounds.median(name)) }
        let what = "vpmu replay FILE --policy \(Self.policies[0]) --json"
        outcome.add(
            "replay.perf-script", rounds.speed("one", over: "script"), "x faster",
            peer: "perf script of the same guest run, \(rate("script"))",
            how: "\(what), \(events) events, \(rate("one"))")
        outcome.add(
            "replay.bare", rounds.speed("one", over: "bare"), "of bare loops",
            peer: "bare decode loop and state loop, \(rate("bare"))",
            how: "\(what), \(rate("one"))")
        let further = (rounds.median("all") - rounds.median("one")) / Double(all - 1) / rounds.median("one")
        outcome.add(
            "replay.further-policy", max(further, 0), "of the first", peer: "one policy, \(rate("one"))",
            how: "\(all) policies in one run, \(rate("all"))")
        outcome.add(
            "replay.two-threads", rounds.speed("two threads", over: "one thread"), "x faster",
            peer: "--threads 1, \(all) policies", how: "--threads 2")
        outcome.add(
            "replay.memory", Double(memory) / 1_048_576, "MiB", peer: "greatest resident set", how: what)
    }
}
