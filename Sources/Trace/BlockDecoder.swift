/// Which of a block's columns are decoded.
public enum BlockParts: Sendable {
    case everything
    /// `BlockColumns.values` may be left as it is, and is not checked: for whoever looks at no counter's value. Events
    /// with fields of their own have them all.
    case allButCounters
}

/// Turns a block's payload into columns. One per thread: it keeps a zstd context and scratch memory.
final class BlockDecoder {
    private let zstd = ZstdDecompressor()
    var scratch = Scratch()
    var second = Scratch()
    var third = Scratch()
    var fresh = Scratch()
    var literals = Scratch()

    /// Per token: the constant value, or all ones where a counter value stands for it.
    struct TokenStep {
        var value: UInt64 = 0
        var literal: UInt64 = 0
    }
    let steps: UnsafeMutablePointer<TokenStep>
    private let fields: UnsafeMutablePointer<StoredFields>
    /// Whether an event of the block may have more fields than time, thread and value.
    private var hasWideTokens = false
    /// Whether such an event may have a counter's value besides.
    private var hasWideCounters = false
    /// The expected delta of each token.
    private let expected: UnsafeMutablePointer<UInt64>

    init() {
        steps = .allocate(capacity: 256)
        fields = .allocate(capacity: 256)
        fields.initialize(repeating: [], count: 256)
        expected = .allocate(capacity: 256)
        expected.initialize(repeating: 0, count: 256)
    }

    deinit {
        steps.deallocate()
        fields.deallocate()
        expected.deallocate()
    }

    /// Decodes `payload`, the frames behind `header`, into `columns`, checking every checksum and length on the way.
    func decode(
        _ header: BlockHeader, _ payload: UnsafeRawBufferPointer, into columns: BlockColumns,
        _ parts: BlockParts = .everything
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
        try checkTokens(columns)
        if parts == .everything || hasWideCounters {
            try readValues(&directory, header, frames, into: columns)
            try directory.expectEnd("the directory")
        }
        columns.setWide(0)
        if hasWideTokens {
            try readWide(header, frames, into: columns)
        } else if header.groups[BlockHeader.Group.wide.rawValue].decompressed != 0 {
            throw FormatViolation("wide fields that no event has")
        }
    }

    func expand(
        _ group: BlockHeader.Group, _ header: BlockHeader, _ frames: borrowing InlineArray<6, UnsafeRawBufferPointer>,
        into target: UnsafeMutableRawPointer
    ) throws(FormatViolation) {
        let size = Int(header.groups[group.rawValue].decompressed)
        let frame = frames[group.rawValue]
        if size == 0, frame.isEmpty { return }
        try zstd.decompress(frame, into: target, size: size, what: group.name)
    }

    /// The contents of a group that is mostly stored raw, with `PatchedFrame.padding` readable bytes behind: where they
    /// lie if that can be, else expanded into `room`.
    func contents(
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
        hasWideTokens = false
        hasWideCounters = false
        fields.update(repeating: [], count: 256)
        for token in 0..<entries { set(token, try TokenEntry(&directory), columns) }
        set(255, .escape, columns)
    }

    @inline(__always)
    private func set(_ token: Int, _ entry: TokenEntry, _ columns: BlockColumns) {
        columns.templates[token] = entry.template
        let isWide = entry.fields.contains(.wide)
        columns.isWide[token] = isWide ? 1 : 0
        columns.takesLiteral[token] = entry.fields.contains(.counter) ? 1 : 0
        steps[token] =
            entry.fields.contains(.counter) ? TokenStep(literal: .max) : TokenStep(value: entry.template.value)
        if isWide, token != Int(TokenEntry.escapeToken) { hasWideTokens = true }
        if isWide, entry.fields.contains(.counter) { hasWideCounters = true }
        fields[token] = entry.fields
    }

    /// Every token must be in the dictionary, or be the escape, whose events have all their fields stored.
    private func checkTokens(_ columns: BlockColumns) throws(FormatViolation) {
        let tokens = columns.tokens
        var past: UInt8 = 0
        var top: UInt8 = 0
        for i in 0..<columns.count {
            // The escape wraps to 0.
            past = max(past, tokens[i] &+ 1)
            top = max(top, tokens[i])
        }
        guard Int(past) <= columns.templateCount else { throw FormatViolation("a token beyond the dictionary") }
        if top == TokenEntry.escapeToken { hasWideTokens = true }
    }

    private func readRuns(
        _ directory: inout ByteReader, count: Int, into columns: BlockColumns
    ) throws(FormatViolation) {
        let number = try directory.count("the number of thread runs", atMost: count)
        columns.setRuns(number)
        let runs = columns.runs
        var end = 0
        for run in 0..<number {
            let pid = try directory.varint()
            guard pid <= UInt32.max else { throw FormatViolation("a thread id beyond 32 bits") }
            let length = try directory.count("the length of a thread run", atMost: count - end)
            guard length > 0 else { throw FormatViolation("an empty thread run") }
            end += length
            runs[run] = .init(pid: Int32(bitPattern: UInt32(pid)), end: end)
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
                time = TimeColumn.add(times + at, tokens + at, count: count, expected: expected, from: time)
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

    private func readWide(
        _ header: BlockHeader, _ frames: borrowing InlineArray<6, UnsafeRawBufferPointer>, into columns: BlockColumns
    ) throws(FormatViolation) {
        var counts = [Int](repeating: 0, count: WideColumns.columns.count)
        var wideCount = 0
        // How often each token occurs says how many of each field there are.
        var uses = [Int](repeating: 0, count: 256)
        for i in 0..<columns.count { uses[Int(columns.tokens[i])] += 1 }
        for token in 0..<256 where uses[token] > 0 && fields[token].contains(.wide) {
            wideCount += uses[token]
            for (c, column) in WideColumns.columns.enumerated() where fields[token].contains(column.field) {
                counts[c] += uses[token]
            }
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
        let (tokens, templates, values, wide) = (columns.tokens, columns.templates, columns.values, columns.wide)
        for i in 0..<columns.count {
            let token = Int(tokens[i])
            let stored = fields[token]
            guard stored.contains(.wide) else { continue }
            var event = templates[token]
            event.pcpu = columns.pcpu
            if stored.contains(.head) {
                let head = take(0)
                guard let kind = EventKind(rawValue: UInt8(truncatingIfNeeded: head)), head < 1 << 24 else {
                    throw FormatViolation.unknownTracepoint(head & 255)
                }
                event.kind = kind
                event.flags = UInt8(truncatingIfNeeded: head >> 8)
                event.isa = UInt8(truncatingIfNeeded: head >> 16)
            }
            if stored.contains(.a) { event.a = UInt32(take(1)) }
            if stored.contains(.b) { event.b = UInt32(take(2)) }
            if stored.contains(.value) { event.value = take(3) }
            if stored.contains(.counter) { event.value = values[i] }
            values[i] = event.value
            if stored.contains(.value2) { event.value2 = take(4) }
            if stored.contains(.value3) { event.value3 = take(5) }
            wide[wideAt] = event
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
