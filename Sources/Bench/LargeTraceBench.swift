import Foundation
import Trace

/// A trace of 10 GB: opening it and reading one second out of its middle must touch next to nothing of it.
struct LargeTraceBench {
    let effort: BenchEffort
    let executable: String

    private static let pcpus = 16
    /// Of the trace's clock.
    private static let hours: UInt64 = 3
    /// As many bytes in a block as 64 Ki ordinary events take, so that there are as many blocks as in an ordinary trace
    /// of this size.
    private static let eventsPerBlock = 7_000

    func run(into outcome: inout BenchOutcome) throws {
        let scratch = try Scratch()
        let wanted = effort.largeTraceBytes
        guard scratch.free > wanted + wanted / 2 else {
            outcome.skipped.append(
                BenchSkip(
                    name: "decode.large",
                    why: "\(scratch.path): \(scratch.free >> 30) GB free, wanted \(wanted * 3 / 2 >> 30)"))
            return
        }
        let path = scratch.file("large.vpt")
        try write(path, bytes: wanted)
        let size = try fileSize(path)
        let gigabytes = String(format: "%.1f GB", Double(size) / 1e9)

        let vpmu = PeerProgram(path: executable)
        var rounds = Rounds()
        try rounds.run(effort.rounds + 1, [("info", { try vpmu.run(["info", path], expecting: [0]).wall })])
        outcome.add(
            "decode.large.info", rounds.median("info") * 1e3, "ms", peer: "a file of \(gigabytes)",
            how: "vpmu info, whole process")

        let before = try Self.bytesRead()
        let trace = try TraceReader(path: path)
        let middle = Self.hours * 1_800_000_000_000
        var seen = 0
        try trace.forEachEvent(in: middle...middle + 999_999_999) { _, _ in seen += 1 }
        let read = try Self.bytesRead() - before
        outcome.add(
            "decode.large.second", Double(read) / Double(size) * 100, "% read", peer: "a file of \(gigabytes)",
            how: "opened, and one second of \(Self.hours) hours read: \(seen) events, \(read >> 10) KiB")
    }

    /// Events that do not compress, so that the file grows faster than its number of events.
    private func write(_ path: String, bytes: Int) throws {
        var metadata = TraceMetadata(source: "bench", tool: "vpmu bench", clock: "simulated")
        metadata.topology = (0..<Self.pcpus).map { .init(id: $0, socket: 0, core: $0) }
        var options = TraceWriter.Options()
        options.eventsPerBlock = Self.eventsPerBlock
        let writer = try TraceWriter(path: path, metadata: metadata, options: options)
        var random: UInt64 = 88_172_645_463_325_252
        func word() -> UInt64 {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            return random
        }
        let events = UInt64(bytes / 26)
        let step = max(1, Self.hours * 3_600_000_000_000 / events)
        for number in 0..<events {
            var event = TraceEvent.kvmExit(
                time: number * step, pcpu: UInt16(number % UInt64(Self.pcpus)), pid: Int32(number % 16), vcpu: 0,
                reason: 32,
                rip: word())
            event.value2 = word()
            event.value3 = word()
            try writer.append(event)
        }
        try writer.finish()
    }

    /// Bytes that this process has asked the kernel for so far.
    private static func bytesRead() throws(BenchError) -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/io", encoding: .utf8)) ?? ""
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("rchar:") }),
            let bytes = line.split(separator: " ").last.flatMap({ Int($0) })
        else { throw BenchError("/proc/self/io does not tell what was read") }
        return bytes
    }
}
