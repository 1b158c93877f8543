import Trace

/// A trace as a fuzzer writes it: frames without offsets, lengths of payloads and checksums, which follow from the
/// rest.
///
///     kind │ options │ bytes of body │ bytes of payload (16 bits) │ body │ payload │ kind │ ...
///
/// Options: bit 0 puts the payload into a raw zstd frame, bits 1 and 2 say which checkpoint the frame names: none, the
/// last, or one that is none.
public enum FramePieces {
    public static func file(_ pieces: [UInt8]) -> [UInt8] {
        var file: [UInt8] = []
        var checkpoint: UInt64 = 0
        var at = 0
        while pieces.count - at >= 5 {
            let (kind, options) = (pieces[at], pieces[at + 1])
            let bodyCount = min(Int(pieces[at + 2]), pieces.count - at - 5)
            let body = Array(pieces[at + 5..<at + 5 + bodyCount])
            let payloadCount = min(
                Int(pieces[at + 3]) | Int(pieces[at + 4]) << 8, pieces.count - at - 5 - bodyCount)
            var payload = Array(pieces[at + 5 + bodyCount..<at + 5 + bodyCount + payloadCount])
            if options & 1 != 0 { payload = ForgedFrame.raw(payload) }
            let offset = UInt64(file.count)
            let named = options >> 1 & 3
            file += ForgedFrame.bytes(
                kind: kind, offset: offset, checkpoint: named == 0 ? 0 : named == 1 ? checkpoint : offset / 2,
                body: body, payload: payload)
            if kind == 6 { checkpoint = offset }
            at += 5 + bodyCount + payloadCount
        }
        // What is left over is an unfinished tail.
        return file + pieces[at...]
    }

    /// The pieces of a whole trace, its payloads as they are.
    public static func pieces(_ file: [UInt8]) -> [UInt8] {
        var pieces: [UInt8] = []
        var at = 0
        func word(_ offset: Int) -> Int {
            (0..<4).reduce(0) { $0 | Int(file[at + offset + $1]) << (8 * $1) }
        }
        while file.count - at >= 48 {
            let header = word(4) + 8
            let payload = word(32)
            let names = word(24) == 0 ? 0 : 1
            let body = file[at + 48..<at + header]
            precondition(body.count < 256 && payload < 1 << 16, "a seed is a small trace")
            pieces += [file[at + 12], UInt8(names << 1), UInt8(body.count), UInt8(payload & 0xff), UInt8(payload >> 8)]
            pieces += body
            pieces += file[at + header..<at + header + payload]
            at += header + payload
        }
        return pieces
    }
}
