/// Makes a whole trace of what can be read of a damaged or unfinished one.
///
/// Every block that passes its checks is kept byte for byte, before and behind the damage. What is missing becomes lost
/// records of its pCPU and interval, so that whatever judges the trace knows: with their number where the index or the
/// block's own header still tells, else as an unknown number.
public struct TraceSalvage: Equatable, Sendable {
    public private(set) var blocks = 0
    public private(set) var events: UInt64 = 0
    /// What could not be read.
    public private(set) var damage: [TraceDamage] = []
    /// The end of an unfinished trace, if it does not end on a whole frame.
    public private(set) var tail: TraceDamage?
    /// What the new trace says is lost because of it.
    public private(set) var lost: [LostRecords] = []
    /// The metadata was beyond repair; the new trace has none but what salvage wrote.
    public private(set) var metadataIsLost = false

    /// Reads `input`, which may be any file with at least one whole frame, and writes `output`.
    public init(from input: String, to output: String, existing: ExistingFile = .refuse) throws {
        let file = try InputFile(path: input)
        guard file.size > 0 else { throw TraceError.empty(path: file.path) }
        var survey = Survey(file)
        if try FrameFile(file: file).nextFrame(from: 0) == nil { try TraceIndex.expectTrace(FrameFile(file: file)) }
        try FrameFile(file: file).walk(from: 0) { step throws(TraceError) in try survey.take(step) }
        guard survey.frames > 0 else {
            throw TraceError.damaged(path: file.path, offset: 0, reason: "not one whole frame is left")
        }
        survey.finish()
        tail = survey.tail
        damage = survey.damage.sorted { $0.range.lowerBound < $1.range.lowerBound }
        lost = survey.losses(damage)
        metadataIsLost = survey.metadata == nil

        var metadata = survey.metadata ?? TraceMetadata(source: "salvage", tool: "unknown", clock: "unknown")
        if !damage.isEmpty || !survey.hasEnd {
            metadata.blindSpots.append(
                "Salvaged: \(damage.count) pieces of the original could not be read"
                    + (survey.hasEnd ? "." : ", and its recording did not end in order."))
        }
        var options = TraceWriter.Options(existing: existing)
        options.blockSpan = nil
        let writer = try TraceWriter(path: output, metadata: metadata, options: options)
        var isDone = false
        defer { if !isDone { writer.discard() } }
        writer.adopt(comms: survey.comms)
        let columns = BlockColumns()
        let decoder = BlockDecoder()
        var agreement = BlockAgreement()
        for block in survey.kept {
            let payload = try file.read(block.payloadLength, at: block.payloadOffset)
            var header = try BlockHeader(block)
            try payload.withUnsafeBytes { try decoder.decode(header, $0, into: columns) }
            var summary = TraceSummary()
            // What the order was disturbed by may be among what is missing.
            if try agreement.check(header, columns, into: &summary) {
                header.flags.insert(.disordered)
            } else {
                header.flags.remove(.disordered)
            }
            try writer.append(EncodedBlock(header: header, payload: payload, summary: summary))
        }
        for record in survey.lost + lost { try writer.append(record) }
        try writer.finish()
        isDone = true
        blocks = survey.kept.count
        events = writer.eventCount
    }
}

/// What is found on the way through the damaged file.
private struct Survey {
    private(set) var frames = 0
    private(set) var metadata: TraceMetadata?
    private(set) var comms: [String] = []
    private(set) var lost: [LostRecords] = []
    private(set) var kept: [Frame] = []
    private(set) var damage: [TraceDamage] = []
    private(set) var tail: TraceDamage?
    private(set) var hasEnd = false

    private let file: FrameFile
    private let zstd = ZstdDecompressor()
    private let decoder = BlockDecoder()
    private var agreement = BlockAgreement()
    private let columns = BlockColumns()
    /// Blocks as the index lists them, by offset, whether they can be read or not.
    private var indexed: [UInt64: IndexEntry] = [:]
    private var headers: [(offset: UInt64, header: BlockHeader)] = []

    init(_ file: InputFile) { self.file = FrameFile(file: file) }

    mutating func take(_ step: FrameStep) throws(TraceError) {
        switch step {
        case .frame(let frame):
            frames += 1
            do throws(FormatViolation) {
                try read(frame)
            } catch {
                note(frame.offset..<frame.end, error.reason, header: try? BlockHeader(frame))
            }
        case .damage(let piece): damage.append(piece)
        case .tail(let piece): tail = piece
        }
    }

    private mutating func note(_ range: Range<UInt64>, _ reason: String, header: BlockHeader?) {
        damage.append(
            TraceDamage(
                range: range, reason: reason, pcpu: header?.pcpu, interval: header.map { $0.first...$0.last },
                events: header.map { Int($0.events) }))
    }

    private mutating func read(_ frame: Frame) throws(FormatViolation) {
        switch frame.kind {
        case .header, .metadata: metadata = try TraceMetadata(json: try content(frame).bytes)
        case .comms:
            let (bytes, count) = try content(frame)
            try bytes.withBytes { bytes throws(FormatViolation) in
                try CommTable.decode(bytes, count: count, into: &comms)
            }
        case .lost:
            let (bytes, count) = try content(frame)
            try bytes.withBytes { bytes throws(FormatViolation) in
                try LostRecords.decode(bytes, count: count, into: &lost)
            }
        case .checkpoint:
            let (bytes, count) = try content(frame)
            let checkpoint = try bytes.withBytes { bytes throws(FormatViolation) in
                try Checkpoint(bytes, count: count)
            }
            for entry in checkpoint.entries where entry.kind == .block { indexed[entry.offset] = entry }
        case .end: hasEnd = true
        case .block:
            let header = try BlockHeader(frame)
            let payload: [UInt8]
            do throws(TraceError) {
                payload = try file.file.read(frame.payloadLength, at: frame.payloadOffset)
            } catch {
                throw FormatViolation(error.reason)
            }
            guard UInt32(truncatingIfNeeded: XXH64.hash(payload)) == frame.payloadChecksum else {
                throw FormatViolation("the checksum of a block's payload does not match")
            }
            try payload.withBytes { bytes throws(FormatViolation) in try decoder.decode(header, bytes, into: columns) }
            var summary = TraceSummary()
            _ = try agreement.check(header, columns, into: &summary)
            kept.append(frame)
            headers.append((frame.offset, header))
        }
    }

