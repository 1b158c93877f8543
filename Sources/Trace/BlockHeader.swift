/// What a block's own header says of it; the fields are laid out in `Traces/FORMAT.md`.
struct BlockHeader: Equatable, Sendable {
    /// Most events in one block: what a reader must have room for.
    static let mostEvents = 65_536
    /// Without the counts of optional tracepoints, which are there only where there are any.
    static let bodySize = 160

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16
        /// Times inside the block, or from the block before of its pCPU, go back somewhere.
        static let disordered = Flags(rawValue: 1)
        /// Records were lost here, and their number is not known.
        static let lostUnknown = Flags(rawValue: 2)
        static let known: Flags = [.disordered, .lostUnknown]
    }

    /// The column groups, in the order of their frames.
    enum Group: Int, CaseIterable, Sendable {
        case directory, tokens, timeBits, counterLow, counterHigh, wide

        var name: String {
            switch self {
            case .directory: "directory"
            case .tokens: "tokens"
            case .timeBits: "times"
            case .counterLow: "counter values, low"
            case .counterHigh: "counter values, high"
            case .wide: "wide fields"
            }
        }

        /// Most bytes a group can hold once decompressed.
        var largest: Int {
            switch self {
            // Dictionary, thread runs, times' run headers and patches, each at its worst.
            case .directory: 4 << 20
            case .tokens: BlockHeader.mostEvents
            case .timeBits: BlockHeader.mostEvents * 8
            case .counterLow: BlockHeader.mostEvents * 8
            case .counterHigh: BlockHeader.mostEvents * 9
            case .wide: BlockHeader.mostEvents * 36
            }
        }
    }

    struct GroupSize: Equatable, Sendable {
        /// How the group's content is coded; 0 where there is only one way.
        var coding: UInt8 = 0
        /// Bytes of its zstd frame in the file; 0: no such frame.
        var compressed: UInt32 = 0
        var decompressed: UInt32 = 0
    }

    var pcpu: UInt16 = 0
    var flags: Flags = []
    var events: UInt32 = 0
    /// Least and greatest time, ns.
    var first: UInt64 = 0
    var last: UInt64 = 0
    /// The time that the first event's delta counts from.
    var base: UInt64 = 0
    /// No event of a later block is earlier, whatever its pCPU; 0: no promise.
    var watermark: UInt64 = 0
    /// Threads with KVM events in this block, one bit for each by `threadBit`.
    var vcpuThreads: UInt64 = 0
    /// Number of this block in the file, from 0.
    var sequence: UInt32 = 0
    /// Records reported lost on this pCPU while the block was open; the details are in a lost-records frame.
    var lost: UInt32 = 0
    var kinds: InlineArray<11, UInt32> = .init(repeating: 0)
    var groups: InlineArray<6, GroupSize> = .init(repeating: GroupSize())

    static func == (a: BlockHeader, b: BlockHeader) -> Bool { a.bytes == b.bytes }

    static func threadBit(_ pid: Int32) -> UInt64 {
        1 << UInt64((UInt32(bitPattern: pid) &* 0x9E37_79B1) >> 26)
    }

    var bytes: [UInt8] {
        var out = ByteWriter(reserving: Self.bodySize)
        out.append(pcpu)
        out.append(flags.rawValue)
        out.append(events)
        out.append(first)
        out.append(last)
        out.append(base)
        out.append(watermark)
        out.append(vcpuThreads)
        out.append(sequence)
        out.append(lost)
        for i in 0..<EventKind.always.count { out.append(kinds[i]) }
        out.append(UInt32(0))
        for i in groups.indices {
            out.append(UInt32(groups[i].coding))
            out.append(groups[i].compressed)
            out.append(groups[i].decompressed)
        }
        let optional = EventKind.always.count..<kinds.count
        if optional.contains(where: { kinds[$0] > 0 }) {
            for i in optional { out.append(kinds[i]) }
        }
        return out.bytes
    }

    init() {}

    /// Reads a header and checks every length that it announces against `payload`, the bytes that follow it.
    init(_ body: UnsafeRawBufferPointer, payload: Int) throws(FormatViolation) {
        var reader = ByteReader(body)
        pcpu = try reader.read()
        flags = Flags(rawValue: try reader.read())
        events = try reader.read()
        first = try reader.read()
        last = try reader.read()
        base = try reader.read()
        watermark = try reader.read()
        vcpuThreads = try reader.read()
        sequence = try reader.read()
        lost = try reader.read()
        for i in 0..<EventKind.always.count { kinds[i] = try reader.read() }
        _ = try reader.read(UInt32.self)
        var total = 0
        for group in Group.allCases {
            let coding = try reader.read(UInt32.self)
            let size = GroupSize(
                coding: UInt8(truncatingIfNeeded: coding), compressed: try reader.read(),
                decompressed: try reader.read())
            guard coding <= 255 else { throw FormatViolation("unknown coding \(coding) of \(group.name)") }
            guard Int(size.decompressed) <= group.largest else {
                throw FormatViolation(
                    "\(group.name) would be \(size.decompressed) bytes, more than the \(group.largest) possible")
            }
            groups[group.rawValue] = size
            total += Int(size.compressed)
        }
        if reader.remaining > 0 {
            for i in EventKind.always.count..<kinds.count { kinds[i] = try reader.read() }
        }
        guard Int(events) <= Self.mostEvents, events > 0 else {
            throw FormatViolation("a block of \(events) events; 1 to \(Self.mostEvents) are possible")
        }
        guard first <= last else { throw FormatViolation("a block that ends at \(last) before it starts at \(first)") }
        guard total == payload else {
            throw FormatViolation("the columns are \(total) bytes in a block of \(payload)")
        }
        guard groups[Group.tokens.rawValue].decompressed == events else {
            throw FormatViolation("\(groups[Group.tokens.rawValue].decompressed) tokens for \(events) events")
        }
    }
}
