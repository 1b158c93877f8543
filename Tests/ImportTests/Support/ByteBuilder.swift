import CZstd

/// Little-endian bytes under construction.
struct ByteBuilder {
    var bytes: [UInt8] = []

    mutating func add<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func add(_ more: [UInt8]) { bytes += more }
    mutating func add(text: String) { bytes += Array(text.utf8) }
    mutating func add(zeroTerminated text: String) { bytes += Array(text.utf8) + [0] }

    mutating func pad(to multiple: Int) {
        while bytes.count % multiple != 0 { bytes.append(0) }
    }

    mutating func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        withUnsafeBytes(of: value.littleEndian) {
            for (index, byte) in $0.enumerated() { bytes[offset + index] = byte }
        }
    }
}

func bytes<T: FixedWidthInteger>(_ values: T...) -> [UInt8] {
    var builder = ByteBuilder()
    for value in values { builder.add(value) }
    return builder.bytes
}

/// One zstd frame.
func zstd(_ plain: [UInt8], level: Int32 = 1) -> [UInt8] {
    var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(plain.count))
    let size = ZSTD_compress(&packed, packed.count, plain, plain.count, level)
    precondition(ZSTD_isError(size) == 0)
    return Array(packed[0..<size])
}

/// One zstd stream that is flushed after each piece, as perf writes its compressed records.
func zstdPieces(_ pieces: [[UInt8]]) -> [[UInt8]] {
    let context = ZSTD_createCCtx()!
    defer { ZSTD_freeCCtx(context) }
    return pieces.map { piece in
        var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(piece.count) + 64)
        let size = packed.withUnsafeMutableBytes { target in
            piece.withUnsafeBytes { source in
                var output = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                while ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush) != 0 {}
                return output.pos
            }
        }
        return Array(packed[0..<size])
    }
}
