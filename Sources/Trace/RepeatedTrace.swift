/// A trace whose blocks are written again and again, each time later: a trace of any length at the speed of a copy.
///
/// Whoever wants to know how something does with a billion events need not make a billion different ones. The blocks
/// are kept in memory, so the trace that is repeated should be small.
public struct RepeatedTrace: Sendable {
    private let metadata: TraceMetadata
    private let comms: [String]
    private let blocks: [EncodedBlock]
    private let span: UInt64
    /// Events in one repetition.
    public let events: UInt64

    /// - Parameter gap: ns from the last event of a repetition to the first one of the next.
    /// - Throws: `TraceError` where the trace is damaged.
    public init(_ trace: TraceReader, gap: UInt64 = 1_000) throws {
        metadata = trace.metadata
        comms = trace.comms
        events = trace.eventCount
        span = trace.timeRange.map { $0.upperBound - $0.lowerBound + gap } ?? 0
        let columns = BlockColumns()
        blocks = try trace.blocks.map { block in
            try trace.decode(block, into: columns)
            var summary = TraceSummary()
            withExtendedLifetime(columns) {
                var cursor = BlockCursor(columns)
                while !cursor.isAtEnd { summary.add(cursor.next()) }
            }
            let bytes = try trace.file.read(block.length, at: block.offset)
            return try bytes.withUnsafeBytes { whole in
                guard case .frame(let frame) = Frame.parse(whole, at: block.offset) else {
                    throw TraceError.damaged(path: trace.path, offset: block.offset, reason: "it has changed")
                }
                return EncodedBlock(
                    header: try BlockHeader(frame), payload: Array(whole[frame.headerLength...]), summary: summary)
            }
        }
    }

    /// Writes whole repetitions until there are `atLeast` events; answers how many there are.
    ///
    /// - Parameter path: `-` is standard output.
    @discardableResult
    public func write(to path: String, atLeast wanted: UInt64, existing: ExistingFile = .refuse) throws -> UInt64 {
        let writer = try TraceWriter(path: path, metadata: metadata, options: .init(existing: existing))
        writer.adopt(comms: comms)
        var shift: UInt64 = 0
        repeat {
            for block in blocks {
                var later = block
                later.header.first += shift
                later.header.last += shift
                later.header.base += shift
                later.header.watermark = 0
                try writer.append(later)
            }
            shift += span
        } while writer.eventCount < wanted && events > 0
        let written = writer.eventCount
        try writer.finish()
        return written
    }
}
