import Dispatch

/// Events taken for a block, and what belongs to the moment they were taken.
struct CutBlock {
    /// Theirs until they are recycled.
    var events: UnsafeBufferPointer<TraceEvent>
    /// Their memory has room for a whole block.
    var isWhole: Bool
    /// The latest time before them on their pCPU.
    var previous: UInt64
    /// Names known then: they are written before the block.
    var commCount = 0
    var lost: [LostRecords] = []
    var watermark: UInt64 = 0
}

/// As many encoders as blocks are encoded at once. What comes out does not depend on their number.
final class EncoderPool: @unchecked Sendable {
    // Each encoder is used by one thread at a time: that of its index in `encode`.
    private let encoders: [BlockEncoder]

    init(level: TraceLevel, count: Int) {
        encoders = (0..<max(1, count)).map { _ in BlockEncoder(level: level) }
    }

    var count: Int { encoders.count }

    /// Encodes at most `count` blocks.
    func encode(_ blocks: [CutBlock]) -> [EncodedBlock] {
        guard blocks.count > 1 else {
            return blocks.map { encoders[0].encode($0.events, previous: $0.previous) }
        }
        return [EncodedBlock](unsafeUninitializedCapacity: blocks.count) { out, count in
            nonisolated(unsafe) let (out, blocks) = (out.baseAddress!, blocks)
            DispatchQueue.concurrentPerform(iterations: blocks.count) { i in
                (out + i).initialize(to: encoders[i].encode(blocks[i].events, previous: blocks[i].previous))
            }
            count = blocks.count
        }
    }
}
