/// Values of counter registers: near 2^48 where a counter was armed with a period to go, else near 0.
///
/// Each is stored as 2^48 less the value (in 64 bits, wrapping): the low bytes as they are, since they hardly compress, the rest
/// as an index into a table of the block's distinct high parts, or as byte planes where there are more than 256.
enum CounterColumn {
    static let origin: UInt64 = 1 << 48

    /// `counterLow`'s coding is the number of low bytes.
    static let lowBytes = 3
    /// `counterHigh`'s codings.
    static let highIndexed: UInt8 = 0
    static let highPlanes: UInt8 = 1

    struct Encoded {
        var low: [UInt8] = []
        var lowCoding: UInt8 = UInt8(CounterColumn.lowBytes)
        var high: [UInt8] = []
        var highCoding: UInt8 = CounterColumn.highIndexed
    }

    /// Encodes `values`; the table of high parts goes to `directory`.
    static func encode(_ values: UnsafeBufferPointer<UInt64>, directory: inout ByteWriter) -> Encoded {
        var out = Encoded()
        guard !values.isEmpty else {
            directory.append(varint: 0)
            return out
        }
        out.low = [UInt8](unsafeUninitializedCapacity: values.count * lowBytes + 8) { buffer, count in
            let target = UnsafeMutableRawPointer(buffer.baseAddress!)
            for i in 0..<values.count {
                target.storeBytes(of: (origin &- values[i]).littleEndian, toByteOffset: i * lowBytes, as: UInt64.self)
            }
            count = values.count * lowBytes
        }
        if let (table, indexes) = index(values) {
            directory.append(varint: UInt64(table.count))
            for high in table { directory.append(varint: high) }
            // One high part for all needs no index.
            if table.count > 1 { out.high = indexes }
        } else {
            directory.append(varint: 0)
            out.highCoding = highPlanes
            out.high = planes(values)
        }
        return out
    }

    /// The distinct high parts in order of appearance and each value's index, or nil if there are more than 256.
    private static func index(_ values: UnsafeBufferPointer<UInt64>) -> (table: [UInt64], indexes: [UInt8])? {
        let slots = 1024
        var keys: InlineArray<1024, UInt64> = .init(repeating: 0)
        var used: InlineArray<1024, UInt16> = .init(repeating: .max)
        var table: [UInt64] = []
        let indexes = [UInt8](unsafeUninitializedCapacity: values.count) { buffer, count in
            for i in 0..<values.count {
                let value = values[i]
                let high = (origin &- value) >> UInt64(lowBytes * 8)
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

    private static func planes(_ values: UnsafeBufferPointer<UInt64>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(values.count * (8 - lowBytes))
        for plane in lowBytes..<8 {
            for value in values { out.append(UInt8(truncatingIfNeeded: (origin &- value) >> UInt64(plane * 8))) }
        }
        return out
    }
}
