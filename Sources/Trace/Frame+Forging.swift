/// Frames whose checksums are right whatever they hold, so that a fuzzer gets past them to what reads the contents.
package enum ForgedFrame {
    /// - Parameters:
    ///   - kind: any byte; most are no kind of frame.
    ///   - offset: where the frame will stand in the file.
    package static func bytes(
        kind: UInt8, offset: UInt64, checkpoint: UInt64, body: [UInt8], payload: [UInt8]
    ) -> [UInt8] {
        var frame = Frame.header(.header, offset: offset, checkpoint: checkpoint, body: body, payload: payload)
        frame[12] = kind
        let sum = Frame.prefixSize - 8
        for index in sum..<sum + 8 { frame[index] = 0 }
        var checksum = XXH64.hash(frame)
        for index in sum..<sum + 8 {
            frame[index] = UInt8(truncatingIfNeeded: checksum)
            checksum >>= 8
        }
        return frame + payload
    }

    /// A zstd frame with one raw block, as the writer makes where nothing is saved.
    package static func raw(_ contents: [UInt8]) -> [UInt8] {
        var header: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0xa4]
        func append(_ value: UInt32, _ bytes: Int) {
            for index in 0..<bytes { header.append(UInt8(truncatingIfNeeded: value >> (8 * UInt32(index)))) }
        }
        append(UInt32(contents.count), 4)
        append(UInt32(contents.count) << 3 | 1, 3)
        header += contents
        append(UInt32(truncatingIfNeeded: XXH64.hash(contents)), 4)
        return header
    }
}
