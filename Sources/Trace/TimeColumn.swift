/// Times of a block's events, each as what separates it from the time before.
///
/// How long a record follows the one before depends on what it records: a register write inside a burst always takes
/// about the same time, the first one after a context switch another. So each token has an expected delta, and what is
/// stored is how far the real one is off it, to either side (zigzag).
enum TimeColumn {
    /// `timeBits`' codings. The deltas themselves, as patched frames.
    static let plainFrames: UInt8 = 0
    /// What is off the expected deltas, as patched frames.
    static let residualFrames: UInt8 = 1
    /// The same as byte planes, least significant first: as many as the largest needs.
    static let residualPlanes: UInt8 = 2

    private static let samples = 64

    /// Words that `expected` works with.
    static let sampleRoom = 256 * samples

    /// The median of each token's first deltas: index 0...255 by token. `taken` has room for `sampleRoom`.
    static func expected(
        _ deltas: UnsafeBufferPointer<UInt64>, tokens: UnsafePointer<UInt8>, taken: UnsafeMutablePointer<UInt64>,
        into table: UnsafeMutablePointer<UInt64>
    ) {
        var counts: InlineArray<256, Int> = .init(repeating: 0)
        for i in 0..<deltas.count {
            let token = Int(tokens[i])
            let count = counts[token]
            if count < samples {
                taken[token &* samples &+ count] = deltas[i]
                counts[token] = count &+ 1
            }
        }
        for token in 0..<256 {
            let count = counts[token]
            table[token] = count == 0 ? 0 : middle(.init(start: taken + token * samples, count: count))
        }
    }

    /// What would stand in the middle if they were sorted (C. A. R. Hoare's Find).
    private static func middle(_ numbers: UnsafeMutableBufferPointer<UInt64>) -> UInt64 {
        let wanted = numbers.count / 2
        var (low, high) = (0, numbers.count - 1)
        while low < high {
            let pivot = numbers[(low + high) / 2]
            var (i, j) = (low, high)
            while i <= j {
                while numbers[i] < pivot { i += 1 }
                while pivot < numbers[j] { j -= 1 }
                if i <= j {
                    numbers.swapAt(i, j)
                    i += 1
                    j -= 1
                }
            }
            if wanted <= j {
                high = j
            } else if wanted >= i {
                low = i
            } else {
                break
            }
        }
        return numbers[wanted]
    }

    @inline(__always)
    static func residual(_ delta: UInt64, _ expected: UInt64) -> UInt64 {
        let off = Int64(bitPattern: delta &- expected)
        return UInt64(bitPattern: (off &<< 1) ^ (off &>> 63))
    }

    @inline(__always)
    static func delta(_ residual: UInt64, _ expected: UInt64) -> UInt64 {
        expected &+ ((residual &>> 1) ^ (0 &- (residual & 1)))
    }

    /// Turns `count` residuals at `times` into times, the first of which follows `start`; answers the last one.
    @inline(__always)
    static func add(
        _ times: UnsafeMutablePointer<UInt64>, _ tokens: UnsafePointer<UInt8>, count: Int,
        expected: UnsafePointer<UInt64>, from start: UInt64
    ) -> UInt64 {
        @inline(__always)
        func step(_ i: Int) -> UInt64 { delta(times[i], expected[Int(tokens[i])]) }
        var time = start
        var i = 0
        // Four at a time: only one addition waits for the four before.
        while i &+ 4 <= count {
            let (a, b, c, d) = (step(i), step(i &+ 1), step(i &+ 2), step(i &+ 3))
            let ab = a &+ b
            times[i] = time &+ a
            times[i &+ 1] = time &+ ab
            times[i &+ 2] = time &+ ab &+ c
            time &+= ab &+ c &+ d
            times[i &+ 3] = time
            i &+= 4
        }
        while i < count {
            time &+= step(i)
            times[i] = time
            i &+= 1
        }
        return time
    }

    /// Whether patched frames of residuals promise to be smaller than those of deltas: looks at every 8th run.
    static func prefersResiduals(
        _ deltas: UnsafeBufferPointer<UInt64>, _ residuals: UnsafeBufferPointer<UInt64>
    ) -> Bool {
        var plain = 0
        var off = 0
        var at = 0
        while at < deltas.count {
            let range = at..<min(at + PatchedFrame.runLength, deltas.count)
            plain += PatchedFrame.cost(.init(rebasing: deltas[range]))
            off += PatchedFrame.cost(.init(rebasing: residuals[range]))
            at += 8 * PatchedFrame.runLength
        }
        return off < plain
    }

    /// About the bytes that `encodeFrames` appends.
    static func size(_ numbers: UnsafeBufferPointer<UInt64>) -> Int {
        stride(from: 0, to: numbers.count, by: PatchedFrame.runLength).reduce(0) { sum, at in
            sum + PatchedFrame.cost(.init(rebasing: numbers[at..<min(at + PatchedFrame.runLength, numbers.count)]))
        }
    }

    static func encodeFrames(
        _ numbers: UnsafeBufferPointer<UInt64>, header: inout ByteWriter, bits: inout PackedBits
    ) {
        var at = 0
        while at < numbers.count {
            let count = min(PatchedFrame.runLength, numbers.count - at)
            PatchedFrame.encode(.init(rebasing: numbers[at..<at + count]), header: &header, bits: &bits)
            at += count
        }
    }

    static func planes(_ numbers: UnsafeBufferPointer<UInt64>) -> [[UInt8]] {
        var all: UInt64 = 0
        for number in numbers { all |= number }
        let count = max(1, (64 - all.leadingZeroBitCount + 7) / 8)
        return (0..<count).map { plane in numbers.map { UInt8(truncatingIfNeeded: $0 >> UInt64(plane * 8)) } }
    }
}
