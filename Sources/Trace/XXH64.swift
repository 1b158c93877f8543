/// The 64-bit xxHash (seed 0): the file's one checksum, over frame headers and payloads.
///
/// zstd's content checksum is the low 32 bits of the same hash (RFC 8878, 3.1.1).
enum XXH64 {
    private static let p1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let p2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let p3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let p4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let p5: UInt64 = 0x27D4_EB2F_1656_67C5

    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        let count = bytes.count
        guard let base = bytes.baseAddress, count > 0 else { return avalanche(p5) }
        var at = 0
        var h: UInt64
        if count >= 32 {
            var v1 = p1 &+ p2
            var v2 = p2
            var v3: UInt64 = 0
            var v4 = 0 &- p1
            while at &+ 32 <= count {
                v1 = round(v1, load(base, at))
                v2 = round(v2, load(base, at &+ 8))
                v3 = round(v3, load(base, at &+ 16))
                v4 = round(v4, load(base, at &+ 24))
                at &+= 32
            }
            h = rotate(v1, 1) &+ rotate(v2, 7) &+ rotate(v3, 12) &+ rotate(v4, 18)
            h = merge(merge(merge(merge(h, v1), v2), v3), v4)
        } else {
            h = p5
        }
        h = h &+ UInt64(count)
        while at &+ 8 <= count {
            h = rotate(h ^ round(0, load(base, at)), 27) &* p1 &+ p4
            at &+= 8
        }
        if at &+ 4 <= count {
            let word = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt32.self))
            h = rotate(h ^ (UInt64(word) &* p1), 23) &* p2 &+ p3
            at &+= 4
        }
        while at < count {
            h = rotate(h ^ (UInt64(base.load(fromByteOffset: at, as: UInt8.self)) &* p5), 11) &* p1
            at &+= 1
        }
        return avalanche(h)
    }

    static func hash(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { hash($0) } }

    @inline(__always)
    private static func load(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    private static func rotate(_ x: UInt64, _ by: UInt64) -> UInt64 { (x << by) | (x >> (64 &- by)) }

    @inline(__always)
    private static func round(_ acc: UInt64, _ lane: UInt64) -> UInt64 { rotate(acc &+ lane &* p2, 31) &* p1 }

    @inline(__always)
    private static func merge(_ h: UInt64, _ v: UInt64) -> UInt64 { (h ^ round(0, v)) &* p1 &+ p4 }

    private static func avalanche(_ x: UInt64) -> UInt64 {
        var h = x
        h = (h ^ (h >> 33)) &* p2
        h = (h ^ (h >> 29)) &* p3
        return h ^ (h >> 32)
    }
}
