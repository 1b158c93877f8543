/// Patched frame of reference: runs of 256 numbers as a base, the low bits of what exceeds it, and patches.
///
/// Per run: `width` (0...56), the base (the run's least number, varint), the number of patches (0...255), the patches'
/// positions (a byte each) and then their high parts, `(number - base) >> width` as varints; beside them, packed,
/// `width` low bits of each `number - base`, least significant bit first. A run starts on a byte.
enum PatchedFrame {
    static let runLength = 256
    static let widest = 56

    /// Bytes that may be read behind packed bits: an unaligned 64-bit load at the last bit.
    static let padding = 8

    static func packedBytes(_ count: Int, width: Int) -> Int { (count * width + 7) / 8 }

    /// Appends the run `numbers` (1...256 of them).
    static func encode(
        _ numbers: UnsafeBufferPointer<UInt64>, header: inout ByteWriter, bits: inout PackedBits
    ) {
        let count = numbers.count
        let (least, (width, _)) = shape(numbers)

        header.append(UInt8(width))
        header.append(varint: least)
        let mask: UInt64 = width == 0 ? 0 : ~0 >> UInt64(64 - width)
        var positions: InlineArray<256, UInt8> = .init(repeating: 0)
        var patches = 0
        for i in 0..<count where numbers[i] &- least > mask {
            positions[patches] = UInt8(truncatingIfNeeded: i)
            patches &+= 1
        }
        header.append(UInt8(patches))
        for p in 0..<patches { header.append(positions[p]) }
        for p in 0..<patches { header.append(varint: (numbers[Int(positions[p])] &- least) >> UInt64(width)) }
        bits.append(numbers, subtracting: least, mask: mask, width: width)
    }

    /// About the bytes that `encode` would append.
    static func cost(_ numbers: UnsafeBufferPointer<UInt64>) -> Int { shape(numbers).1.cost }

    private static func shape(_ numbers: UnsafeBufferPointer<UInt64>) -> (least: UInt64, (width: Int, cost: Int)) {
        var least = UInt64.max
        for i in 0..<numbers.count { least = min(least, numbers[i]) }
        var lengths: InlineHistogram = .init()
        for i in 0..<numbers.count { lengths.add(64 &- (numbers[i] &- least).leadingZeroBitCount) }
        return (least, lengths.cheapestWidth(count: numbers.count))
    }

    /// The packed numbers of a run, `base` added. Eight numbers fill `width` bytes, and a load at any bit's offset
    /// holds four of 14 bits.
    @inline(__always)
    private static func unpack(
        _ source: UnsafeRawPointer, count: Int, width: Int, base: UInt64, into out: UnsafeMutablePointer<UInt64>
    ) {
        let mask: UInt64 = width == 0 ? 0 : ~0 >> UInt64(64 - width)
        let shift = UInt64(width)
        @inline(__always)
        func word(_ byte: Int) -> UInt64 {
            UInt64(littleEndian: source.loadUnaligned(fromByteOffset: byte, as: UInt64.self))
        }
        var i = 0
        if width <= 14 {
            var byte = 0
            let half = (4 &* width) &>> 3
            let halfBit = UInt64((4 &* width) & 7)
            while i &+ 8 <= count {
                var low = word(byte)
                out[i] = base &+ (low & mask)
                low &>>= shift
                out[i &+ 1] = base &+ (low & mask)
                low &>>= shift
                out[i &+ 2] = base &+ (low & mask)
                low &>>= shift
                out[i &+ 3] = base &+ (low & mask)
                var high = word(byte &+ half) &>> halfBit
                out[i &+ 4] = base &+ (high & mask)
                high &>>= shift
                out[i &+ 5] = base &+ (high & mask)
                high &>>= shift
                out[i &+ 6] = base &+ (high & mask)
                high &>>= shift
                out[i &+ 7] = base &+ (high & mask)
                i &+= 8
                byte &+= width
            }
        }
        var bit = i &* width
        while i < count {
            out[i] = base &+ (word(bit &>> 3) &>> UInt64(bit & 7) & mask)
            i &+= 1
            bit &+= width
        }
    }

