/// Writes a `.vpt` trace: append-only and crash-safe.
///
/// Events wait per pCPU until a block is full, too old, or too much waits in all; a block is written with one `write`, so
/// whatever kills the writer costs the open blocks and nothing else. `finish()` writes what waits, the end of the index and
/// the end mark; without it the file reads normally and is marked unfinished.
///
/// Not thread-safe: one thread at a time may use it.
public final class TraceWriter: TraceSink {
    public let path: String
    /// What the trace says of itself. The value at `init` opens the file; a changed one is written again at the end.
    public var metadata: TraceMetadata
    /// Events appended so far.
    public private(set) var eventCount: UInt64 = 0
    /// Bytes written so far.
    public var bytesWritten: UInt64 { file.offset }

    private let options: Options
    private let eventsPerBlock: Int
    private var file: OutputFile
    private let encoder: BlockEncoder
    private let compressor: ZstdCompressor
    private let firstMetadata: TraceMetadata
    private var pending: PendingBlocks
    private var waitingLost: [LostRecords] = []
    private var comms: [String] = []
    private var commIndex: [String: UInt32] = [:]
    private var commsWritten = 0
    private var checkpoint = Checkpoint()
    private var lastCheckpoint: UInt64 = 0
    private var blocksSinceCheckpoint = 0
    private var blockCount: UInt32 = 0
    private var latest: UInt64 = 0
    private var isFinished = false

    /// Creates the file (0600; a symbolic link is refused, never followed) and writes its header. `-` is standard output.
    public init(path: String, metadata: TraceMetadata, options: Options = Options()) throws(TraceError) {
        self.path = path
        self.metadata = metadata
        firstMetadata = metadata
        self.options = options
        let share = (1 << 20) / max(1, metadata.topology.count)
        eventsPerBlock = min(BlockHeader.mostEvents, max(1, options.eventsPerBlock ?? max(4096, share)))
        pending = PendingBlocks(eventsPerBlock: eventsPerBlock)
        encoder = BlockEncoder(level: options.level)
        compressor = ZstdCompressor(level: .fast)
        file = try OutputFile.create(path: path, existing: options.existing)
        try writeContent(.header, try metadata.json(path: path), count: 1)
    }

    public func append(_ event: TraceEvent) throws {
        try append(event: event)
    }

    public func append(_ lost: LostRecords) throws {
        guard !isFinished else { throw TraceError.finished(path: path) }
        waitingLost.append(lost)
        if waitingLost.count >= 65_536 { try writeLost() }
    }

    /// Names longer than 4,096 bytes are cut there.
    public func comm(_ comm: String) -> UInt32 {
        if let index = commIndex[comm] { return index }
        let index = UInt32(comms.count)
        comms.append(comm)
        commIndex[comm] = index
        return index
    }

    @inline(__always)
    private func append(event: TraceEvent) throws(TraceError) {
        guard !isFinished else { throw .finished(path: path) }
        let slot = pending.append(event)
        eventCount &+= 1
        if event.time > latest { latest = event.time }
        let isFull = slot.count >= eventsPerBlock
        if isFull { try cut(event.pcpu) }
        if let span = options.blockSpan, event.time > span, isFull || slot.firstTime < event.time - span {
            return try flush(before: event.time - span)
        }
        if pending.bytes > options.pendingBytes, let fullest = pending.fullest { try cut(fullest) }
    }

    /// Writes out all that waits, so that it survives whatever happens next.
    public func flush() throws(TraceError) {
        guard !isFinished else { throw .finished(path: path) }
        for pcpu in pending.waiting { try cut(pcpu) }
        try writeLost()
    }

    /// Writes out the blocks whose first event is earlier than `time`.
    public func flush(before time: UInt64) throws(TraceError) {
        for pcpu in pending.waiting where pending.firstTime(of: pcpu) < time { try cut(pcpu) }
    }

