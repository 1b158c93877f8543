/// Turns a block's payload into columns. One per thread: it keeps a zstd context and scratch memory.
final class BlockDecoder {
    private let zstd = ZstdDecompressor()
    private var scratch = Scratch()
    private var second = Scratch()
    private var literals = Scratch()

    /// Per token: the constant part of the value, whether a counter literal completes it, and what else to look out for.
    private struct TokenStep {
        var value: UInt64 = 0
        var literal: UInt32 = 0
        var marks: UInt32 = TokenStep.invalid

        static let wide: UInt32 = 1
        static let invalid: UInt32 = 2
    }
    private let steps: UnsafeMutablePointer<TokenStep>
    private var fields: [StoredFields] = []
    /// The expected delta of each token.
    private let expected: UnsafeMutablePointer<UInt64>

    init() {
        steps = .allocate(capacity: 256)
        expected = .allocate(capacity: 256)
        expected.initialize(repeating: 0, count: 256)
    }

    deinit {
        steps.deallocate()
        expected.deallocate()
    }

    /// Decodes `payload`, the frames behind `header`, into `columns`, checking every checksum and length on the way.
    func decode(
        _ header: BlockHeader, _ payload: UnsafeRawBufferPointer, into columns: BlockColumns
    ) throws(FormatViolation) {
        let count = Int(header.events)
        columns.reserve(count)
        columns.count = count
        columns.pcpu = header.pcpu
        columns.first = header.first
        columns.last = header.last
        columns.isDisordered = header.flags.contains(.disordered)

        var frames: InlineArray<6, UnsafeRawBufferPointer> = .init(repeating: .init(start: nil, count: 0))
        var at = 0
        for group in BlockHeader.Group.allCases {
            let size = Int(header.groups[group.rawValue].compressed)
            frames[group.rawValue] = .init(rebasing: payload[at..<at + size])
            at += size
        }

        try expand(.tokens, header, frames, into: UnsafeMutableRawPointer(columns.tokens))
        let directorySize = Int(header.groups[BlockHeader.Group.directory.rawValue].decompressed)
        let directoryBytes = scratch.room(directorySize)
        try expand(.directory, header, frames, into: directoryBytes)
        var directory = ByteReader(.init(start: directoryBytes, count: directorySize))
        try readEntries(&directory, into: columns)
        try readRuns(&directory, count: count, into: columns)
        try readTimes(&directory, header, frames, into: columns)
        let literalCount = try readLiterals(&directory, header, frames)
        try directory.expectEnd("the directory")
        let marks = try combine(count: count, literalCount: literalCount, into: columns)
        columns.setWide(0)
        if marks & TokenStep.wide != 0 {
            try readWide(header, frames, into: columns)
        } else if header.groups[BlockHeader.Group.wide.rawValue].decompressed != 0 {
            throw FormatViolation("wide fields that no event has")
        }
    }

    private func expand(
        _ group: BlockHeader.Group, _ header: BlockHeader, _ frames: borrowing InlineArray<6, UnsafeRawBufferPointer>,
        into target: UnsafeMutableRawPointer
    ) throws(FormatViolation) {
        let size = Int(header.groups[group.rawValue].decompressed)
        let frame = frames[group.rawValue]
        if size == 0, frame.isEmpty { return }
        try zstd.decompress(frame, into: target, size: size, what: group.name)
    }

    /// The contents of a group that is mostly stored raw, with `PatchedFrame.padding` readable bytes behind: where they lie if that can
    /// be, else expanded into `room`.
    private func contents(
        _ group: BlockHeader.Group, _ header: BlockHeader, _ frames: borrowing InlineArray<6, UnsafeRawBufferPointer>,
        room: inout Scratch
    ) throws(FormatViolation) -> UnsafeRawPointer {
        let size = Int(header.groups[group.rawValue].decompressed)
        let frame = frames[group.rawValue]
        // The next group's frame follows, and is longer than the padding.
        var isFollowed = false
        for next in group.rawValue + 1..<6 where frames[next].count >= PatchedFrame.padding { isFollowed = true }
        if isFollowed, let contents = RawFrame.contents(frame, size: size), let base = contents.baseAddress {
            return base
        }
        let target = room.room(size + PatchedFrame.padding)
        try expand(group, header, frames, into: target)
        return UnsafeRawPointer(target)
    }

