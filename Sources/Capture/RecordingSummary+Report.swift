import Foundation
import Trace

extension RecordingSummary {
    /// What a person wants to know at the end, one fact a line.
    public func text(path: String) -> String {
        let seconds = Self.decimal(Double(durationNanoseconds) / 1e9)
        let kinds = EventKind.allCases.filter { read($0) > 0 }.map { "\($0.tracepoint) \(read($0))" }
        var lines = [
            "Recorded \(read) records in \(seconds) s on \(rings.count) CPU\(rings.count == 1 ? "" : "s"), "
                + lossText
                + (kinds.isEmpty ? "." : ": \(kinds.joined(separator: ", ")).")
        ]
        if lost > 0, mode == .continuous {
            for ring in rings where ring.lost > 0 {
                lines.append("  CPU \(ring.pcpu): \(ring.made) made, \(ring.read) read, \(ring.lost) lost")
            }
            lines.append("  A larger --buffer loses less.")
        }
        let vcpus = threads.filter { $0.vcpu != nil }
        if !vcpus.isEmpty {
            lines.append(
                "Saw \(vcpus.count) vCPU thread\(vcpus.count == 1 ? "" : "s") of \(Set(vcpus.compactMap(\.pid)).count) VM process(es)."
            )
        }
        lines += remarks.map { "Note: \($0)" }
        switch end {
        case .sinkFailed(let reason): lines.append("Ended early: \(reason)")
        case .command(let code) where code != 0: lines.append("The command ended with exit code \(code).")
        default: break
        }
        if end == .sizeLimit { lines.append("Ended at the size that --max-size allows.") }
        lines.append(
            "The recorder used \(Self.decimal(Double(cost.cpuNanoseconds) / 1e6)) ms of CPU time and woke up \(cost.wakeUps) times."
        )
        if filesRemoved > 0 { lines.append("Removed the \(filesRemoved) oldest files.") }
        if bytesWritten > 0, path != "-" {
            lines.append(
                "Wrote \(paths.joined(separator: ", ")), \(bytesWritten) bytes\(paths.count > 1 ? " in all" : "").")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var lossText: String {
        switch (lost, mode) {
        case (0, _): "none lost"
        case (_, .flightRecorder): "\(lost) older ones overwritten"
        case (_, .continuous): "\(lost) LOST"
        }
    }

    /// The same for programs: `{"schemaVersion":1, "end", "records", "made", "lost", "rings", ...}`, keys sorted.
    public func json(path: String) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(Document(self, path: path)), as: UTF8.self) + "\n"
    }

    private static func decimal(_ number: Double) -> String {
        String(format: "%.1f", number)
    }

    private struct Document: Encodable {
        struct Count: Encodable {
            var made: UInt64?
            var read: UInt64
            var lost: UInt64
        }
        struct Ring: Encodable {
            var pcpu: Int
            var made: UInt64
            var read: UInt64
            var lost: UInt64
            var lostOfUnknownTracepoint: UInt64
            var tracepoints: [String: Count]
        }
        var schemaVersion = 1
        var path: String
        var end: String
        var commandExitCode: Int32?
        var durationNs: UInt64
        var records: [String: UInt64]
        var made: UInt64
        var read: UInt64
        var lost: UInt64
        var bytes: UInt64
        var files: [String]
        var filesRemoved: Int
        var recorderCPUNs: UInt64
        var recorderWakeUps: UInt64
        var rings: [Ring]
        var remarks: [String]

        init(_ summary: RecordingSummary, path: String) {
            self.path = path
            switch summary.end {
            case .duration: end = "duration"
            case .signal(let number): end = "signal \(number)"
            case .command(let code):
                end = "command"
                commandExitCode = code
            case .control: end = "control"
            case .overhead: end = "overhead"
            case .sizeLimit: end = "size limit"
            case .caller: end = "caller"
            case .sinkFailed(let reason): end = "failed: \(reason)"
            }
            durationNs = summary.durationNanoseconds
            records = Dictionary(uniqueKeysWithValues: EventKind.allCases.map { ($0.tracepoint, summary.read($0)) })
            made = summary.made
            read = summary.read
            lost = summary.lost
            bytes = summary.bytesWritten
            files = summary.paths
            filesRemoved = summary.filesRemoved
            recorderCPUNs = summary.cost.cpuNanoseconds
            recorderWakeUps = summary.cost.wakeUps
            rings = summary.rings.map { ring in
                let counts = ring.tracepoints.map {
                    ($0.kind.tracepoint, Count(made: $0.made, read: $0.read, lost: $0.lost))
                }
                return Ring(
                    pcpu: ring.pcpu, made: ring.made, read: ring.read, lost: ring.lost,
                    lostOfUnknownTracepoint: ring.lostOfUnknownKind,
                    tracepoints: Dictionary(counts, uniquingKeysWith: { first, _ in first }))
            }
            remarks = summary.remarks
        }
    }
}
