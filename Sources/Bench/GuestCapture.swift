import Foundation
import Trace

/// The same run of real guests, recorded by `perf record -z` and by vpmu at once.
final class GuestCapture {
    let trace: TraceReader
    let tracePath: String
    let perfPath: String
    /// Samples in perf's file.
    let perfSamples: Int
    private let scratch: Scratch

    /// - Throws: `BenchError` in words where this machine cannot.
    init(executable: String, accesses: Int) throws {
        scratch = try Scratch()
        let perf = try GuestCapture.perf()
        let vpmu = PeerProgram(path: executable)
        let load = try GuestLoad(scratch, executable: executable, accesses: accesses)
        tracePath = scratch.file("guest.vpt")
        perfPath = scratch.file("guest.perf.data")
        let events = try PerfEvents(vpmu, scratch)
        _ = try perf.run(
            ["record", "-z", "-o", perfPath, "-a"] + events.arguments
                + ["--", executable, "record", "-o", tracePath, "--"] + load.command, expecting: [0])
        trace = try TraceReader(path: tracePath)
        guard trace.eventCount >= load.accesses else {
            throw BenchError("of \(load.accesses) accesses \(trace.eventCount) records were made")
        }
        perfSamples = try events.samples(perf, perfPath, scratch)
    }

    static func perf() throws(BenchError) -> PeerProgram {
        guard let perf = PeerProgram("perf") else { throw BenchError("perf is not installed") }
        guard access("/dev/kvm", R_OK | W_OK) == 0 else { throw BenchError("/dev/kvm cannot be used") }
        return perf
    }
}

/// perf's options for the tracepoints and filters that vpmu records.
struct PerfEvents {
    let arguments: [String]

    /// Asks a short recording of vpmu's.
    init(_ vpmu: PeerProgram, _ scratch: Scratch) throws {
        let probe = scratch.file("probe.vpt")
        _ = try vpmu.run(["record", "--force", "-o", probe, "--duration", "50ms"], expecting: [0])
        let metadata = try TraceReader(path: probe).metadata
        arguments = metadata.tracepoints.flatMap { name in
            ["-e", name] + (metadata.filters[name].map { ["--filter", $0] } ?? [])
        }
        guard !arguments.isEmpty else { throw BenchError("vpmu records no tracepoint here") }
    }

    /// The number of samples in a file, as `perf report --stats` counts them.
    func samples(_ perf: PeerProgram, _ path: String, _ scratch: Scratch) throws -> Int {
        let output = scratch.file("stats.txt")
        _ = try perf.run(["report", "--stats", "-i", path], expecting: [0], output: output)
        let text = try String(contentsOfFile: output, encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.contains("SAMPLE events:") } ?? ""
        let digits = line.split(separator: ":").last?.split(separator: " ").first ?? ""
        guard let samples = Int(digits), samples > 0 else { throw BenchError("perf report --stats counted no samples") }
        return samples
    }
}
