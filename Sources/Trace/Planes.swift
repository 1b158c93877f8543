/// Numbers as byte planes: all least significant bytes, then all of the next, and so on.
enum Planes {
    /// Puts `count` numbers of `planes` (1...8) bytes together; a byte of plane `p` is worth `256^p`.
    static func gather(
        _ bytes: UnsafeRawPointer, count: Int, planes: Int, into out: UnsafeMutablePointer<UInt64>
    ) {
        let source = bytes.assumingMemoryBound(to: UInt8.self)
        for i in 0..<count { out[i] = UInt64(source[i]) }
        for plane in 1..<max(1, planes) {
            let shift = UInt64(plane &* 8)
            let bytes = source + plane &* count
            for i in 0..<count { out[i] |= UInt64(bytes[i]) &<< shift }
        }
    }
}
