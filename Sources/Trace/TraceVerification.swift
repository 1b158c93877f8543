/// Everything that can be checked of a trace: every checksum, every length, and that index, headers and contents agree.
public struct TraceVerification: Equatable, Sendable {
    public private(set) var path: String
    /// Bytes in the file.
    public private(set) var size: UInt64
    /// The file ends with its end mark.
    public private(set) var isComplete = false
    /// Bytes after the last readable frame of an unfinished file.
    public private(set) var tail: TraceDamage?
    public private(set) var damage: [TraceDamage] = []
    /// Blocks and events that read whole.
    public private(set) var blocks = 0
    public private(set) var events: UInt64 = 0

    /// Nothing is wrong and nothing is missing.
    public var isGood: Bool { isComplete && damage.isEmpty && tail == nil }

    /// Reads the whole file. Throws only where the file is none of ours, or cannot be read at all.
    public init(path: String) throws(TraceError) {
        let file = try InputFile(path: path)
        self.path = file.path
        size = file.size
        try TraceIndex.expectTrace(FrameFile(file: file))
        var check = FrameCheck(file)
        try FrameFile(file: file).walk(from: 0) { step throws(TraceError) in
            switch step {
            case .frame(let frame): try check.take(frame)
            case .damage(let piece): check.damage.append(piece)
            case .tail(let piece): tail = piece
            }
        }
        isComplete = check.isComplete && tail == nil
        damage = check.damage.sorted { $0.range.lowerBound < $1.range.lowerBound }
        blocks = check.blocks
        events = check.events
    }

    /// One line on each thing that is wrong, or one that says that nothing is.
    public var lines: [String] {
        var lines = damage.map { "\(path): offset \($0.range.lowerBound): damaged: \($0.reason)" }
        if let tail { lines.append("\(path): offset \(tail.range.lowerBound): unfinished: \(tail.reason)") }
        if !isComplete, tail == nil { lines.append("\(path): offset \(size): unfinished: the end mark is missing") }
        let sum = "\(blocks) blocks with \(events) events read whole"
        lines.append(isGood ? "\(path): good: \(sum)" : "\(path): \(sum); `vpmu salvage` keeps them")
        return lines
    }
}

/// Checks frame after frame.
private struct FrameCheck {
    var damage: [TraceDamage] = []
    var isComplete = false
    private(set) var blocks = 0
    private(set) var events: UInt64 = 0

    private let frames: FrameFile
    private let zstd = ZstdDecompressor()
    private let decoder = BlockDecoder()
    private let columns = BlockColumns()
    private var comms: [String] = []
    private var lost: [LostRecords] = []
    private var summary = TraceSummary()
    /// What the next checkpoint has to list.
    private var entries: [IndexEntry] = []
    private var lastCheckpoint: UInt64 = 0
    private var agreement = BlockAgreement()
    private var sequence: UInt32 = 0
    private var hasEnded = false

    init(_ file: InputFile) { frames = FrameFile(file: file) }

    mutating func take(_ frame: Frame) throws(TraceError) {
        do throws(FormatViolation) {
            guard frame.checkpoint == lastCheckpoint else {
                throw FormatViolation("the checkpoint before it is at \(lastCheckpoint), not at \(frame.checkpoint)")
            }
            guard !hasEnded else { throw FormatViolation("a frame after the end mark") }
            try check(frame)
        } catch {
            damage.append(.init(range: frame.offset..<frame.end, reason: error.reason))
        }
        if frame.kind == .checkpoint {
            lastCheckpoint = frame.offset
            entries = []
        }
        isComplete = frame.kind == .end
    }

    private mutating func check(_ frame: Frame) throws(FormatViolation) {
        switch frame.kind {
        case .header, .metadata:
            guard (frame.kind == .header) == (frame.offset == 0) else {
                throw FormatViolation("a \(frame.kind) frame out of place")
            }
            entries.append(IndexEntry(kind: frame.kind, offset: frame.offset, length: frame.length))
            _ = try TraceMetadata(json: try content(frame).bytes)
        case .comms:
            entries.append(IndexEntry(kind: frame.kind, offset: frame.offset, length: frame.length))
            let (bytes, count) = try content(frame)
            try bytes.withBytes { bytes throws(FormatViolation) in
                try CommTable.decode(bytes, count: count, into: &comms)
            }
        case .lost:
            entries.append(IndexEntry(kind: frame.kind, offset: frame.offset, length: frame.length))
            let (bytes, count) = try content(frame)
            lost.removeAll()
            try bytes.withBytes { bytes throws(FormatViolation) in
                try LostRecords.decode(bytes, count: count, into: &lost)
            }
        case .block: try checkBlock(frame)
        case .checkpoint:
            let (bytes, count) = try content(frame)
            let checkpoint = try bytes.withBytes { bytes throws(FormatViolation) in
                try Checkpoint(bytes, count: count)
            }
            // After damage the index knows more than was read: that is no fault of the index.
            guard damage.isEmpty else { return }
            guard checkpoint.entries == entries else {
                throw FormatViolation("the index does not list the frames before it as they are")
            }
            guard checkpoint.summary == summary else {
                throw FormatViolation(
                    "the index counts \(checkpoint.summary.records) events, the blocks \(summary.records)")
            }
        case .end:
            let numbers = try frame.body.withBytes { bytes throws(FormatViolation) in
                var reader = ByteReader(bytes)
                return (try reader.read(UInt64.self), try reader.read(UInt64.self))
            }
            hasEnded = true
            guard damage.isEmpty || numbers.0 < events else { return }
            guard numbers.0 == events, numbers.1 == UInt64(blocks) else {
                throw FormatViolation(
                    "the end mark counts \(numbers.1) blocks with \(numbers.0) events, \(blocks) with \(events) were read"
                )
            }
        }
    }

    private func content(_ frame: Frame) throws(FormatViolation) -> (bytes: [UInt8], count: Int) {
        do throws(TraceError) {
            return try frames.content(frame, zstd)
        } catch {
            throw FormatViolation(error.reason)
        }
    }

    private mutating func checkBlock(_ frame: Frame) throws(FormatViolation) {
        let header = try BlockHeader(frame)
        entries.append(IndexEntry(header, offset: frame.offset, length: frame.length))
        let expected = sequence
        sequence = header.sequence &+ 1
        let payload: [UInt8]
        do throws(TraceError) {
            payload = try frames.file.read(frame.payloadLength, at: frame.payloadOffset)
        } catch {
            throw FormatViolation(error.reason)
        }
        guard UInt32(truncatingIfNeeded: XXH64.hash(payload)) == frame.payloadChecksum else {
            throw FormatViolation("the checksum of a block's payload does not match")
        }
        try payload.withBytes { bytes throws(FormatViolation) in try decoder.decode(header, bytes, into: columns) }
        let isDisordered = try agreement.check(header, columns, into: &summary)
        blocks += 1
        events += UInt64(header.events)
        guard isDisordered == header.flags.contains(.disordered) else {
            throw FormatViolation("a block's header is wrong about the order of its events")
        }
        guard header.sequence == expected || !damage.isEmpty else {
            throw FormatViolation("block number \(header.sequence) where \(expected) is due")
        }
    }
}
