import CZstd

/// A zstd stream that is fed block by block, so that everything before a damaged block comes out.
///
/// zstd gives nothing of a call that fails, and says after each call how many bytes end the next block
/// (`ZSTD_decompressStream` in zstd.h, "hint for next input size"): it is given exactly these.
final class ZstdStream {
    struct Failure: Equatable {
        /// Bytes of this call's input that were good.
        var consumed: Int
        var reason: String
    }

    /// Windows beyond this are refused before memory is taken: 128 MiB is what zstd itself stops at without `--long`.
    static let windowLogMaximum: Int32 = 27

    private let context: OpaquePointer
    private var hint: Int
    private let output: UnsafeMutableRawBufferPointer
    /// Nothing is owed: the last frame has ended, or none has begun.
    private(set) var isAtFrameEnd = true

    init() throws {
        guard let context = ZSTD_createDCtx() else { throw ImportError.outOfMemory }
        self.context = context
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.windowLogMaximum)
        hint = ZSTD_initDStream(context)
        output = .allocate(byteCount: ZSTD_DStreamOutSize(), alignment: 16)
    }

    deinit {
        ZSTD_freeDCtx(context)
        output.deallocate()
    }

    /// Unpacks `input`, handing on each piece as it comes.
    ///
    /// - Returns: nil, or where and why the stream is damaged; it must not be fed after that.
    func decompress(
        _ input: UnsafeRawBufferPointer, into take: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Failure? {
        var done = 0
        var mayHoldMore = false
        while done < input.count || mayHoldMore {
            let piece = min(max(hint, 1), input.count - done)
            var source = ZSTD_inBuffer(src: input.baseAddress.map { $0 + done }, size: piece, pos: 0)
            var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let result = ZSTD_decompressStream(context, &target, &source)
            if ZSTD_isError(result) != 0 {
                return Failure(consumed: done, reason: String(cString: ZSTD_getErrorName(result)))
            }
            if source.pos == 0, target.pos == 0, piece > 0 {
                return Failure(consumed: done, reason: "the stream does not advance")
            }
            done += source.pos
            mayHoldMore = target.pos == target.size
            isAtFrameEnd = result == 0
            hint = result == 0 ? 5 : result
            if target.pos > 0 { try take(UnsafeRawBufferPointer(rebasing: output[0..<target.pos])) }
            if piece == 0, target.pos == 0 { break }
        }
        return nil
    }
}