    private func readEntries(_ directory: inout ByteReader, into columns: BlockColumns) throws(FormatViolation) {
        let entries = try directory.count("the number of dictionary entries", atMost: TokenEntry.mostEntries)
        steps.update(repeating: TokenStep(), count: 256)
        columns.isWide.update(repeating: 0, count: 256)
        columns.templateCount = entries
        fields.removeAll(keepingCapacity: true)
        for token in 0..<entries { set(token, try TokenEntry(&directory), columns) }
        fields.append(contentsOf: repeatElement([], count: 255 - entries))
        set(255, .escape, columns)
    }

    private func set(_ token: Int, _ entry: TokenEntry, _ columns: BlockColumns) {
        columns.templates[token] = entry.template
        let isWide = entry.fields.contains(.wide)
        columns.isWide[token] = isWide ? 1 : 0
        steps[token] = TokenStep(
            value: entry.template.value, literal: entry.fields.contains(.counter) ? 1 : 0,
            marks: isWide ? TokenStep.wide : 0)
        fields.append(entry.fields)
    }

    private func readRuns(
        _ directory: inout ByteReader, count: Int, into columns: BlockColumns
    ) throws(FormatViolation) {
        let runs = try directory.count("the number of thread runs", atMost: count)
        columns.setRuns(runs)
        var end = 0
        for run in 0..<runs {
            let pid = try directory.varint()
            guard pid <= UInt32.max else { throw FormatViolation("a thread id beyond 32 bits") }
            let length = try directory.count("the length of a thread run", atMost: count - end)
            guard length > 0 else { throw FormatViolation("an empty thread run") }
            end += length
            columns.runs[run] = .init(pid: Int32(bitPattern: UInt32(pid)), end: end)
        }
        guard end == count else { throw FormatViolation("thread runs of \(end) events in a block of \(count)") }
    }

    private func readTimes(
        _ directory: inout ByteReader, _ header: BlockHeader,
        _ frames: borrowing InlineArray<6, UnsafeRawBufferPointer>, into columns: BlockColumns
    ) throws(FormatViolation) {
        let group = header.groups[BlockHeader.Group.timeBits.rawValue]
        let size = Int(group.decompressed)
        if group.coding != TimeColumn.plainFrames {
            for token in 0..<columns.templateCount { expected[token] = try directory.varint() }
            expected[Int(TokenEntry.escapeToken)] = try directory.varint()
        }
        let bits = try contents(.timeBits, header, frames, room: &second)
        switch group.coding {
        case TimeColumn.plainFrames, TimeColumn.residualFrames:
            try readTimeFrames(&directory, header, bits, size, into: columns)
        case TimeColumn.residualPlanes: try readTimePlanes(header, bits, size, into: columns)
        default: throw FormatViolation("unknown coding \(group.coding) of times")
        }
    }

    private func readTimeFrames(
        _ directory: inout ByteReader, _ header: BlockHeader, _ bits: UnsafeRawPointer, _ size: Int,
        into columns: BlockColumns
    ) throws(FormatViolation) {
        let isResidual = header.groups[BlockHeader.Group.timeBits.rawValue].coding == TimeColumn.residualFrames
        let (times, tokens, expected) = (columns.times, columns.tokens, expected)
        var bitsOffset = 0
        var time = header.base
        var at = 0
        while at < columns.count {
            let count = min(PatchedFrame.runLength, columns.count - at)
            try PatchedFrame.decode(
                count: count, header: &directory, bits: bits, bitsOffset: &bitsOffset, bitsEnd: size, into: times + at)
            if isResidual {
                for i in at..<at + count {
                    time &+= TimeColumn.delta(times[i], expected[Int(tokens[i])])
                    times[i] = time
                }
            } else {
                for i in at..<at + count {
                    time &+= times[i]
                    times[i] = time
                }
            }
            at += count
        }
        guard bitsOffset == size else { throw FormatViolation("\(size - bitsOffset) unexpected bytes after the times") }
    }

    private func readTimePlanes(
        _ header: BlockHeader, _ bytes: UnsafeRawPointer, _ size: Int, into columns: BlockColumns
    ) throws(FormatViolation) {
        let (times, tokens, expected, count) = (columns.times, columns.tokens, expected, columns.count)
        let planes = size / count
        guard size % count == 0, (1...8).contains(planes) else {
            throw FormatViolation("\(size) bytes of times for \(count) events")
        }
        Planes.gather(bytes, count: count, planes: planes, into: times)
        var time = header.base
        for i in 0..<count {
            time &+= TimeColumn.delta(times[i], expected[Int(tokens[i])])
            times[i] = time
        }
    }

