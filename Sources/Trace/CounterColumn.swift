/// Values of counter registers: near 2^48 where a counter was armed with a period to go, else near 0.
///
/// A value seen shortly before (a guest's write that KVM passes on, a count that is read and written back) is stored as
/// the distance to it. Each other is stored as 2^48 less the value (in 64 bits, wrapping): the low bytes as they are,
/// since they hardly compress, the rest as an index into a table of the block's distinct high parts, or as byte planes
/// where there are more than 256.
struct CounterColumn {
    static let origin: UInt64 = 1 << 48

    /// `counterLow`'s coding: the number of low bytes, and whether they are byte planes rather than numbers one after
    /// the other.
    static let lowBytes = 3
    static let lowPlanes: UInt8 = 0x10
    /// `counterHigh`'s codings.
    static let highIndexed: UInt8 = 0
    static let highPlanes: UInt8 = 1
    /// Added to them: a distance for every value comes first.
    static let distances: UInt8 = 0x80

    /// The contents of the two groups, in pieces that are best compressed apart. `low` is not worth it, unless it is
    /// planes.
    var low: [[UInt8]] = []
    var lowCoding = UInt8(CounterColumn.lowBytes)
    var high: [[UInt8]] = []
    var highCoding = CounterColumn.highIndexed

    /// Encodes `values`; their number and the table of high parts go to `directory`.
    init(_ values: UnsafeBufferPointer<UInt64>, level: TraceLevel, directory: inout ByteWriter) {
        guard !values.isEmpty else {
            directory.append(varint: 0)
            return
        }
        guard Self.repeats(values) else {
            encode(values, level: level, directory: &directory)
            return
        }
        let (distances, fresh) = Self.split(values)
        highCoding = Self.distances
        high = [distances]
        directory.append(varint: UInt64(values.count))
        fresh.withUnsafeBufferPointer { encode($0, level: level, directory: &directory) }
    }

    private mutating func encode(
        _ values: UnsafeBufferPointer<UInt64>, level: TraceLevel, directory: inout ByteWriter
    ) {
        switch level {
        case .fast: low = [Self.packedLow(values)]
        case .archive:
            low = (0..<Self.lowBytes).map { Self.plane($0, of: values) }
            lowCoding |= Self.lowPlanes
        }
        if let (table, indexes) = Self.index(values) {
            directory.append(varint: UInt64(table.count))
            for high in table { directory.append(varint: high) }
            // One high part for all needs no index.
            if table.count > 1 { high.append(indexes) }
        } else {
            directory.append(varint: 0)
            highCoding |= Self.highPlanes
            high += (Self.lowBytes..<8).map { Self.plane($0, of: values) }
        }
    }

    private static func packedLow(_ values: UnsafeBufferPointer<UInt64>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: values.count * lowBytes + 8) { buffer, count in
            let target = UnsafeMutableRawPointer(buffer.baseAddress!)
            for i in 0..<values.count {
                target.storeBytes(of: (origin &- values[i]).littleEndian, toByteOffset: i * lowBytes, as: UInt64.self)
            }
            count = values.count * lowBytes
        }
    }

    private static func plane(_ plane: Int, of values: UnsafeBufferPointer<UInt64>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: values.count) { buffer, count in
            for i in 0..<values.count {
                buffer[i] = UInt8(truncatingIfNeeded: (origin &- values[i]) &>> UInt64(plane &* 8))
            }
            count = values.count
        }
    }

    /// The distinct high parts in order of appearance and each value's index, or nil if there are more than 256.
    private static func index(_ values: UnsafeBufferPointer<UInt64>) -> (table: [UInt64], indexes: [UInt8])? {
        let slots = 1024
        var keys: InlineArray<1024, UInt64> = .init(repeating: 0)
        var used: InlineArray<1024, UInt16> = .init(repeating: .max)
        var table: [UInt64] = []
        let indexes = [UInt8](unsafeUninitializedCapacity: values.count) { buffer, count in
            for i in 0..<values.count {
                let high = (origin &- values[i]) >> UInt64(lowBytes * 8)
                var slot = Int(truncatingIfNeeded: (high &* 0x9E37_79B1_85EB_CA87) >> 54)
                while used[slot] != .max, keys[slot] != high { slot = (slot &+ 1) & (slots - 1) }
                if used[slot] == .max {
                    guard table.count < 256 else { return }
                    keys[slot] = high
                    used[slot] = UInt16(table.count)
                    table.append(high)
                }
                buffer[count] = UInt8(truncatingIfNeeded: used[slot])
                count &+= 1
            }
        }
        return indexes.count == values.count ? (table, indexes) : nil
    }
}

// MARK: Distances

extension CounterColumn {
    private static let reach = 255

    @inline(__always)
    private static func slot(_ value: UInt64) -> Int {
        Int(truncatingIfNeeded: (value &* 0x9E37_79B1_85EB_CA87) >> 54)
    }

    /// Whether distances promise to pay: one in eight of the first values is a repeat.
    private static func repeats(_ values: UnsafeBufferPointer<UInt64>) -> Bool {
        let sample = min(values.count, 2048)
        var found = 0
        forEachDistance(.init(rebasing: values[..<sample])) { _, distance in if distance != 0 { found += 1 } }
        return found * 8 > sample
    }

    /// Each value's distance to the same value before, 0 where there is none near, and the values without.
    private static func split(_ values: UnsafeBufferPointer<UInt64>) -> (distances: [UInt8], fresh: [UInt64]) {
        var fresh: [UInt64] = []
        fresh.reserveCapacity(values.count)
        let distances = [UInt8](unsafeUninitializedCapacity: values.count) { buffer, count in
            forEachDistance(values) { i, distance in
                buffer[i] = UInt8(truncatingIfNeeded: distance)
                if distance == 0 { fresh.append(values[i]) }
            }
            count = values.count
        }
        return (distances, fresh)
    }

    @inline(__always)
    private static func forEachDistance(_ values: UnsafeBufferPointer<UInt64>, _ body: (Int, Int) -> Void) {
        var recent: InlineArray<1024, Int32> = .init(repeating: -1)
        for i in 0..<values.count {
            let at = slot(values[i])
            let before = Int(recent[at])
            recent[at] = Int32(truncatingIfNeeded: i)
            body(i, before >= 0 && i &- before <= reach && values[before] == values[i] ? i &- before : 0)
        }
    }
}
