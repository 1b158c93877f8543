import Trace

/// How a recording ended and what it holds.
public struct RecordingSummary: Sendable {
    public var end: End
    /// One for each ring, by CPU.
    public var rings: [RingAccount]
    public var durationNanoseconds: UInt64
    /// Threads of virtual machines seen at any time of the recording, by thread id.
    public var threads: [TraceMetadata.ThreadIdentity]
    /// What turned out while recording and limits what the trace shows, one sentence each.
    public var remarks: [String]
    /// Bytes written in all; 0 where no file was finished.
    public var bytesWritten: UInt64 = 0
    /// The files that are there at the end, the oldest first.
    public var paths: [String] = []
    /// Files removed again because there were too many or they were too large.
    public var filesRemoved = 0
    public var cost = RecorderCost()
    public var mode = RecordingMode.continuous

    public enum End: Equatable, Sendable {
        case duration
        case signal(Int32)
        /// The command ended by itself; its exit code, or 128 + the signal that ended it.
        case command(code: Int32)
        /// The control command `stop`.
        case control
        /// The recorder used more of the CPU than it was allowed.
        case overhead
        /// The file has reached the size that was allowed.
        case sizeLimit
        /// The caller's `tick` said so.
        case caller
        /// The sink could not take more; the recording was ended in order.
        case sinkFailed(String)
    }

    public var made: UInt64 { rings.reduce(0) { $0 + $1.made } }
    public var read: UInt64 { rings.reduce(0) { $0 + $1.read } }
    public var lost: UInt64 { rings.reduce(0) { $0 + $1.lost } }

    /// Records read of one tracepoint, over all CPUs.
    public func read(_ kind: EventKind) -> UInt64 {
        rings.reduce(0) { $0 + $1.tracepoints.filter { $0.kind == kind }.reduce(0) { $0 + $1.read } }
    }
}

/// How far a recording is.
public struct RecordingProgress: Sendable {
    public enum Reason: Sendable {
        /// Time has passed.
        case tick
        /// All that the rings held has just been handed to the sink.
        case snapshot
    }

    public var reason: Reason
    public var elapsedNanoseconds: UInt64
    /// Records taken out of the rings.
    public var records: UInt64
    /// Threads of virtual machines, and what limits the trace, as far as known yet.
    public var threads: [TraceMetadata.ThreadIdentity]
    public var remarks: [String]
    /// What the recorder has used so far; bytes are the file's business.
    public var cost: RecorderCost
}

/// Whether a recording goes on.
public enum RecordingDecision: Sendable {
    case goOn
    case stop
}