    /// Fills `literals` with the block's counter values; answers their number.
    private func readLiterals(
        _ directory: inout ByteReader, _ header: BlockHeader,
        _ frames: borrowing InlineArray<6, UnsafeRawBufferPointer>
    ) throws(FormatViolation) -> Int {
        let low = header.groups[BlockHeader.Group.counterLow.rawValue]
        let high = header.groups[BlockHeader.Group.counterHigh.rawValue]
        let events = Int(header.events)
        // Every event may take a literal, whatever the number stored: room for all, so that no index is out of bounds.
        let target = literals.room((events + 1) * 8).assumingMemoryBound(to: UInt64.self)
        let hasDistances = high.coding & CounterColumn.distances != 0 && high.decompressed > 0
        let total = hasDistances ? try directory.count("the number of counter values", atMost: events) : 0
        let tableSize = try directory.count("the number of high parts", atMost: 256)
        var table: InlineArray<256, UInt64> = .init(repeating: 0)
        for i in 0..<tableSize { table[i] = try directory.varint() }
        guard low.decompressed > 0 else {
            guard tableSize == 0, high.decompressed == 0 else { throw FormatViolation("high parts of no values") }
            return 0
        }
        let lowBytes = Int(low.coding & ~CounterColumn.lowPlanes)
        guard (1...7).contains(lowBytes), Int(low.decompressed) % lowBytes == 0 else {
            throw FormatViolation("unknown coding \(low.coding) of counter values")
        }
        let count = Int(low.decompressed) / lowBytes
        guard count <= (hasDistances ? total : events) else {
            throw FormatViolation("\(count) counter values for \(header.events) events")
        }
        let values = hasDistances ? fresh.room((count + 1) * 8).assumingMemoryBound(to: UInt64.self) : target
        let lows = try contents(.counterLow, header, frames, room: &second)
        if low.coding & CounterColumn.lowPlanes != 0 {
            Planes.gather(lows, count: count, planes: lowBytes, into: values)
        } else {
            let mask: UInt64 = ~0 >> UInt64(64 - lowBytes * 8)
            for i in 0..<count {
                let word = UInt64(littleEndian: lows.loadUnaligned(fromByteOffset: i &* lowBytes, as: UInt64.self))
                values[i] = word & mask
            }
        }
        guard total <= Int(high.decompressed) else { throw FormatViolation("fewer distances than counter values") }
        let highs = third.room(Int(high.decompressed))
        try expand(.counterHigh, header, frames, into: highs)
        try addHighParts(
            highs + total, size: Int(high.decompressed) - total, coding: high.coding & ~CounterColumn.distances,
            table: table, tableSize: tableSize, lowBytes: lowBytes, to: values, count: count)
        guard hasDistances else { return count }
        try copyRepeats(distances: highs, count: total, fresh: values, freshCount: count, into: target)
        return total
    }

    private func addHighParts(
        _ highs: UnsafeRawPointer, size: Int, coding: UInt8, table: borrowing InlineArray<256, UInt64>, tableSize: Int,
        lowBytes: Int, to values: UnsafeMutablePointer<UInt64>, count: Int
    ) throws(FormatViolation) {
        let shift = UInt64(lowBytes * 8)
        switch (coding, tableSize) {
        case (CounterColumn.highIndexed, 1):
            guard size == 0 else { throw FormatViolation("an index of one high part") }
            let origin = CounterColumn.origin &- table[0] << shift
            for i in 0..<count { values[i] = origin &- values[i] }
        case (CounterColumn.highIndexed, 2...):
            guard size == count else { throw FormatViolation("\(size) high parts for \(count) counter values") }
            var origins: InlineArray<256, UInt64> = .init(repeating: 0)
            for i in 0..<256 { origins[i] = CounterColumn.origin &- table[i] << shift }
            var most: UInt8 = 0
            for i in 0..<count {
                let index = highs.load(fromByteOffset: i, as: UInt8.self)
                most = max(most, index)
                values[i] = origins[Int(index)] &- values[i]
            }
            guard Int(most) < tableSize else { throw FormatViolation("a high part beyond its table") }
        case (CounterColumn.highPlanes, 0):
            let planes = 8 - lowBytes
            guard size == count * planes else {
                throw FormatViolation("\(size) bytes of high parts for \(count) counter values")
            }
            for i in 0..<count {
                var value = values[i]
                for plane in 0..<planes {
                    let byte = highs.load(fromByteOffset: plane &* count &+ i, as: UInt8.self)
                    value |= UInt64(byte) << UInt64((lowBytes &+ plane) &* 8)
                }
                values[i] = CounterColumn.origin &- value
            }
        default: throw FormatViolation("unknown coding \(coding) of high parts, \(tableSize) in the table")
        }
    }

