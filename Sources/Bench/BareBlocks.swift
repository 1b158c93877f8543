import CBench
import CZstd
import Trace

/// The events of a trace in the barest form that decodes to the same columns: see `cbench_block`.
final class BareBlocks {
    private let blocks: [BareBlock]
    private let vcpus: UnsafeMutablePointer<cbench_vcpu>
    private let decoder = cbench_decoder_new()
    /// Events in all blocks.
    let events: Int

    deinit {
        cbench_decoder_free(decoder)
        vcpus.deallocate()
    }

    /// The same events in the same blocks as `trace`; every block is decoded once and compared.
    init(_ trace: TraceReader) throws {
        let columns = BlockColumns()
        var blocks: [BareBlock] = []
        var numbers: [Int32: UInt32] = [:]
        let room = Room(events: trace.blocks.map(\.events).max() ?? 0)
        for block in trace.blocks {
            try trace.decode(block, into: columns)
            let bare = try BareBlock(columns, vcpus: &numbers)
            guard bare.decode(decoder, room), room.holds(columns) else {
                throw BenchError("the bare decode loop does not give the columns of block at \(block.offset)")
            }
            blocks.append(bare)
        }
        vcpus = .allocate(capacity: max(1, numbers.count))
        vcpus.initialize(repeating: cbench_vcpu(), count: max(1, numbers.count))
        self.blocks = blocks
        events = blocks.reduce(0) { $0 + $1.events }
    }

    enum Work { case decode, decodeAndPlay }

    /// CPU seconds that it takes to expand all blocks once, and to play what they hold.
    func run(_ work: Work = .decode) throws(BenchError) -> Double {
        let room = Room(events: blocks.map(\.events).max() ?? 0)
        let start = Rounds.cpu()
        var good = true
        for block in blocks {
            good = block.decode(decoder, room) && good
            if work == .decodeAndPlay { block.play(room, vcpus) }
        }
        let seconds = Rounds.cpu() - start
        guard good else { throw BenchError("the bare decode loop does not decode what was made for it") }
        return seconds
    }
}

/// Where a block is expanded to.
private final class Room {
    let scratch: UnsafeMutablePointer<UInt8>
    let tokens: UnsafeMutablePointer<UInt8>
    let times: UnsafeMutablePointer<UInt64>
    let values: UnsafeMutablePointer<UInt64>

    init(events: Int) {
        scratch = .allocate(capacity: events + 1)
        tokens = .allocate(capacity: events + 1)
        times = .allocate(capacity: events + 1)
        values = .allocate(capacity: events + 1)
    }

    deinit {
        scratch.deallocate()
        tokens.deallocate()
        times.deallocate()
        values.deallocate()
    }

    func holds(_ columns: BlockColumns) -> Bool {
        (0..<columns.count).allSatisfy {
            times[$0] == columns.times[$0] && values[$0] == columns.values[$0] && tokens[$0] == columns.tokens[$0]
        }
    }
}

private struct BareBlock {
    let events: Int
    private var tokens: [UInt8] = []
    private var timeBits: [UInt8] = []
    private var timeWidths: [UInt8] = []
    private var patchCounts: [UInt8] = []
    private var patchPlaces: [UInt8] = []
    private var patchHighs: [UInt64] = []
    private var base: UInt64 = 0
    private var lows: [UInt8] = []
    private var literals = 0
    private var highs: [UInt8] = []
    private var highTable = [UInt64](repeating: 0, count: 256)
    private var tokenValue = [UInt64](repeating: 0, count: 256)
    private var tokenTakesLiteral = [UInt8](repeating: 0, count: 256)
    private var runVCPUs: [UInt32] = []
    private var runEnds: [Int] = []
    private var tokenOps = [UInt8](repeating: 0, count: 256)
    private var tokenCounters = [UInt8](repeating: 0, count: 256)

    /// - Parameter vcpus: the number of each thread, grown as they turn up.
    init(_ columns: BlockColumns, vcpus: inout [Int32: UInt32]) throws(BenchError) {
        events = columns.count
        for run in 0..<columns.runCount {
            let thread = columns.runs[run].pid
            let number = vcpus[thread] ?? UInt32(vcpus.count)
            vcpus[thread] = number
            runVCPUs.append(number)
            runEnds.append(columns.runs[run].end)
        }
        for token in 0..<256 { (tokenOps[token], tokenCounters[token]) = Self.operation(columns.templates[token]) }
        tokens = try Self.compress(Array(UnsafeBufferPointer(start: columns.tokens, count: events)))
        try split(columns)
        pack(columns)
    }

    /// What a record of this kind does to a vCPU's counters.
    private static func operation(_ event: TraceEvent) -> (op: UInt8, counter: UInt8) {
        guard event.kind == .kvmMSR, event.isWrite else { return (0, 0) }
        let (value, control) = (UInt8(CBENCH_OP_VALUE.rawValue), UInt8(CBENCH_OP_CONTROL.rawValue))
        switch event.register {
        case 0xc1..<0xc9: return (value, UInt8(event.register - 0xc1))
        case 0x4c1..<0x4c9: return (value, UInt8(event.register - 0x4c1))
        case 0x186..<0x18e: return (control, UInt8(event.register - 0x186))
        case 0xc001_0200..<0xc001_020c:
            return (event.register & 1 == 0 ? control : value, UInt8((event.register - 0xc001_0200) / 2))
        default: return (0, 0)
        }
    }