    private func content(_ frame: Frame) throws(FormatViolation) -> (bytes: [UInt8], count: Int) {
        do throws(TraceError) {
            return try file.content(frame, zstd)
        } catch {
            throw FormatViolation(error.reason)
        }
    }

    /// Names the blocks inside the damage that the index still knows.
    mutating func finish() {
        var named: [TraceDamage] = []
        let known = indexed.values.sorted { $0.offset < $1.offset }
        for piece in damage {
            let begin = known.partitioningIndex { $0.offset >= piece.range.lowerBound }
            let inside = known[begin...].prefix { $0.offset < piece.range.upperBound }
            guard piece.pcpu == nil, !inside.isEmpty else {
                named.append(piece)
                continue
            }
            named += inside.map {
                TraceDamage(
                    range: $0.offset..<min($0.offset + UInt64($0.length), piece.range.upperBound), reason: piece.reason,
                    pcpu: $0.pcpu, interval: $0.first...$0.last, events: Int($0.events))
            }
        }
        damage = named
    }

    /// Lost records for all that is missing.
    func losses(_ damage: [TraceDamage]) -> [LostRecords] {
        let first = headers.map(\.header.first).min() ?? 0
        let last = headers.map(\.header.last).max() ?? 0
        let blocks = Dictionary(grouping: headers, by: \.header.pcpu).mapValues { KeptBlocks($0) }
        let pcpus = blocks.keys.sorted()
        func gap(_ pcpu: UInt16, _ range: Range<UInt64>) -> ClosedRange<UInt64> {
            let earliest = blocks[pcpu]?.latest(before: range.lowerBound) ?? first
            return earliest...max(earliest, blocks[pcpu]?.earliest(from: range.upperBound) ?? last)
        }
        var losses: [LostRecords] = []
        for piece in damage {
            if let pcpu = piece.pcpu, let interval = piece.interval {
                losses.append(
                    LostRecords(
                        pcpu: pcpu, kind: nil, count: piece.events.map { UInt64($0) }, earliest: interval.lowerBound,
                        latest: interval.upperBound))
            } else {
                losses += unknown(pcpus, in: { gap($0, piece.range) })
            }
        }
        guard !hasEnd else { return losses }
        // The open blocks of a killed writer: nothing is known of a pCPU behind its last block.
        let end = kept.last?.end ?? 0
        return losses + unknown(pcpus.filter { gap($0, end..<end).lowerBound < last }, in: { gap($0, end..<end) })
    }

    private func unknown(_ pcpus: [UInt16], in interval: (UInt16) -> ClosedRange<UInt64>) -> [LostRecords] {
        pcpus.map {
            let interval = interval($0)
            return LostRecords(
                pcpu: $0, kind: nil, count: nil, earliest: interval.lowerBound, latest: interval.upperBound)
        }
    }
}

extension BlockHeader {
    init(_ frame: Frame) throws(FormatViolation) {
        guard frame.kind == .block else { throw FormatViolation("a \(frame.kind) frame where a block is due") }
        self = try frame.body.withBytes { body throws(FormatViolation) in
            try BlockHeader(body, payload: frame.payloadLength)
        }
    }
}

extension TraceSalvage {
    /// What was kept and what is missing, a line each.
    public func lines(of path: String) -> [String] {
        var lines = damage.map { piece in
            let events = piece.events.map { "\($0) events" } ?? "an unknown number of events"
            let place = piece.pcpu.map { " of pCPU \($0)" } ?? ""
            return "\(path): offset \(piece.range.lowerBound): \(piece.reason): \(events)\(place) lost"
        }
        if let tail { lines.append("\(path): offset \(tail.range.lowerBound): \(tail.reason): the rest is lost") }
        if metadataIsLost { lines.append("\(path): its metadata is lost: kernel, clock and processor are unknown") }
        lines.append("\(blocks) blocks with \(events) events kept")
        return lines
    }
}

/// One pCPU's blocks that were kept, to be asked for the times around a place in the file.
private struct KeptBlocks {
    private let offsets: [UInt64]
    /// The last time of all blocks up to each.
    private var latest: [UInt64] = []
    /// The first time of all blocks from each on.
    private var earliest: [UInt64] = []

    init(_ blocks: [(offset: UInt64, header: BlockHeader)]) {
        let blocks = blocks.sorted { $0.offset < $1.offset }
        offsets = blocks.map(\.offset)
        for block in blocks { latest.append(max(latest.last ?? 0, block.header.last)) }
        for block in blocks.reversed() { earliest.append(min(earliest.last ?? .max, block.header.first)) }
        earliest.reverse()
    }

    func latest(before offset: UInt64) -> UInt64? {
        let index = offsets.partitioningIndex { $0 >= offset }
        return index == 0 ? nil : latest[index - 1]
    }

    func earliest(from offset: UInt64) -> UInt64? {
        let index = offsets.partitioningIndex { $0 >= offset }
        return index == offsets.count ? nil : earliest[index]
    }
}
