import Trace

/// One recording into one file: a recorder, a writer, and what the trace must be told at the end.
public enum RecordingSession {
    public struct Output: Sendable {
        public var path: String
        public var existing: ExistingFile

        public init(path: String, existing: ExistingFile) {
            self.path = path
            self.existing = existing
        }
    }

    public struct Progress: Sendable {
        public var recording: RecordingProgress
        public var bytesWritten: UInt64
    }

    /// Events younger than this may wait in memory; older ones are written, so that a killed recorder loses little.
    static let longestWaitNanoseconds: UInt64 = 1_000_000_000

    /// Records as `options` say. Nothing is created before everything that can be refused has been opened.
    ///
    /// - Throws: `CaptureError` or `TraceError`. A full disk is not thrown but told in the summary's `end`: what was
    ///   written before it is a readable, unfinished trace.
    public static func record(
        options: RecordingOptions, output: Output, tool: String, commandLine: [String],
        progress: (Progress) -> Void = { _ in }
    ) throws -> RecordingSummary {
        let recorder = try Recorder(options: options, tool: tool, commandLine: commandLine)
        let writer = try TraceWriter(
            path: output.path, metadata: recorder.metadata, options: .init(existing: output.existing))
        var sink = writer
        var summary = try recorder.run(into: &sink) { state in
            let now = MonotonicClock.now()
            if now > longestWaitNanoseconds { try writer.flush(before: now - longestWaitNanoseconds) }
            progress(Progress(recording: state, bytesWritten: writer.bytesWritten))
            return .goOn
        }
        writer.metadata.threads = summary.threads
        writer.metadata.blindSpots += summary.remarks
        if case .sinkFailed = summary.end { return summary }
        do {
            try writer.finish()
            summary.bytesWritten = writer.bytesWritten
        } catch {
            summary.end = .sinkFailed("\(error)")
        }
        return summary
    }
}
