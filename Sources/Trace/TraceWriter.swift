/// Writes a `.vpt` trace: append-only and crash-safe.
///
/// Events wait per pCPU until a block is full, too old, or too much waits in all; a block is written with one `write`,
/// so whatever kills the writer costs the open blocks and nothing else. `finish()` writes what waits, the end of the
/// index and the end mark; without it the file reads normally and is marked unfinished.
///
/// Not thread-safe: one thread at a time may use it.
public final class TraceWriter: TraceSink {
    public let path: String
    /// What the trace says of itself. The value at `init` opens the file; a changed one is written again at the end.
    public var metadata: TraceMetadata
    /// Events appended so far.
    public var eventCount: UInt64 { pending.pointee.eventCount }
    /// Bytes written so far.
    public var bytesWritten: UInt64 { file.offset }

    private let options: Options
    private let eventsPerBlock: Int
    private var file: OutputFile
    private let encoders: EncoderPool
    private let compressor: ZstdCompressor
    private let firstMetadata: TraceMetadata
    /// Behind a pointer, so that appending an event checks no access to this object's variables.
    private let pending: UnsafeMutablePointer<PendingBlocks>
    private let blockSpan: UInt64
    private let pendingBytes: Int
    private var cutBlocks: [CutBlock] = []
    private var waitingLost: [LostRecords] = []
    private var lostCount = 0
    /// Lost records beyond half of what a trace may have, merged.
    private var excessLost = JoinedLosses()
    private var comms: [String] = []
    private var commIndex: [String: UInt32] = [:]
    private var commsWritten = 0
    private var checkpoint = Checkpoint()
    private var lastCheckpoint: UInt64 = 0
    private var blocksSinceCheckpoint = 0
    private var blockCount: UInt32 = 0
    private var isFinished: Bool { pending.pointee.isClosed }

    /// Creates the file (0600; a symbolic link is refused, never followed) and writes its header. `-` is standard
    /// output.
    public init(path: String, metadata: TraceMetadata, options: Options = Options()) throws(TraceError) {
        self.path = path
        self.metadata = metadata
        firstMetadata = metadata
        self.options = options
        let share = (1 << 20) / max(1, metadata.topology.count)
        eventsPerBlock = min(BlockHeader.mostEvents, max(1, options.eventsPerBlock ?? max(4096, share)))
        blockSpan = options.blockSpan ?? .max
        pendingBytes = options.pendingBytes
        encoders = EncoderPool(level: options.level, count: options.threads)
        compressor = ZstdCompressor(level: .fast)
        file = try OutputFile.create(path: path, existing: options.existing)
        pending = .allocate(capacity: 1)
        pending.initialize(to: PendingBlocks(eventsPerBlock: eventsPerBlock, spareBytes: options.pendingBytes))
        try writeContent(.header, try metadata.json(path: path), count: 1)
    }

    deinit {
        for block in cutBlocks { pending.pointee.recycle(block) }
        pending.deinitialize(count: 1)
        pending.deallocate()
    }

    public func append(_ event: TraceEvent) throws {
        try append(event: event)
    }

    public func append(_ lost: LostRecords) throws {
        guard !isFinished else { throw TraceError.finished(path: path) }
        guard lostCount < LostRecords.mostRecords / 2 else { return excessLost.add(lost) }
        lostCount += 1
        waitingLost.append(lost)
        if waitingLost.count >= 65_536 { try flush() }
    }

    /// Names longer than 4,000 bytes are cut there; the index of a name beyond the first million stands for none.
    public func comm(_ comm: String) -> UInt32 {
        if let index = commIndex[comm] { return index }
        guard comms.count < CommTable.mostNames else { return .max }
        let index = UInt32(comms.count)
        let isShort = comm.utf8.count < CommTable.longestName
        comms.append(isShort ? comm : String(decoding: comm.utf8.prefix(4000), as: UTF8.self))
        commIndex[comm] = index
        return index
    }

    @inline(__always)
    private func append(event: TraceEvent) throws(TraceError) {
        guard !pending.pointee.isClosed else { throw .finished(path: path) }
        let slot = pending.pointee.append(event)
        try cutWhereDue(event.pcpu, event.time, slot)
    }

    /// What the last event of its pCPU calls for: its block is full, or spans too long, or too much waits in all.
    @inline(__always)
    private func cutWhereDue(_ pcpu: UInt16, _ time: UInt64, _ slot: PendingBlocks.Fill) throws(TraceError) {
        let isFull = slot.count >= eventsPerBlock
        if isFull { try cut(pcpu) }
        if time > blockSpan, isFull || slot.firstTime < time - blockSpan { return try flush(before: time - blockSpan) }
        if pending.pointee.bytes > pendingBytes, let fullest = pending.pointee.fullest { try cut(fullest) }
    }

    public func append(_ events: UnsafeBufferPointer<TraceEvent>) throws {
        guard var next = events.baseAddress else { return }
        let end = next + events.count
        while next < end { next = try append(from: next, to: end) }
    }

