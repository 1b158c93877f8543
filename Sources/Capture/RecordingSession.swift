import Trace

/// One recording into one file, or several in turn where it rotates: a recorder, a writer, and what the trace must be
/// told at the end.
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

    /// Where no limit must be kept the encoder sleeps so long, or until there is work enough: waking it costs more than
    /// the few events that a quiet host makes meanwhile.
    private static let encoderRestNanoseconds: UInt64 = 450_000_000

    /// Records as `options` say. Nothing is created before everything that can be refused has been opened.
    ///
    /// - Throws: `CaptureError` or `TraceError`. A full disk is not thrown but told in the summary's `end`: what was
    ///   written before it is a readable, unfinished trace.
    public static func record(
        options: RecordingOptions, output: Output, privileges: Privileges.Use = .keep, tool: String,
        commandLine: [String],
        progress: (Progress) -> Void = { _ in }
    ) throws -> RecordingSummary {
        // From before the file exists until it is finished, so that no signal leaves half a file.
        let held = try HeldSignals()
        defer { held.release() }
        let recorder = try Recorder(options: options, tool: tool, commandLine: commandLine)
        let files = try RotatingOutput(
            output: output, limits: options.limits, metadata: recorder.metadata, now: MonotonicClock.now())
        if privileges == .drop, recorder.source.needsNoPrivileges { try Privileges.drop() }
        var encoder = EncodingThread(files)
        defer { encoder.close() }
        var hitLimit = false
        func metadata(_ threads: [TraceMetadata.ThreadIdentity], _ remarks: [String], _ cost: RecorderCost)
            -> TraceMetadata
        {
            var metadata = recorder.metadata
            metadata.threads = threads
            metadata.blindSpots += remarks
            metadata.recorder = cost
            return metadata
        }
        let encoding = encoder
        var told = MonotonicClock.now()
        var summary = try recorder.run(into: &encoder) { state in
            let now = MonotonicClock.now()
            if state.reason == .snapshot {
                try encoding.flush()
            } else if options.limits == RecordingLimits(), now - told < Self.encoderRestNanoseconds {
                return .goOn
            }
            told = now
            let decision = try encoding.tick(
                now: now, metadata: metadata(state.threads, state.remarks, state.cost))
            hitLimit = decision == .stop
            progress(Progress(recording: state, bytesWritten: encoding.bytesWritten))
            return decision
        }
        if hitLimit { summary.end = .sizeLimit }
        if case .sinkFailed = summary.end {
        } else {
            do {
                try encoder.finish(metadata: metadata(summary.threads, summary.remarks, summary.cost))
                summary.bytesWritten = files.bytesWritten
                summary.cost.bytes = files.bytesWritten
            } catch {
                summary.end = .sinkFailed("\(error)")
            }
        }
        encoder.close()
        summary.paths = files.paths
        summary.filesRemoved = files.filesRemoved
        return summary
    }
}
