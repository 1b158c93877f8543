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
