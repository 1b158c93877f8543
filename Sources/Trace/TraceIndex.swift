/// All that is known of a trace before an event is decoded.
struct TraceIndex {
    var metadata: TraceMetadata
    var comms: [String] = []
    var lost: [LostRecords] = []
    /// Every frame but checkpoints and the end, in file order.
    var entries: [IndexEntry] = []
    /// `entries` up to here are in `summary`.
    var counted = 0
    var summary = TraceSummary()
    var isComplete = false
    var tail: TraceDamage?
    var damage: [TraceDamage] = []

    /// How far back from the end of an unfinished file its last whole frame is searched: farther than the longest
    /// frame.
    private static let reach = UInt64(Frame.prefixSize + Frame.largestBody + Frame.largestPayload)

    /// Loads the index: by its checkpoints where they can be read, else frame by frame.
    static func load(_ file: InputFile) throws(TraceError) -> TraceIndex {
        let frames = FrameFile(file: file)
        let zstd = ZstdDecompressor()
        let header = try openHeader(frames)
        let json = try frames.content(header, zstd).bytes
        let metadata: TraceMetadata
        do throws(FormatViolation) {
            metadata = try TraceMetadata(json: json)
        } catch {
            throw .damaged(path: file.path, offset: 0, reason: error.reason)
        }
        var index = TraceIndex(metadata: metadata)
        let last = try frames.lastFrame(reach: reach)
        let lastCheckpoint = last.map { $0.kind == .checkpoint ? $0.offset : $0.checkpoint } ?? 0
        var next = header.end
        if lastCheckpoint > 0, let chain = try? readChain(frames, zstd, from: lastCheckpoint, start: 0) {
            index.entries = chain.entries
            index.counted = chain.entries.count
            index.summary = chain.summary
            next = chain.end
        } else {
            index.entries = [IndexEntry(kind: .header, offset: 0, length: header.length)]
        }
        try index.walk(frames, from: next)
        try index.readContents(frames, zstd)
        return index
    }

    /// The header frame, or why there is none.
    private static func openHeader(_ frames: FrameFile) throws(TraceError) -> Frame {
        try expectTrace(frames)
        let file = frames.file
        switch try frames.frame(at: 0) {
        case .frame(let frame) where frame.kind == .header: return frame
        case .frame(let frame):
            throw .damaged(
                path: file.path, offset: 0, reason: "it begins with a \(frame.kind) frame, not with its header")
        case .invalid(let reason): throw .damaged(path: file.path, offset: 0, reason: reason)
        case .short:
            throw .truncated(
                path: file.path, offset: file.size, need: try needed(frames), have: Int(clamping: file.size))
        case .newerVersion(let found):
            throw .newerVersion(path: file.path, found: found, supported: Int(Frame.majorVersion))
        }
    }

    /// Throws unless the file begins like a trace of a version that is read here, be it damaged.
    static func expectTrace(_ frames: FrameFile) throws(TraceError) {
        let file = frames.file
        guard file.size > 0 else { throw .empty(path: file.path) }
        let start = try file.read(64, at: 0)
        // Two of the three things that begin every trace make it one.
        let marks = [
            start.starts(with: Frame.start.prefix(start.count)),
            start.count >= 12 && Array(start[8..<12]) == Frame.tag,
            start.count > Frame.versionOffset && start[12] == Frame.Kind.header.rawValue
                && start[Frame.versionOffset] == Frame.majorVersion,
        ]
        guard marks.count(where: { $0 }) >= (start.count > Frame.versionOffset ? 2 : 1) else {
            throw .notATrace(path: file.path, looksLike: FileSniffer.name(start))
        }
        if case .newerVersion(let found) = try frames.frame(at: 0) {
            throw .newerVersion(path: file.path, found: found, supported: Int(Frame.majorVersion))
        }
    }

    private static func needed(_ frames: FrameFile) throws(TraceError) -> Int {
        let bytes = try frames.file.read(Frame.prefixSize + Frame.largestBody, at: 0)
        switch bytes.withUnsafeBytes({ Frame.parse($0, at: 0) }) {
        case .frame(let frame): return frame.length
        case .short(let need): return need
        case .newerVersion, .invalid: return Frame.prefixSize
        }
    }