    /// Appends those that are of one pCPU, up to the first that calls for a cut; answers what comes next.
    private func append(
        from first: UnsafePointer<TraceEvent>, to end: UnsafePointer<TraceEvent>
    ) throws(TraceError) -> UnsafePointer<TraceEvent> {
        let pending = pending
        guard !pending.pointee.isClosed else { throw .finished(path: path) }
        let pcpu = first.pointee.pcpu
        let before = pending.pointee.fill(of: pcpu) ?? .init(count: 0, firstTime: first.pointee.time)
        // At most so many until the block is full, or one more waits than may.
        let spare = max(0, pendingBytes - pending.pointee.bytes) / MemoryLayout<TraceEvent>.stride + 1
        let limit = first + min(end - first, eventsPerBlock - before.count, spare)
        let (longest, isEndless) = before.firstTime.addingReportingOverflow(blockSpan)
        var (next, latest, time) = (first, UInt64(0), UInt64(0))
        while next < limit, next.pointee.pcpu == pcpu {
            time = next.pointee.time
            latest = max(latest, time)
            next += 1
            if time > longest, !isEndless { break }
        }
        let slot = pending.pointee.append(first, count: next - first, latest: latest)
        try cutWhereDue(pcpu, time, slot)
        return next
    }

    /// Writes out all that waits, so that it survives whatever happens next.
    public func flush() throws(TraceError) {
        guard !isFinished else { throw .finished(path: path) }
        for pcpu in pending.pointee.waiting { try cut(pcpu) }
        try writeCutBlocks()
        try writeLost(takeWaitingLost())
    }

    /// Writes out the blocks whose first event is earlier than `time`.
    public func flush(before time: UInt64) throws(TraceError) {
        guard !isFinished else { throw .finished(path: path) }
        for pcpu in pending.pointee.waiting where pending.pointee.firstTime(of: pcpu) < time { try cut(pcpu) }
        try writeCutBlocks()
    }

    /// Writes all that waits, the index and the end mark, and closes the file.
    public func finish() throws(TraceError) {
        try flush()
        try writeLost(excessLost.list)
        try writeComms(comms.count)
        if metadata != firstMetadata { try writeContent(.metadata, try metadata.json(path: path), count: 1) }
        try writeCheckpoint()
        var body = ByteWriter()
        body.append(eventCount)
        body.append(UInt64(blockCount))
        try write(.end, body: body.bytes, payload: [])
        pending.pointee.isClosed = true
        try file.close()
    }

    /// Gives up: removes the file, which would say less than its maker meant.
    public func discard() {
        guard !isFinished else { return }
        pending.pointee.isClosed = true
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
        pending.pointee.eventCount += UInt64(block.header.events)
        pending.pointee.latest = max(pending.pointee.latest, block.header.last)
        try write(block, commCount: comms.count, lost: takeWaitingLost())
    }

    // MARK: Frames

    /// Takes the waiting events of a pCPU for a block, and writes the blocks taken so far if there is one for every
    /// encoder.
    private func cut(_ pcpu: UInt16) throws(TraceError) {
        guard var block = pending.pointee.take(pcpu) else { return }
        block.commCount = comms.count
        block.lost = takeWaitingLost()
        // A promise of what is still to come, so made now, whenever the block is written.
        if options.order == .global { block.watermark = pending.pointee.earliest ?? pending.pointee.latest }
        cutBlocks.append(block)
        if cutBlocks.count >= encoders.count { try writeCutBlocks() }
    }

    /// Encodes the blocks taken so far, all at once, and writes them in the order they were taken.
    private func writeCutBlocks() throws(TraceError) {
        guard !cutBlocks.isEmpty else { return }
        let blocks = cutBlocks
        cutBlocks.removeAll(keepingCapacity: true)
        defer { for block in blocks { pending.pointee.recycle(block) } }
        for (block, encoded) in zip(blocks, encoders.encode(blocks)) {
            var encoded = encoded
            encoded.header.watermark = block.watermark
            for lost in block.lost where lost.pcpu == encoded.header.pcpu {
                guard let count = lost.count else {
                    encoded.header.flags.insert(.lostUnknown)
                    continue
                }
                encoded.header.lost = UInt32(
                    clamping: UInt64(encoded.header.lost).addingReportingOverflow(count).partialValue)
            }
            try write(encoded, commCount: block.commCount, lost: block.lost)
        }
    }

    private func write(
        _ encoded: EncodedBlock, commCount: Int, lost: [LostRecords]
    ) throws(TraceError) {
        var block = encoded
        block.header.sequence = blockCount
        try writeComms(commCount)
        let offset = file.offset
        try write(.block, body: block.header.bytes, payload: block.payload)
        blockCount += 1
        checkpoint.entries[checkpoint.entries.count - 1] = IndexEntry(
            block.header, offset: offset, length: Int(file.offset - offset))
        checkpoint.summary.add(block.summary)
        try writeLost(lost)
        blocksSinceCheckpoint += 1
        if blocksSinceCheckpoint >= options.blocksPerCheckpoint { try writeCheckpoint() }
    }

    private func takeWaitingLost() -> [LostRecords] {
        defer { waitingLost.removeAll() }
        return waitingLost
    }

    private func writeLost(_ records: [LostRecords]) throws(TraceError) {
        guard !records.isEmpty else { return }
        try writeContent(.lost, LostRecords.encode(records), count: records.count)
    }

    /// Writes the names up to number `count` that are not written yet.
    private func writeComms(_ count: Int) throws(TraceError) {
        while commsWritten < count {
            let next = min(count, commsWritten + 1024)
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
        let header = Frame.header(kind, offset: offset, checkpoint: lastCheckpoint, body: body, payload: payload)
        try file.append(header, payload)
        if kind != .end, kind != .checkpoint {
            checkpoint.entries.append(IndexEntry(kind: kind, offset: offset, length: header.count + payload.count))
        }
    }
}
