/// One frame as the index knows it.
struct IndexEntry: Equatable, Sendable {
    static let size = 48

    var kind: Frame.Kind
    var offset: UInt64
    var length: UInt32
    // What follows is 0 for frames that are not blocks.
    var pcpu: UInt16 = 0
    var flags: BlockHeader.Flags = []
    var events: UInt32 = 0
    var first: UInt64 = 0
    var last: UInt64 = 0
    var vcpuThreads: UInt64 = 0

    init(kind: Frame.Kind, offset: UInt64, length: Int) {
        self.kind = kind
        self.offset = offset
        self.length = UInt32(length)
    }

    init(_ block: BlockHeader, offset: UInt64, length: Int) {
        self.init(kind: .block, offset: offset, length: length)
        pcpu = block.pcpu
        flags = block.flags
        events = block.events
        first = block.first
        last = block.last
        vcpuThreads = block.vcpuThreads
    }

    func encode(into out: inout ByteWriter) {
        out.append(offset)
        out.append(length)
        out.append(kind.rawValue)
        out.append(UInt8(0))
        out.append(pcpu)
        out.append(events)
        out.append(flags.rawValue)
        out.append(UInt16(0))
        out.append(first)
        out.append(last)
        out.append(vcpuThreads)
    }

    init(_ reader: inout ByteReader) throws(FormatViolation) {
        offset = try reader.read()
        length = try reader.read()
        let raw: UInt8 = try reader.read()
        guard let kind = Frame.Kind(rawValue: raw) else { throw FormatViolation("unknown frame type \(raw)") }
        self.kind = kind
        guard length >= Frame.prefixSize else { throw FormatViolation("an index entry of \(length) bytes") }
        _ = try reader.read(UInt8.self)
        pcpu = try reader.read()
        events = try reader.read()
        flags = .init(rawValue: try reader.read())
        _ = try reader.read(UInt16.self)
        first = try reader.read()
        last = try reader.read()
        vcpuThreads = try reader.read()
        guard kind != .block || (Int(events) <= BlockHeader.mostEvents && events > 0 && first <= last) else {
            throw FormatViolation("an index entry with \(events) events from \(first) to \(last)")
        }
    }
}

/// A piece of the index: the frames since the checkpoint before, and what was counted since the start of the file.
struct Checkpoint: Equatable, Sendable {
    static let mostEntries = 65_536

    var entries: [IndexEntry] = []
    var summary = TraceSummary()

    func encode(_ compressor: ZstdCompressor) -> (body: [UInt8], payload: [UInt8]) {
        var out = ByteWriter()
        for entry in entries { entry.encode(into: &out) }
        summary.encode(into: &out)
        var payload: [UInt8] = []
        _ = compressor.append(out.bytes, to: &payload)
        return (ContentBody(decompressed: out.bytes.count, count: entries.count).bytes, payload)
    }

    init() {}

    init(_ content: UnsafeRawBufferPointer, count: Int) throws(FormatViolation) {
        guard count <= Self.mostEntries else { throw FormatViolation("a checkpoint of \(count) frames") }
        var reader = ByteReader(content)
        entries.reserveCapacity(count)
        for _ in 0..<count { entries.append(try IndexEntry(&reader)) }
        summary = try TraceSummary(&reader)
        try reader.expectEnd("the checkpoint")
    }
}

/// The contents of comms frames: names in the order of their index.
enum CommTable {
    static let longestName = 4096
    /// Most names of one trace: what a hostile file can make a reader keep.
    static let mostNames = 1 << 20

    static func encode(_ names: ArraySlice<String>) -> [UInt8] {
        var out = ByteWriter()
        out.append(varint: UInt64(names.startIndex))
        for name in names { out.append(string: name) }
        return out.bytes
    }

    /// Appends a frame's names to `names`, which must hold all those before.
    static func decode(_ content: UnsafeRawBufferPointer, count: Int, into names: inout [String])
        throws(FormatViolation)
    {
        var reader = ByteReader(content)
        let first = try reader.count("the index of a name", atMost: mostNames)
        guard first >= names.count else { throw FormatViolation("a name with the index \(first) given already") }
        // Names lost to damage before are unknown, not shifted.
        guard first - names.count <= 1 << 16 else { throw FormatViolation("a name with the index \(first)") }
        guard count <= mostNames - first else {
            throw FormatViolation("\(first + count) names, more than \(mostNames)")
        }
        while names.count < first { names.append("?") }
        for _ in 0..<count { names.append(try reader.string(atMost: longestName)) }
        try reader.expectEnd("the names")
    }
}

extension LostRecords {
    /// Most records of one trace: what a hostile file can make a reader keep.
    static let mostRecords = 1 << 20

    /// The contents of a lost-records frame.
    static func encode(_ records: [LostRecords]) -> [UInt8] {
        var out = ByteWriter()
        for record in records {
            out.append(record.pcpu)
            out.append(record.kind?.rawValue ?? 255)
            out.append(UInt8(record.count == nil ? 0 : 1))
            out.append(varint: record.count ?? 0)
            out.append(varint: record.earliest)
            out.append(varint: record.latest)
        }
        return out.bytes
    }

    static func decode(
        _ content: UnsafeRawBufferPointer, count: Int, into records: inout [LostRecords]
    ) throws(FormatViolation) {
        guard count <= mostRecords - records.count else {
            throw FormatViolation("\(records.count + count) lost records, more than \(mostRecords)")
        }
        var reader = ByteReader(content)
        for _ in 0..<count {
            let pcpu: UInt16 = try reader.read()
            let raw: UInt8 = try reader.read()
            guard raw == 255 || EventKind(rawValue: raw) != nil else {
                throw FormatViolation("unknown tracepoint \(raw) lost")
            }
            let known = try reader.read(UInt8.self) & 1 != 0
            let number = try reader.varint()
            records.append(
                LostRecords(
                    pcpu: pcpu, kind: EventKind(rawValue: raw), count: known ? number : nil,
                    earliest: try reader.varint(), latest: try reader.varint()))
        }
        try reader.expectEnd("the lost records")
    }
}