    /// Writes all that waits, the index and the end mark, and closes the file.
    public func finish() throws(TraceError) {
        try flush()
        try writeComms()
        if metadata != firstMetadata { try writeContent(.metadata, try metadata.json(path: path), count: 1) }
        try writeCheckpoint()
        var body = ByteWriter()
        body.append(eventCount)
        body.append(UInt64(blockCount))
        try write(.end, body: body.bytes, payload: [])
        isFinished = true
        try file.close()
    }

    /// Gives up: removes the file, which would say less than its maker meant.
    public func discard() {
        guard !isFinished else { return }
        isFinished = true
        file.discard()
    }

    /// Starts with these names, in this order, even where two are the same.
    func adopt(comms names: [String]) {
        comms = names
        for (index, name) in names.enumerated().reversed() { commIndex[name] = UInt32(index) }
    }

    /// Writes a block that is encoded already; its place and number are made right.
    func append(_ block: EncodedBlock) throws(TraceError) {
        guard !isFinished else { throw .finished(path: path) }
        eventCount += UInt64(block.header.events)
        latest = max(latest, block.header.last)
        try write(block)
    }

    // MARK: Frames

    private func cut(_ pcpu: UInt16) throws(TraceError) {
        guard let (events, previous) = pending.take(pcpu) else { return }
        var block = encoder.encode(events, previous: previous)
        for lost in waitingLost where lost.pcpu == pcpu {
            guard let count = lost.count else {
                block.header.flags.insert(.lostUnknown)
                continue
            }
            block.header.lost = UInt32(clamping: UInt64(block.header.lost).addingReportingOverflow(count).partialValue)
        }
        if options.order == .global { block.header.watermark = pending.earliest ?? latest }
        try write(block)
    }

    private func write(_ encoded: EncodedBlock) throws(TraceError) {
        var block = encoded
        block.header.sequence = blockCount
        try writeComms()
        let offset = file.offset
        try write(.block, body: block.header.bytes, payload: block.payload)
        blockCount += 1
        checkpoint.entries[checkpoint.entries.count - 1] = IndexEntry(
            block.header, offset: offset, length: Int(file.offset - offset))
        checkpoint.summary.add(block.summary)
        try writeLost()
        blocksSinceCheckpoint += 1
        if blocksSinceCheckpoint >= options.blocksPerCheckpoint { try writeCheckpoint() }
    }

    private func writeLost() throws(TraceError) {
        guard !waitingLost.isEmpty else { return }
        try writeContent(.lost, LostRecords.encode(waitingLost), count: waitingLost.count)
        waitingLost.removeAll()
    }

    private func writeComms() throws(TraceError) {
        while commsWritten < comms.count {
            let next = min(comms.count, commsWritten + 1024)
            try writeContent(.comms, CommTable.encode(comms[commsWritten..<next]), count: next - commsWritten)
            commsWritten = next
        }
    }

    private func writeCheckpoint() throws(TraceError) {
        let (body, payload) = checkpoint.encode(compressor)
        let offset = file.offset
        try write(.checkpoint, body: body, payload: payload)
        lastCheckpoint = offset
        checkpoint.entries.removeAll(keepingCapacity: true)
        blocksSinceCheckpoint = 0
    }

    private func writeContent(_ kind: Frame.Kind, _ content: [UInt8], count: Int) throws(TraceError) {
        guard content.count <= Frame.largestPayload else {
            throw .limit(
                path: path, offset: file.offset, what: "the size of the \(kind)", value: UInt64(content.count),
                limit: UInt64(Frame.largestPayload))
        }
        var payload: [UInt8] = []
        _ = compressor.append(content, to: &payload)
        try write(kind, body: ContentBody(decompressed: content.count, count: count).bytes, payload: payload)
    }

    private func write(_ kind: Frame.Kind, body: [UInt8], payload: [UInt8]) throws(TraceError) {
        let offset = file.offset
        let bytes = Frame.bytes(kind, offset: offset, checkpoint: lastCheckpoint, body: body, payload: payload)
        try file.append(bytes)
        if kind != .end, kind != .checkpoint {
            checkpoint.entries.append(IndexEntry(kind: kind, offset: offset, length: bytes.count))
        }
    }
}
