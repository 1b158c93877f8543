import CBench
import CZstd
import Trace

/// The events of a trace in the barest form that could still be decoded to the same columns: see `cbench_block`.
final class BareBlocks {
    private struct Block {
        var events: Int
        var tokens: [UInt8]
        var timeBits: [UInt8]
        var timeWidths: [UInt8]
        var base: UInt64
        var literals: [UInt8]
        var tokenValue: [UInt64]
        var tokenTakesLiteral: [UInt8]
    }

    private var blocks: [Block] = []
    private let decoder = cbench_decoder_new()
    private(set) var events = 0

    deinit { cbench_decoder_free(decoder) }

    /// The same events in the same blocks as `trace`.
    init(_ trace: TraceReader) throws {
        let columns = BlockColumns()
        for block in trace.blocks {
            try trace.decode(block, into: columns)
            blocks.append(try Self.bare(columns))
            events += columns.count
        }
    }

    /// Seconds that it takes to expand all blocks once.
    func decode() throws(BenchError) -> Double {
        let most = blocks.map(\.events).max() ?? 0
        let tokens = UnsafeMutablePointer<UInt8>.allocate(capacity: most + 1)
        let times = UnsafeMutablePointer<UInt64>.allocate(capacity: most + 1)
        let values = UnsafeMutablePointer<UInt64>.allocate(capacity: most + 1)
        defer {
            tokens.deallocate()
            times.deallocate()
            values.deallocate()
        }
        let start = Rounds.now()
        var failed: Int32 = 0
        for block in blocks {
            var bare = cbench_block()
            bare.events = block.events
            bare.tokens_size = block.tokens.count
            bare.base = block.base
            block.tokens.withUnsafeBytes { a in
                block.timeBits.withUnsafeBufferPointer { b in
                    block.timeWidths.withUnsafeBufferPointer { c in
                        block.literals.withUnsafeBufferPointer { d in
                            block.tokenValue.withUnsafeBufferPointer { e in
                                block.tokenTakesLiteral.withUnsafeBufferPointer { f in
                                    bare.tokens = a.baseAddress
                                    bare.time_bits = b.baseAddress
                                    bare.time_widths = c.baseAddress
                                    bare.literals = d.baseAddress
                                    bare.token_value = e.baseAddress
                                    bare.token_takes_literal = f.baseAddress
                                    failed |= cbench_decode(decoder, &bare, tokens, times, values)
                                }
                            }
                        }
                    }
                }
            }
        }
        let seconds = Rounds.now() - start
        guard failed == 0 else { throw BenchError("the bare decode loop does not decode what was made for it") }
        return seconds
    }

    private static func bare(_ columns: BlockColumns) throws(BenchError) -> Block {
        var block = Block(
            events: columns.count, tokens: [], timeBits: [], timeWidths: [], base: 0, literals: [],
            tokenValue: [UInt64](repeating: 0, count: 256), tokenTakesLiteral: [UInt8](repeating: 0, count: 256))
        let tokens = UnsafeRawBufferPointer(start: columns.tokens, count: columns.count)
        // A token whose values differ from event to event takes them from the literals.
        var seen = [Bool](repeating: false, count: 256)
        for i in 0..<columns.count {
            let token = Int(columns.tokens[i])
            if seen[token], block.tokenValue[token] != columns.values[i] { block.tokenTakesLiteral[token] = 1 }
            seen[token] = true
            block.tokenValue[token] = columns.values[i]
        }
        for i in 0..<columns.count where block.tokenTakesLiteral[Int(columns.tokens[i])] == 1 {
            let low = (1 << 48) &- columns.values[i]
            block.literals += [
                UInt8(truncatingIfNeeded: low), UInt8(truncatingIfNeeded: low >> 8),
                UInt8(truncatingIfNeeded: low >> 16),
            ]
        }
        block.literals += [UInt8](repeating: 0, count: 8)
        pack(columns, into: &block)
        block.tokens = [UInt8](repeating: 0, count: ZSTD_compressBound(columns.count))
        let size = block.tokens.withUnsafeMutableBytes {
            ZSTD_compress($0.baseAddress, $0.count, tokens.baseAddress, tokens.count, 1)
        }
        guard ZSTD_isError(size) == 0 else { throw BenchError("zstd does not compress a block's tokens") }
        block.tokens.removeLast(block.tokens.count - size)
        return block
    }

    /// Differences of times, each run of 256 as wide as nine in ten need; the others are cut, as there are no patches.
    private static func pack(_ columns: BlockColumns, into block: inout Block) {
        block.base = columns.first
        var previous = columns.first
        for start in stride(from: 0, to: columns.count, by: 256) {
            let run = (start..<min(start + 256, columns.count)).map { index in
                defer { previous = columns.times[index] }
                return columns.times[index] &- previous
            }
            let widths = run.map { 64 - $0.leadingZeroBitCount }.sorted()
            let width = min(56, widths[widths.count * 9 / 10])
            block.timeWidths.append(UInt8(width))
            var word: UInt64 = 0
            var filled = 0
            for difference in run {
                word |= (difference & ((1 << UInt64(width)) - 1)) << UInt64(filled)
                filled += width
                while filled >= 8 {
                    block.timeBits.append(UInt8(truncatingIfNeeded: word))
                    word >>= 8
                    filled -= 8
                }
            }
            if filled > 0 { block.timeBits.append(UInt8(truncatingIfNeeded: word)) }
        }
        block.timeBits += [UInt8](repeating: 0, count: 8)
    }
}