    func play(_ room: Room, _ vcpus: UnsafeMutablePointer<cbench_vcpu>) {
        runVCPUs.withUnsafeBufferPointer { runVCPUs in
            runEnds.withUnsafeBufferPointer { runEnds in
                tokenOps.withUnsafeBufferPointer { ops in
                    tokenCounters.withUnsafeBufferPointer { counters in
                        var block = cbench_play_block(
                            runs: runVCPUs.count, run_vcpu: runVCPUs.baseAddress, run_end: runEnds.baseAddress,
                            token_op: ops.baseAddress, token_counter: counters.baseAddress)
                        cbench_play(&block, room.tokens, room.times, room.values, vcpus)
                    }
                }
            }
        }
    }

    func decode(_ decoder: OpaquePointer?, _ room: Room) -> Bool {
        var bare = cbench_block()
        bare.events = events
        bare.tokens_size = tokens.count
        bare.base = base
        bare.literals = literals
        bare.highs_size = highs.count
        // Arrays keep their place while a call uses them; nesting the calls keeps all of them at once.
        return tokens.withUnsafeBytes { tokens in
            timeBits.withUnsafeBufferPointer { timeBits in
                timeWidths.withUnsafeBufferPointer { timeWidths in
                    patchCounts.withUnsafeBufferPointer { patchCounts in
                        patchPlaces.withUnsafeBufferPointer { patchPlaces in
                            patchHighs.withUnsafeBufferPointer { patchHighs in
                                lows.withUnsafeBufferPointer { lows in
                                    highs.withUnsafeBytes { highs in
                                        highTable.withUnsafeBufferPointer { highTable in
                                            tokenValue.withUnsafeBufferPointer { tokenValue in
                                                tokenTakesLiteral.withUnsafeBufferPointer { takes in
                                                    bare.tokens = tokens.baseAddress
                                                    bare.time_bits = timeBits.baseAddress
                                                    bare.time_widths = timeWidths.baseAddress
                                                    bare.patch_counts = patchCounts.baseAddress
                                                    bare.patch_places = patchPlaces.baseAddress
                                                    bare.patch_highs = patchHighs.baseAddress
                                                    bare.lows = lows.baseAddress
                                                    bare.highs = highs.isEmpty ? nil : highs.baseAddress
                                                    bare.high_table = highTable.baseAddress
                                                    bare.token_value = tokenValue.baseAddress
                                                    bare.token_takes_literal = takes.baseAddress
                                                    return cbench_decode(
                                                        decoder, &bare, room.scratch, room.tokens, room.times,
                                                        room.values) == 0
                                                }
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Values that a token does not fix: low bytes, and an index of what is above them.
    private mutating func split(_ columns: BlockColumns) throws(BenchError) {
        var seen = [Bool](repeating: false, count: 256)
        for i in 0..<events {
            let token = Int(columns.tokens[i])
            if seen[token], tokenValue[token] != columns.values[i] { tokenTakesLiteral[token] = 1 }
            seen[token] = true
            tokenValue[token] = columns.values[i]
        }
        var indexes: [UInt8] = []
        var table: [UInt64: UInt8] = [:]
        for i in 0..<events where tokenTakesLiteral[Int(columns.tokens[i])] == 1 {
            let distance = (1 << 48) &- columns.values[i]
            for byte in 0..<3 { lows.append(UInt8(truncatingIfNeeded: distance >> UInt64(8 * byte))) }
            let high = distance & ~0xff_ffff
            if table[high] == nil {
                guard table.count < 256 else { throw BenchError("a block has too many different counter values") }
                highTable[table.count] = high
                table[high] = UInt8(table.count)
            }
            indexes.append(table[high]!)
        }
        lows += [UInt8](repeating: 0, count: 8)
        literals = indexes.count
        if table.count > 1 { highs = try Self.compress(indexes) }
    }

    /// Differences of times, each run of 256 as wide as nine in ten need, the others patched.
    private mutating func pack(_ columns: BlockColumns) {
        base = columns.count == 0 ? 0 : columns.times[0]
        var previous = base
        for start in stride(from: 0, to: events, by: 256) {
            let run = (start..<min(start + 256, events)).map { index in
                defer { previous = columns.times[index] }
                return columns.times[index] &- previous
            }
            let widths = run.map { 64 - $0.leadingZeroBitCount }.sorted()
            let width = UInt64(min(56, widths[widths.count * 9 / 10]))
            timeWidths.append(UInt8(width))
            var patches = 0
            var word: UInt64 = 0
            var filled: UInt64 = 0
            for (place, difference) in run.enumerated() {
                let low = difference & ((1 << width) - 1)
                if low != difference {
                    patches += 1
                    patchPlaces.append(UInt8(place))
                    patchHighs.append(difference - low)
                }
                word |= low << filled
                filled += width
                while filled >= 8 {
                    timeBits.append(UInt8(truncatingIfNeeded: word))
                    word >>= 8
                    filled -= 8
                }
            }
            if filled > 0 { timeBits.append(UInt8(truncatingIfNeeded: word)) }
            patchCounts.append(UInt8(patches))
        }
        timeBits += [UInt8](repeating: 0, count: 8)
    }

    private static func compress(_ bytes: [UInt8]) throws(BenchError) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let room = out.count
        let size = ZSTD_compress(&out, room, bytes, bytes.count, 1)
        guard ZSTD_isError(size) == 0 else { throw BenchError("zstd does not compress \(bytes.count) bytes") }
        out.removeLast(out.count - size)
        return out
    }
}