    /// Every value that repeats one before it, and between them the fresh ones.
    private func copyRepeats(
        distances: UnsafeRawPointer, count: Int, fresh: UnsafePointer<UInt64>, freshCount: Int,
        into target: UnsafeMutablePointer<UInt64>
    ) throws(FormatViolation) {
        var next = 0
        for i in 0..<count {
            let distance = Int(distances.load(fromByteOffset: i, as: UInt8.self))
            if distance == 0 {
                guard next < freshCount else { throw FormatViolation("more fresh counter values than are stored") }
                target[i] = fresh[next]
                next &+= 1
            } else {
                guard distance <= i else { throw FormatViolation("a distance to before the first counter value") }
                target[i] = target[i &- distance]
            }
        }
        guard next == freshCount else { throw FormatViolation("\(freshCount - next) counter values that nothing uses") }
    }

    private var third = Scratch()
    private var fresh = Scratch()

    /// Fills the values from constants and literals; answers the union of the marks of all tokens.
    private func combine(count: Int, literalCount: Int, into columns: BlockColumns) throws(FormatViolation) -> UInt32 {
        let literals = literals.room(0).assumingMemoryBound(to: UInt64.self)
        let tokens = columns.tokens
        let values = columns.values
        let steps = steps
        var at = 0
        var marks: UInt32 = 0
        for i in 0..<count {
            let step = steps[Int(tokens[i])]
            let literal = literals[at]
            values[i] = step.literal != 0 ? literal : step.value
            at &+= Int(step.literal)
            marks |= step.marks
        }
        guard marks & TokenStep.invalid == 0 else { throw FormatViolation("a token beyond the dictionary") }
        guard at == literalCount else {
            throw FormatViolation("\(literalCount) counter values where the tokens need \(at)")
        }
        return marks
    }

    private func readWide(
        _ header: BlockHeader, _ frames: borrowing InlineArray<6, UnsafeRawBufferPointer>, into columns: BlockColumns
    ) throws(FormatViolation) {
        var counts = [Int](repeating: 0, count: WideColumns.columns.count)
        var wideCount = 0
        for i in 0..<columns.count {
            let stored = fields[Int(columns.tokens[i])]
            guard stored.contains(.wide) else { continue }
            wideCount += 1
            for (c, column) in WideColumns.columns.enumerated() where stored.contains(column.field) { counts[c] += 1 }
        }
        let size = Int(header.groups[BlockHeader.Group.wide.rawValue].decompressed)
        let needed = zip(counts, WideColumns.columns).reduce(0) { $0 + $1.0 * $1.1.bytes }
        guard size == needed else {
            throw FormatViolation("\(size) bytes of wide fields where the tokens need \(needed)")
        }
        let bytes = second.room(size)
        try expand(.wide, header, frames, into: bytes)
        let stored = WideColumns.gather(.init(start: bytes, count: size), counts: counts)

        columns.setWide(wideCount)
        var wideAt = 0
        var next = [Int](repeating: 0, count: counts.count)
        func take(_ column: Int) -> UInt64 {
            defer { next[column] += 1 }
            return stored[column][next[column]]
        }
        for i in 0..<columns.count {
            let token = Int(columns.tokens[i])
            let stored = fields[token]
            guard stored.contains(.wide) else { continue }
            var event = columns.templates[token]
            event.pcpu = columns.pcpu
            if stored.contains(.head) {
                let head = take(0)
                guard let kind = EventKind(rawValue: UInt8(truncatingIfNeeded: head)), head < 1 << 24 else {
                    throw FormatViolation("unknown tracepoint \(head & 255)")
                }
                event.kind = kind
                event.flags = UInt8(truncatingIfNeeded: head >> 8)
                event.isa = UInt8(truncatingIfNeeded: head >> 16)
            }
            if stored.contains(.a) { event.a = UInt32(take(1)) }
            if stored.contains(.b) { event.b = UInt32(take(2)) }
            event.value = stored.contains(.value) ? take(3) : columns.values[i]
            columns.values[i] = event.value
            if stored.contains(.value2) { event.value2 = take(4) }
            if stored.contains(.value3) { event.value3 = take(5) }
            columns.wide[wideAt] = event
            wideAt += 1
        }
    }
}

/// Memory that grows and is reused; its contents do not survive growing.
struct Scratch: ~Copyable {
    private var memory: UnsafeMutableRawPointer
    private var size = 64

    init() { memory = .allocate(byteCount: 64, alignment: 16) }

    deinit { memory.deallocate() }

    mutating func room(_ bytes: Int) -> UnsafeMutableRawPointer {
        if bytes > size {
            memory.deallocate()
            size = (bytes + 4095) & ~4095
            memory = .allocate(byteCount: size, alignment: 16)
        }
        return memory
    }
}
