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
            let bytes = try file.read(step + 3, at: at)
            for candidate in Self.magics(in: bytes) where candidate < step {
                if case .frame(let frame) = try frame(at: at + UInt64(candidate)) { return frame }
            }
            at += UInt64(step)
        }
        return nil
    }

    /// The last whole frame that begins in the last `reach` bytes of the file, or nil.
    func lastFrame(reach: UInt64) throws(TraceError) -> Frame? {
        let step: UInt64 = 1 << 20
        var end = file.size
        let limit = file.size - min(reach, file.size)
        while end > limit {
            let start = max(limit, end - min(step, end))
            let bytes = try file.read(Int(end - start) + 3, at: start)
            for candidate in Self.magics(in: bytes).reversed() where UInt64(candidate) < end - start {
                if case .frame(let frame) = try frame(at: start + UInt64(candidate)) { return frame }
            }
            end = start
        }
        return nil
    }

    private static func magics(in bytes: [UInt8]) -> [Int] {
        let magic = Frame.start
        var found: [Int] = []
        bytes.withUnsafeBytes { buffer in
            guard buffer.count >= 4 else { return }
            for i in 0...(buffer.count - 4)
            where buffer[i] == magic[0] && buffer[i + 1] == magic[1] && buffer[i + 2] == magic[2]
                && buffer[i + 3] == magic[3]
            { found.append(i) }
        }
        return found
    }
}
