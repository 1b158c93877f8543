/// The records inside compressed records: one zstd stream, cut anywhere.
final class CompressedRecords {
    private let stream: ZstdStream
    private var buffer: UnsafeMutableRawBufferPointer
    /// Bytes of a record that is not whole yet.
    private(set) var waiting = 0

    init() throws {
        stream = try ZstdStream()
        buffer = .allocate(byteCount: 1 << 18, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// Unpacks one compressed record's data and hands on the records that are whole by then.
    ///
    /// - Returns: nil, or where in `input` the stream is damaged. After `.stop` nothing more may be asked of it.
    func unpack(
        _ input: UnsafeRawBufferPointer,
        _ take: (UnsafeRawBufferPointer, PerfRecord.Header) throws -> PerfDataReader.Step
    ) throws -> ZstdStream.Failure? {
        var stopped = false
        return try stream.decompress(input) { piece in
            if stopped { return }
            append(piece)
            var at = 0
            while waiting - at >= 8 {
                let head = UnsafeRawBufferPointer(rebasing: buffer[at..<at + 8])
                let header = PerfRecord.Header(head)
                let size = header.fault == nil ? Int(header.size) : 8
                guard size <= waiting - at else { break }
                if try take(UnsafeRawBufferPointer(rebasing: buffer[at..<at + size]), header) == .stop {
                    stopped = true
                    waiting = 0
                    return
                }
                at += size
            }
            if at > 0 {
                buffer.baseAddress!.copyMemory(from: buffer.baseAddress! + at, byteCount: waiting - at)
                waiting -= at
            }
        }
    }

    /// At most a record (64 KiB) waits, and a piece has at most a zstd block (128 KiB).
    private func append(_ piece: UnsafeRawBufferPointer) {
        if waiting + piece.count > buffer.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: waiting + piece.count, alignment: 16)
            larger.baseAddress!.copyMemory(from: buffer.baseAddress!, byteCount: waiting)
            buffer.deallocate()
            buffer = larger
        }
        (buffer.baseAddress! + waiting).copyMemory(from: piece.baseAddress!, byteCount: piece.count)
        waiting += piece.count
    }
}