    /// Reads one run of `count` numbers into `out`, which has room for 256, whatever `count` is.
    ///
    /// `bits` has `padding` readable bytes behind its end; `bitsOffset` moves to the next run.
    @inline(__always)
    static func decode(
        count: Int, header: inout ByteReader, bits: UnsafeRawPointer, bitsOffset: inout Int, bitsEnd: Int,
        into out: UnsafeMutablePointer<UInt64>
    ) throws(FormatViolation) {
        let width = Int(try header.read(UInt8.self))
        guard width <= widest else { throw FormatViolation("a run of times is \(width) bits wide") }
        let base = try header.varint()
        let size = packedBytes(count, width: width)
        guard bitsEnd - bitsOffset >= size else { throw FormatViolation("the packed times end early") }
        let source = bits + bitsOffset
        bitsOffset += size
        unpack(source, count: count, width: width, base: base, into: out)
        let patches = Int(try header.read(UInt8.self))
        guard patches <= count else { throw FormatViolation("\(patches) patches in a run of \(count)") }
        let positions = try header.slice(patches)
        for position in positions {
            guard Int(position) < count else { throw FormatViolation("a patch beyond its run") }
            let high = try header.varint()
            guard high <= UInt64.max >> UInt64(width) else { throw FormatViolation("a patch beyond 64 bits") }
            out[Int(position)] &+= high << UInt64(width)
        }
    }
}

/// How many numbers of a run have which bit length.
private struct InlineHistogram {
    private var counts: InlineArray<65, Int32> = .init(repeating: 0)

    @inline(__always)
    mutating func add(_ length: Int) { counts[length] &+= 1 }

    /// The width with the fewest bytes for packed bits and patches, at most 255 of them.
    func cheapestWidth(count: Int) -> (width: Int, cost: Int) {
        var best = PatchedFrame.widest
        var bestCost = Int.max
        var patches = 0
        var patchBytes = 0
        // From wide to narrow: at each step the numbers of one more length become patches.
        var width = 64
        while width >= 0 {
            if width <= PatchedFrame.widest, patches <= 255 {
                let cost = PatchedFrame.packedBytes(count, width: width) + patchBytes
                if cost <= bestCost {
                    best = width
                    bestCost = cost
                }
            }
            let here = Int(counts[width])
            patches += here
            // A position and at least one byte; and each bit of width given up lengthens every patch by a seventh.
            patchBytes += here * 2
            if width % 7 == 0 { patchBytes += patches }
            width -= 1
        }
        return (best, bestCost)
    }
}

/// A growing string of bits, least significant first.
struct PackedBits {
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Appends `width` (0...56) low bits of each number less `base`, then fills up the last byte.
    mutating func append(_ numbers: UnsafeBufferPointer<UInt64>, subtracting base: UInt64, mask: UInt64, width: Int) {
        let size = PatchedFrame.packedBytes(numbers.count, width: width)
        guard size > 0 else { return }
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: size + PatchedFrame.padding))
        bytes.withUnsafeMutableBytes { buffer in
            let target = buffer.baseAddress! + start
            var pending: UInt64 = 0
            var pendingBits = 0
            var at = 0
            for i in 0..<numbers.count {
                let number = numbers[i]
                pending |= ((number &- base) & mask) << UInt64(pendingBits)
                pendingBits &+= width
                // At most 7 bits stay pending, so 7 + 56 fit the word.
                let whole = pendingBits >> 3
                target.storeBytes(of: pending.littleEndian, toByteOffset: at, as: UInt64.self)
                at &+= whole
                pending = whole == 8 ? 0 : pending >> UInt64(whole &* 8)
                pendingBits &= 7
            }
        }
        bytes.removeLast(PatchedFrame.padding)
    }
}
