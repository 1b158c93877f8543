/// Finding and reading frames in a file that may be cut short or damaged.
struct FrameFile {
    let file: InputFile

    enum Found {
        case frame(Frame)
        /// The file ends before the frame does.
        case short
        case newerVersion(Int)
        case invalid(reason: String)
    }

    /// The frame at `offset`; its payload lies wholly inside the file.
    func frame(at offset: UInt64) throws(TraceError) -> Found {
        var bytes = try file.read(512, at: offset)
        var parsed = bytes.withUnsafeBytes { Frame.parse($0, at: offset) }
        if case .short(let need) = parsed, bytes.count == 512 {
            bytes = try file.read(need, at: offset)
            parsed = bytes.withUnsafeBytes { Frame.parse($0, at: offset) }
        }
        switch parsed {
        case .frame(let frame): return frame.end <= file.size ? .frame(frame) : .short
        case .short: return .short
        case .newerVersion(let version): return .newerVersion(version)
        case .invalid(let reason): return .invalid(reason: reason)
        }
    }

    /// The decompressed contents of a frame that holds one zstd frame, and the count in its body.
    func content(_ frame: Frame, _ zstd: ZstdDecompressor) throws(TraceError) -> (bytes: [UInt8], count: Int) {
        let payload = try file.read(frame.payloadLength, at: frame.payloadOffset)
        do throws(FormatViolation) {
            guard payload.count == frame.payloadLength else { throw FormatViolation("the file ends inside a frame") }
            guard UInt32(truncatingIfNeeded: XXH64.hash(payload)) == frame.payloadChecksum else {
                throw FormatViolation("the checksum of the \(frame.kind) frame does not match")
            }
            let body = try ContentBody(frame.body)
            let bytes = try payload.withBytes { bytes throws(FormatViolation) in
                try zstd.decompress(bytes, size: body.decompressed, what: "the \(frame.kind) frame")
            }
            return (bytes, body.count)
        } catch {
            throw .damaged(path: file.path, offset: frame.offset, reason: error.reason)
        }
    }

    /// The first whole frame at or after `offset`, or nil.
    func nextFrame(from offset: UInt64) throws(TraceError) -> Frame? {
        let step = 1 << 20
        var at = offset
        while at < file.size {
            // Overlapping, so that a magic number across two pieces is seen.
            let bytes = try file.read(step + Self.lookahead, at: at)
            for candidate in Self.candidates(in: bytes, at: at) where candidate < step {
                if case .frame(let frame) = try frame(at: at + UInt64(candidate)) { return frame }
            }
            at += UInt64(step)
        }
        return nil
    }

    /// The last whole frame that begins in the last `reach` bytes of the file, or nil.
    func lastFrame(reach: UInt64) throws(TraceError) -> Frame? {
        // The last frame of a finished file is small; only an unfinished one needs more than one look.
        var step: UInt64 = 4 << 10
        var end = file.size
        let limit = file.size - min(reach, file.size)
        while end > limit {
            let start = max(limit, end - min(step, end))
            let bytes = try file.read(Int(end - start) + Self.lookahead, at: start)
            for candidate in Self.candidates(in: bytes, at: start).reversed() where UInt64(candidate) < end - start {
                if case .frame(let frame) = try frame(at: start + UInt64(candidate)) { return frame }
            }
            end = start
            step = 1 << 20
        }
        return nil
    }

    /// Bytes from a frame's start to the end of its own offset.
    private static let lookahead = 24

    /// Where in `bytes`, which lie at `offset`, a frame may begin: by its magic number and its own offset.
    private static func candidates(in bytes: [UInt8], at offset: UInt64) -> [Int] {
        var found: [Int] = []
        bytes.withUnsafeBytes { buffer in
            guard buffer.count >= lookahead else { return }
            for i in 0...(buffer.count - lookahead) where buffer[i] == Frame.start[0] && buffer[i + 1] == Frame.start[1]
            {
                let magic = UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: i, as: UInt32.self))
                let own = UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: i + 16, as: UInt64.self))
                if magic == Frame.magic, own == offset + UInt64(i) { found.append(i) }
            }
        }
        return found
    }
}