    /// The checkpoints from the one at `offset` back to the first, which must cover the file from `start` without a
    /// gap.
    private static func readChain(
        _ frames: FrameFile, _ zstd: ZstdDecompressor, from offset: UInt64, start: UInt64
    ) throws -> (entries: [IndexEntry], summary: TraceSummary, end: UInt64) {
        var pieces: [[IndexEntry]] = []
        var summary: TraceSummary?
        var end: UInt64 = 0
        var at = offset
        while at > 0 {
            guard case .frame(let frame) = try frames.frame(at: at), frame.kind == .checkpoint else {
                throw FormatViolation("no checkpoint at \(at)")
            }
            let content = try frames.content(frame, zstd)
            let checkpoint = try content.bytes.withUnsafeBytes { try Checkpoint($0, count: content.count) }
            if summary == nil {
                summary = checkpoint.summary
                end = frame.end
            }
            var expected = start
            if frame.checkpoint > 0 {
                guard case .frame(let before) = try frames.frame(at: frame.checkpoint) else {
                    throw FormatViolation("no checkpoint at \(frame.checkpoint)")
                }
                expected = before.end
            }
            for entry in checkpoint.entries {
                guard entry.offset == expected else { throw FormatViolation("a gap in the index") }
                expected += UInt64(entry.length)
            }
            guard expected == frame.offset else { throw FormatViolation("a gap in the index") }
            pieces.append(checkpoint.entries)
            at = frame.checkpoint
        }
        return (pieces.reversed().flatMap { $0 }, summary ?? TraceSummary(), end)
    }

    /// Goes from frame to frame up to the end, and over damage to the next frame that can be read.
    private mutating func walk(_ frames: FrameFile, from start: UInt64) throws(TraceError) {
        try frames.walk(from: start) { step in
            switch step {
            case .frame(let frame): take(frame)
            case .damage(let piece): damage.append(piece)
            case .tail(let piece):
                tail = piece
                isComplete = false
            }
        }
    }

    private mutating func take(_ frame: Frame) {
        isComplete = false
        switch frame.kind {
        case .end: isComplete = true
        case .checkpoint: break
        case .header: damage.append(.init(range: frame.offset..<frame.end, reason: "a second header"))
        case .block:
            do throws(FormatViolation) {
                let header = try BlockHeader(frame)
                entries.append(IndexEntry(header, offset: frame.offset, length: frame.length))
            } catch {
                damage.append(.init(range: frame.offset..<frame.end, reason: error.reason))
            }
        case .lost, .comms, .metadata:
            entries.append(IndexEntry(kind: frame.kind, offset: frame.offset, length: frame.length))
        }
    }

    /// Reads the small frames: comms, lost records, and the last metadata.
    private mutating func readContents(_ frames: FrameFile, _ zstd: ZstdDecompressor) throws(TraceError) {
        for entry in entries where entry.kind != .block && entry.kind != .header {
            do {
                guard case .frame(let frame) = try frames.frame(at: entry.offset), frame.kind == entry.kind else {
                    throw FormatViolation("the \(entry.kind) frame does not match its checksum or the index")
                }
                let (bytes, count) = try frames.content(frame, zstd)
                switch entry.kind {
                case .comms: try bytes.withUnsafeBytes { try CommTable.decode($0, count: count, into: &comms) }
                case .lost: try bytes.withUnsafeBytes { try LostRecords.decode($0, count: count, into: &lost) }
                case .metadata: metadata = try TraceMetadata(json: bytes)
                case .header, .block, .checkpoint, .end: break
                }
            } catch {
                let reason = (error as? FormatViolation)?.reason ?? (error as? TraceError)?.reason ?? "\(error)"
                damage.append(.init(range: entry.offset..<entry.offset + UInt64(entry.length), reason: reason))
            }
        }
        damage.sort { $0.range.lowerBound < $1.range.lowerBound }
    }
}
