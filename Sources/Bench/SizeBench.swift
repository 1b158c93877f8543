import Foundation
import Trace

/// Sizes of traces: a captured guest against `perf record -z`, the synthetic stream against its information content.
struct SizeBench {
    let effort: BenchEffort
    let capture: GuestCapture?

    func run(into outcome: inout BenchOutcome) throws {
        try captured(into: &outcome)
        try synthetic(into: &outcome)
    }

    private func captured(into outcome: inout BenchOutcome) throws {
        guard let capture else { return }
        let scratch = try Scratch()
        let archive = scratch.file("archive.vpt")
        try rewrite(capture.trace, to: archive, level: .archive)
        let perf = Double(try fileSize(capture.perfPath)) / Double(capture.perfSamples)
        for (path, name) in [(capture.tracePath, "default"), (archive, "archive")] {
            let own = Double(try fileSize(path)) / Double(capture.trace.eventCount)
            outcome.add(
                "size.captured.\(name)", own / perf, "of perf's bytes",
                peer: String(format: "perf record -z, %.2f B an event", perf),
                how: String(format: "%d events of the same guest run, %.2f B an event", capture.trace.eventCount, own))
        }
    }

    private func rewrite(_ trace: TraceReader, to path: String, level: TraceLevel) throws {
        let writer = try TraceWriter(
            path: path, metadata: trace.metadata, options: .init(existing: .refuse, level: level))
        for comm in trace.comms { _ = writer.comm(comm) }
        for lost in trace.lost { try writer.append(lost) }
        try trace.forEachEvent { event, _ in try writer.append(event) }
        try writer.finish()
    }

    private func synthetic(into outcome: inout BenchOutcome) throws {
        let scratch = try Scratch()
        for (level, name) in [(TraceLevel.fast, "default"), (.archive, "archive")] {
            let path = scratch.file(name)
            let stream = try SyntheticTrace.write(effort.events, to: path, level: level)
            let bits = stream.bits
            let size = try fileSize(path)
            let perEvent = Double(size) / Double(effort.events)
            outcome.add(
                "size.synthetic.\(name)", Double(size) * 8 / bits, "x entropy",
                peer: String(format: "information of the stream, %.2f B an event", bits / 8 / Double(effort.events)),
                how: String(
                    format: "%d events of %d vCPUs on %d pCPUs, %.2f B an event", effort.events, stream.vcpus,
                    stream.pcpus,
                    perEvent))
        }
    }
}

enum SyntheticTrace {
    /// Writes `events` synthetic events; answers the stream, which knows their information.
    @discardableResult
    static func write(
        _ events: Int, to path: String, level: TraceLevel = .fast, pcpus: Int = 64, vcpus: Int = 200
    ) throws -> SyntheticStream {
        var stream = SyntheticStream(seed: 0x2545_f491_4f6c_dd1d, pcpus: pcpus, vcpus: vcpus)
        let writer = try TraceWriter(
            path: path, metadata: stream.metadata, options: .init(existing: .replace, level: level))
        for _ in 0..<events { try writer.append(stream.event()) }
        try writer.finish()
        return stream
    }
}

/// Bytes in the file.
func fileSize(_ path: String) throws(BenchError) -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else { throw BenchError("\(path): \(String(cString: strerror(errno)))") }
    return Int(status.st_size)
}
