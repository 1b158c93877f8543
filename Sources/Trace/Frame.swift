/// The piece a trace is made of: a skippable zstd frame (the header) and the zstd frames it announces (the payload).
///
/// Every header carries its own offset and checksum, so that after damage the next one can be found and believed, and
/// the offset of the last index checkpoint before it, so that the index of an unfinished file is found from its end.
struct Frame: Equatable, Sendable {
    enum Kind: UInt8, Sendable {
        case header = 1
        case block = 2
        case lost = 3
        case comms = 4
        case metadata = 5
        case checkpoint = 6
        case end = 7
    }

    static let magic: UInt32 = 0x184D_2A5D
    static let tag: [UInt8] = Array("VPMU".utf8)
    /// The magic number's bytes, with which every trace starts.
    static let start: [UInt8] = [0x5D, 0x2A, 0x4D, 0x18]
    /// Raised when a reader of the version before could not read the file.
    static let majorVersion: UInt8 = 1
    /// Raised for additions that older readers may ignore.
    static let minorVersion: UInt8 = 0
    static let prefixSize = 48
    static let versionOffset = 13
    /// Most bytes of a header's body, of a payload, and of a payload decompressed.
    static let largestBody = 4096
    static let largestPayload = 16 << 20

    var kind: Kind
    var offset: UInt64
    /// Offset of the last checkpoint frame before this frame; 0: none.
    var checkpoint: UInt64
    var body: [UInt8]
    var payloadLength: Int
    /// Low 32 bits of the payload's XXH64.
    var payloadChecksum: UInt32

    var headerLength: Int { Self.prefixSize + body.count }
    var length: Int { headerLength + payloadLength }
    var payloadOffset: UInt64 { offset + UInt64(headerLength) }
    var end: UInt64 { offset + UInt64(length) }

    /// The header's bytes; the payload follows them.
    static func header(
        _ kind: Kind, offset: UInt64, checkpoint: UInt64, body: [UInt8], payload: [UInt8]
    ) -> [UInt8] {
        var out = ByteWriter(reserving: prefixSize + body.count)
        out.append(magic)
        out.append(UInt32(prefixSize - 8 + body.count))
        out.append(contentsOf: tag)
        out.append(kind.rawValue)
        out.append(majorVersion)
        out.append(minorVersion)
        out.append(UInt8(0))
        out.append(offset)
        out.append(checkpoint)
        out.append(UInt32(payload.count))
        out.append(UInt32(truncatingIfNeeded: XXH64.hash(payload)))
        out.append(UInt64(0))
        out.append(contentsOf: body)
        out.overwrite(XXH64.hash(out.bytes), at: prefixSize - 8)
        return out.bytes
    }

    /// What a look at bytes that should begin a frame tells.
    enum Parsed: Equatable {
        case frame(Frame)
        /// More bytes are needed, this many in all.
        case short(need: Int)
        case newerVersion(Int)
        case invalid(reason: String)
    }

    /// Reads the header at the start of `bytes`, which lie at `offset` of the file.
    static func parse(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) -> Parsed {
        func integer<T: FixedWidthInteger>(_ at: Int, _: T.Type) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
        }
        let known = min(bytes.count, 12)
        for i in 0..<min(known, 4) where bytes[i] != start[i] {
            return .invalid(reason: "no frame begins here")
        }
        for i in 8..<max(8, known) where bytes[i] != tag[i - 8] { return .invalid(reason: "no frame begins here") }
        guard bytes.count >= prefixSize else { return .short(need: prefixSize) }
        if bytes[versionOffset] > majorVersion { return .newerVersion(Int(bytes[versionOffset])) }
        let size = Int(integer(4, UInt32.self)) + 8
        guard size >= prefixSize, size <= prefixSize + largestBody else {
            return .invalid(reason: "a frame header of \(size) bytes")
        }
        guard bytes.count >= size else { return .short(need: size) }
        var copy = Array(bytes[0..<size])
        for i in 40..<48 { copy[i] = 0 }
        guard XXH64.hash(copy) == integer(40, UInt64.self) else {
            return .invalid(reason: "the checksum of the frame header does not match")
        }
        guard bytes[versionOffset] == majorVersion, let kind = Kind(rawValue: bytes[12]) else {
            return .invalid(reason: "unknown frame type \(bytes[12]) of version \(bytes[versionOffset])")
        }
        let frame = Frame(
            kind: kind, offset: integer(16, UInt64.self), checkpoint: integer(24, UInt64.self),
            body: Array(copy[prefixSize...]), payloadLength: Int(integer(32, UInt32.self)),
            payloadChecksum: integer(36, UInt32.self))
        guard frame.offset == offset else {
            return .invalid(reason: "a frame that belongs to offset \(frame.offset)")
        }
        guard frame.payloadLength <= largestPayload else {
            return .invalid(reason: "a payload of \(frame.payloadLength) bytes, more than \(largestPayload)")
        }
        guard frame.checkpoint < max(offset, 1) else {
            return .invalid(reason: "the checkpoint before it is said to be at \(frame.checkpoint)")
        }
        return .frame(frame)
    }
}

/// The body of header, lost, comms and metadata frames.
struct ContentBody {
    var decompressed: Int
    var count: Int

    init(decompressed: Int, count: Int) {
        self.decompressed = decompressed
        self.count = count
    }

    init(_ body: [UInt8]) throws(FormatViolation) {
        guard body.count >= 8 else { throw FormatViolation("a frame body of \(body.count) bytes") }
        let (d, c) = body.withUnsafeBytes {
            (
                UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt32.self)),
                UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            )
        }
        guard Int(d) <= Frame.largestPayload else {
            throw FormatViolation("contents of \(d) bytes, more than the \(Frame.largestPayload) allowed")
        }
        decompressed = Int(d)
        count = Int(c)
    }

    var bytes: [UInt8] {
        var out = ByteWriter()
        out.append(UInt32(decompressed))
        out.append(UInt32(count))
        return out.bytes
    }
}
