/// A `.vpt` trace, open for reading.
///
/// Opening reads the header and the index only, whatever the size of the file. A trace whose writer was killed opens as
/// well: every complete block reads, and `isComplete` is false. What is damaged is either thrown, with file and offset,
/// or listed.
public final class TraceReader: Sendable {
    public let path: String
    public let metadata: TraceMetadata
    /// Names of threads, by the index that `sched_switch` records carry.
    public let comms: [String]
    public let lost: [LostRecords]
    /// The writer finished it, and nothing is missing at its end.
    public let isComplete: Bool
    /// Where an unfinished file stops being readable, and why; nil if it ends on a whole frame.
    public let unfinishedTail: TraceDamage?
    /// Damage seen while opening. (A block's contents are only checked when it is read.)
    public let damage: [TraceDamage]
    /// The index, in file order: rising in time for each pCPU.
    public let blocks: [TraceBlock]
    /// The pCPUs with events, rising.
    public let pcpus: [UInt16]
    /// Bytes in the file.
    public var size: UInt64 { file.size }
    /// Number of events in all blocks.
    public let eventCount: UInt64
    /// Least and greatest time of all events, ns; nil without events.
    public let timeRange: ClosedRange<UInt64>?

    let file: InputFile
    private let spareReaders = BlockReaderPool()
    /// What was counted up to the last checkpoint, and the first block that is not in it.
    let checkpointSummary: TraceSummary
    let firstUncounted: Int

    /// Opens `path` (`-`: standard input; a pipe is copied to a nameless temporary file first).
    public convenience init(path: String) throws(TraceError) {
        let file = try InputFile(path: path)
        self.init(file, try TraceIndex.load(file))
    }

    init(_ file: InputFile, _ index: TraceIndex) {
        self.file = file
        path = file.path
        metadata = index.metadata
        comms = index.comms
        lost = index.lost
        isComplete = index.isComplete
        unfinishedTail = index.tail
        damage = index.damage
        checkpointSummary = index.summary
        let blocks = index.entries.filter { $0.kind == .block }.map(TraceBlock.init)
        self.blocks = blocks
        firstUncounted = index.entries.prefix(index.counted).count { $0.kind == .block }
        pcpus = Set(blocks.map(\.pcpu)).sorted()
        eventCount = blocks.reduce(0) { $0 + UInt64($1.events) }
        timeRange = blocks.map(\.first).min().flatMap { first in blocks.map(\.last).max().map { first...$0 } }
    }

    /// A name for the index that a `sched_switch` record carries; nil where the trace has none.
    public func comm(_ index: UInt32) -> String? { index < comms.count ? comms[Int(index)] : nil }

    /// Decodes one block into `columns`.
    ///
    /// May be called from several threads at once, each with columns of its own.
    public func decode(
        _ block: TraceBlock, into columns: BlockColumns, _ parts: BlockParts = .everything
    ) throws(TraceError) {
        let reader = spareReaders.take() ?? BlockReader(file)
        defer { spareReaders.put(reader) }
        try reader.decode(block, into: columns, parts)
    }

    /// What the whole trace holds, counted. Only blocks behind the last index checkpoint are decoded for it: none in a
    /// finished file.
    public func summary() throws(TraceError) -> TraceSummary {
        var summary = checkpointSummary
        let reader = BlockReader(file)
        let columns = BlockColumns()
        for block in blocks[firstUncounted...] {
            try reader.decode(block, into: columns)
            withExtendedLifetime(columns) {
                var cursor = BlockCursor(columns)
                while !cursor.isAtEnd { summary.add(cursor.next()) }
            }
        }
        return summary
    }
}

/// One block of the index.
public struct TraceBlock: Equatable, Sendable {
    public var pcpu: UInt16
    public var events: Int
    /// Least and greatest time of its events, ns.
    public var first: UInt64
    public var last: UInt64
    /// Where it lies in the file, bytes.
    public var offset: UInt64
    public var length: Int
    /// Times go back inside it, or from the block before of its pCPU.
    public var isDisordered: Bool

    init(_ entry: IndexEntry) {
        pcpu = entry.pcpu
        events = Int(entry.events)
        first = entry.first
        last = entry.last
        offset = entry.offset
        length = Int(entry.length)
        isDisordered = entry.flags.contains(.disordered)
    }
}
