import CZstd

/// A zstd frame that is unpacked at once, where the container says how large it becomes.
enum ZstdChunk {
    /// - Returns: the bytes, at most `limit`; nil where the frame is damaged or larger.
    static func unpack(_ packed: [UInt8], limit: Int) -> [UInt8]? {
        guard limit >= 0 else { return nil }
        var failed = false
        let result = [UInt8](unsafeUninitializedCapacity: limit) { target, count in
            let size = packed.withUnsafeBytes { ZSTD_decompress(target.baseAddress, limit, $0.baseAddress, $0.count) }
            failed = ZSTD_isError(size) != 0
            count = failed ? 0 : size
        }
        return failed ? nil : result
    }

    /// Unpacks into `target`.
    ///
    /// - Returns: bytes written, or why the frame cannot be unpacked.
    static func unpack(
        _ packed: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) -> Result<Int, Reason> {
        let size = ZSTD_decompress(target.baseAddress, target.count, packed.baseAddress, packed.count)
        if ZSTD_isError(size) != 0 { return .failure(Reason(text: String(cString: ZSTD_getErrorName(size)))) }
        return .success(size)
    }

    struct Reason: Error { var text: String }
}
