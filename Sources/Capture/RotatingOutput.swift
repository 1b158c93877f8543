import Foundation
import Trace

/// The file or files of a recording: one after the other where they are rotated, the oldest removed where space is
/// limited.
///
/// A file that is not the last is finished like any other: each is a whole trace with the metadata of all. Names of
/// threads are numbered once for the recording and again for each file, so that files do not depend on each other.
final class RotatingOutput: TraceSink {
    private let output: RecordingSession.Output
    private let limits: RecordingLimits
    /// What each file is told; threads and remarks are added as they become known.
    var metadata: TraceMetadata
    private var writer: TraceWriter
    private var fileNumber: Int
    private var openedAt: UInt64
    /// Finished files that are still there, the oldest first.
    private var finished: [(path: String, bytes: UInt64)] = []
    /// Paths written, also those removed since.
    private(set) var filesWritten = 1
    private(set) var filesRemoved = 0
    private var names: [String] = []
    private var nameIndex: [String: UInt32] = [:]
    /// The writer's number of each name, -1 where it has none yet.
    private var writerIndex: [Int64] = []
    private var finishedBytes: UInt64 = 0
    /// Events that the writer had, and bytes that it had written, when it last wrote any.
    private var writtenState: (bytes: UInt64, events: UInt64) = (0, 0)

    init(output: RecordingSession.Output, limits: RecordingLimits, metadata: TraceMetadata, now: UInt64) throws {
        guard limits.rotation == nil || output.path != "-" else {
            throw CaptureError.usage("standard output cannot be rotated")
        }
        self.output = output
        self.limits = limits
        self.metadata = metadata
        fileNumber = 1
        openedAt = now
        let path = limits.rotation == nil ? output.path : Self.path(output.path, number: 1)
        writer = try TraceWriter(path: path, metadata: metadata, options: .init(existing: output.existing))
    }

    var bytesWritten: UInt64 { finishedBytes + writer.bytesWritten }

    /// The files that are there now, the oldest first.
    var paths: [String] { finished.map(\.path) + [writer.path] }

    func append(_ event: TraceEvent) throws {
        var event = event
        if event.kind.namesThreads { rename(&event) }
        try writer.append(event)
    }

    /// The same for many; those that name threads are changed in place.
    func append(_ events: UnsafeMutableBufferPointer<TraceEvent>) throws {
        for index in events.indices where events[index].kind.namesThreads { rename(&events[index]) }
        try writer.append(UnsafeBufferPointer(events))
    }

    /// Gives names the numbers that they have in the current file.
    private func rename(_ event: inout TraceEvent) {
        let second = event.kind == .processExit ? 0 : UInt64(name(event.nextComm)) << 32
        event.value2 = UInt64(name(event.prevComm)) | second
    }

    func append(_ lost: LostRecords) throws {
        try writer.append(lost)
    }

    func comm(_ comm: String) -> UInt32 {
        if let index = nameIndex[comm] { return index }
        let index = UInt32(names.count)
        names.append(comm)
        writerIndex.append(-1)
        nameIndex[comm] = index
        return index
    }

    private func name(_ index: UInt32) -> UInt32 {
        if writerIndex[Int(index)] < 0 { writerIndex[Int(index)] = Int64(writer.comm(names[Int(index)])) }
        return UInt32(writerIndex[Int(index)])
    }

    /// Writes what has waited long enough, begins a new file when it is time, and says whether the recording may go on.
    func tick(now: UInt64) throws -> RecordingDecision {
        if now > RecordingSession.longestWaitNanoseconds {
            try writer.flush(before: now - RecordingSession.longestWaitNanoseconds)
        }
        if writer.bytesWritten != writtenState.bytes { writtenState = (writer.bytesWritten, writer.eventCount) }
        switch limits.rotation {
        case .every(let nanoseconds)?: if now - openedAt >= nanoseconds { try rotate(now: now) }
        case .size(let bytes)?: if expectedBytes >= bytes { try rotate(now: now) }
        case nil:
            if let most = limits.mostBytes, expectedBytes >= most { return .stop }
        }
        try removeOld()
        return .goOn
    }

    /// Bytes of the current file, with a guess of what those events will need that still wait.
    private var expectedBytes: UInt64 {
        writer.bytesWritten + (writer.eventCount - writtenState.events) * Self.bytesPerWaitingEvent
    }

    /// Traces take two to six bytes an event, with small blocks nearer to six.
    private static let bytesPerWaitingEvent: UInt64 = 5

    /// Writes everything that waits, so that it can be read now.
    func flush() throws {
        try writer.flush()
    }

    func finish() throws {
        try finishFile()
        try removeOld()
    }

    /// What the footer itself adds to the bytes written is not yet known when it tells of them.
    private func finishFile() throws {
        try writer.flush()
        metadata.recorder?.bytes = bytesWritten
        writer.metadata = metadata
        try writer.finish()
    }

    private func rotate(now: UInt64) throws {
        try finishFile()
        finished.append((writer.path, writer.bytesWritten))
        finishedBytes += writer.bytesWritten
        fileNumber += 1
        filesWritten += 1
        openedAt = now
        writer = try TraceWriter(
            path: Self.path(output.path, number: fileNumber), metadata: metadata,
            options: .init(existing: output.existing))
        writerIndex = Array(repeating: -1, count: names.count)
        writtenState = (0, 0)
    }

    /// Removes finished files, the oldest first, while there are too many or they are too large.
    private func removeOld() throws {
        guard limits.rotation != nil else { return }
        while let oldest = finished.first {
            let tooMany = limits.mostFiles.map { finished.count + 1 > $0 } ?? false
            let total = finished.reduce(writer.bytesWritten) { $0 + $1.bytes }
            guard tooMany || (limits.mostBytes.map { total > $0 } ?? false) else { return }
            // Only what this recording has made itself.
            unlink(oldest.path)
            finished.removeFirst()
            filesRemoved += 1
        }
    }

    /// `host.vpt` becomes `host.0001.vpt`.
    static func path(_ path: String, number: Int) -> String {
        let digits = String(format: "%04d", number)
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return "\(path).\(digits)" }
        let suffix = name[dot...]
        return "\(path.dropLast(suffix.count)).\(digits)\(suffix)"
    }
}

/// How much a recording may write, and into how many files.
public struct RecordingLimits: Sendable, Equatable {
    /// When a new file is begun; nil: never.
    public var rotation: Rotation?
    /// Files that are kept; the oldest are removed. Only with rotation.
    public var mostFiles: Int?
    /// Bytes on disk: with rotation the oldest files are removed, without it the recording ends. It is looked at about
    /// ten times a second, so that a little more may be written.
    public var mostBytes: UInt64?

    public enum Rotation: Sendable, Equatable {
        /// Nanoseconds.
        case every(UInt64)
        /// Bytes.
        case size(UInt64)
    }

    public init(rotation: Rotation? = nil, mostFiles: Int? = nil, mostBytes: UInt64? = nil) {
        self.rotation = rotation
        self.mostFiles = mostFiles
        self.mostBytes = mostBytes
    }

    /// - Throws: `CaptureError.usage` for limits that make no sense together.
    func validate() throws {
        if let mostFiles {
            guard mostFiles >= 2 else { throw CaptureError.usage("at least 2 files must be kept, not \(mostFiles)") }
            guard rotation != nil else { throw CaptureError.usage("a number of files only makes sense with --rotate") }
        }
        if case .size(let bytes)? = rotation, let most = mostBytes, most < 2 * bytes {
            throw CaptureError.usage("a limit of \(most) bytes does not hold two files of \(bytes) bytes")
        }
    }
}
