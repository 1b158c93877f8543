import CZstd

/// How hard the writer compresses: both levels decode with the same reader at about the same speed.
public enum TraceLevel: String, Sendable, CaseIterable {
    /// Fast enough to record with.
    case fast
    /// Smaller files for keeping, several times slower to write.
    case archive
}

/// Makes the zstd frames of a trace: single segment, with content size and content checksum, one per column group.
final class ZstdCompressor {
    private let context: OpaquePointer
    private let level: Int32
    private var scratch = Scratch()

    init(level: TraceLevel) {
        guard let context = ZSTD_createCCtx() else { fatalError("no memory for a zstd context") }
        self.context = context
        self.level = level == .fast ? 1 : 19
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, self.level)
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        // A window as large as the largest group, so that every frame is a single segment.
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 23)
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Appends one frame that holds `bytes` to `out`; answers the frame's size.
    func append(_ bytes: UnsafeRawBufferPointer, to out: inout [UInt8]) -> Int {
        let bound = ZSTD_compressBound(bytes.count)
        let room = scratch.room(bound)
        let size = ZSTD_compress2(context, room, bound, bytes.baseAddress, bytes.count)
        guard ZSTD_isError(size) == 0 else { fatalError("zstd refuses to compress into its own bound") }
        out.append(contentsOf: UnsafeRawBufferPointer(start: room, count: size))
        return size
    }

    func append(_ bytes: [UInt8], to out: inout [UInt8]) -> Int { bytes.withUnsafeBytes { append($0, to: &out) } }

    /// Appends one frame that holds `pieces` one after the other, each in blocks of its own, so that pieces of
    /// different statistics do not share a code.
    func append(pieces: [[UInt8]], to out: inout [UInt8]) -> Int {
        let total = pieces.reduce(0) { $0 + $1.count }
        // A flush may end a block early: some bytes of block header for each piece beyond the usual bound.
        let bound = ZSTD_compressBound(total) + 32 * (pieces.count + 1)
        let room = scratch.room(bound)
        var output = ZSTD_outBuffer(dst: room, size: bound, pos: 0)
        ZSTD_CCtx_reset(context, ZSTD_reset_session_only)
        ZSTD_CCtx_setPledgedSrcSize(context, UInt64(total))
        for (number, piece) in pieces.enumerated() {
            let mode = number == pieces.count - 1 ? ZSTD_e_end : ZSTD_e_flush
            piece.withUnsafeBytes { bytes in
                var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
                var rest = 1
                while rest > 0 {
                    rest = ZSTD_compressStream2(context, &output, &input, mode)
                    guard ZSTD_isError(rest) == 0 else { fatalError("zstd refuses to compress into its own bound") }
                }
            }
        }
        out.append(contentsOf: UnsafeRawBufferPointer(start: room, count: output.pos))
        return output.pos
    }
}

/// A zstd frame of raw blocks (RFC 8878, 3.1.1.2): for packed bits, which do not compress.
enum RawFrame {
    static let magic: UInt32 = 0xFD2F_B528
    private static let largestBlock = 128 << 10

    static func append(_ bytes: UnsafeRawBufferPointer, to out: inout [UInt8]) -> Int {
        let start = out.count
        var header = ByteWriter()
        header.append(magic)
        // Content size in 4 bytes, single segment, content checksum.
        header.append(UInt8(0xA4))
        header.append(UInt32(bytes.count))
        out.append(contentsOf: header.bytes)
        var at = 0
        repeat {
            let size = min(bytes.count - at, largestBlock)
            let last = at + size == bytes.count
            let word = UInt32(size) << 3 | (last ? 1 : 0)
            out.append(UInt8(truncatingIfNeeded: word))
            out.append(UInt8(truncatingIfNeeded: word >> 8))
            out.append(UInt8(truncatingIfNeeded: word >> 16))
            out.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[at..<at + size]))
            at += size
        } while at < bytes.count
        let checksum = UInt32(truncatingIfNeeded: XXH64.hash(bytes))
        withUnsafeBytes(of: checksum.littleEndian) { out.append(contentsOf: $0) }
        return out.count - start
    }

    /// The contents of a frame of one raw block as they lie in the frame, their checksum checked, or nil for any other
    /// frame.
    static func contents(_ frame: UnsafeRawBufferPointer, size: Int) -> UnsafeRawBufferPointer? {
        guard frame.count == size + 16, size > 0, let base = frame.baseAddress else { return nil }
        func word(_ at: Int) -> UInt32 { UInt32(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt32.self)) }
        guard word(0) == magic, frame[4] == 0xA4, word(5) == UInt32(size), word(8) >> 8 == UInt32(size) << 3 | 1 else {
            return nil
        }
        let contents = UnsafeRawBufferPointer(rebasing: frame[12..<12 + size])
        return UInt32(truncatingIfNeeded: XXH64.hash(contents)) == word(12 + size) ? contents : nil
    }
}

/// Decompresses one frame at a time into memory of a size that was checked before.
final class ZstdDecompressor {
    private let context: OpaquePointer

    init() {
        guard let context = ZSTD_createDCtx() else { fatalError("no memory for a zstd context") }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Decompresses `frame` (exactly one frame) into exactly `size` bytes at `destination`.
    func decompress(
        _ frame: UnsafeRawBufferPointer, into destination: UnsafeMutableRawPointer, size: Int, what: String
    ) throws(FormatViolation) {
        // Single segment and content checksum are required, a dictionary is refused: without its checksum a frame
        // could change in silence. The descriptor's two high bits (width of the size) and one unused bit are free.
        guard frame.count >= 9, UInt32(littleEndian: frame.loadUnaligned(as: UInt32.self)) == RawFrame.magic,
            frame[4] & 0x2F == 0x24
        else { throw FormatViolation("\(what) is not a checksummed single-segment zstd frame") }
        let content = ZSTD_getFrameContentSize(frame.baseAddress, frame.count)
        guard content == UInt64(size) else {
            throw FormatViolation("\(what) says it holds \(content) bytes where \(size) were announced")
        }
        guard ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count) == frame.count else {
            throw FormatViolation("\(what) is not one zstd frame of \(frame.count) bytes")
        }
        let got = ZSTD_decompressDCtx(context, destination, size, frame.baseAddress, frame.count)
        guard ZSTD_isError(got) == 0 else {
            throw FormatViolation("\(what): zstd: \(String(cString: ZSTD_getErrorName(got)))")
        }
        guard got == size else { throw FormatViolation("\(what) holds \(got) bytes where \(size) were announced") }
    }

    func decompress(_ frame: UnsafeRawBufferPointer, size: Int, what: String) throws(FormatViolation) -> [UInt8] {
        var violation: FormatViolation?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            var none: UInt8 = 0
            let target = buffer.baseAddress.map { UnsafeMutableRawPointer($0) }
            do throws(FormatViolation) {
                if let target {
                    try decompress(frame, into: target, size: size, what: what)
                } else {
                    try withUnsafeMutablePointer(to: &none) { pointer throws(FormatViolation) in
                        try decompress(frame, into: UnsafeMutableRawPointer(pointer), size: size, what: what)
                    }
                }
                count = size
            } catch {
                violation = error
                count = 0
            }
        }
        if let violation { throw violation }
        return bytes
    }
}
