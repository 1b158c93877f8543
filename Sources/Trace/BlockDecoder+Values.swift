/// The values of a block's events: constants of their tokens, completed by counter values (`CounterColumn`).
extension BlockDecoder {
    /// Fills the values from the constants of tokens and the counter values that complete them.
    func readValues(
        _ directory: inout ByteReader, _ header: BlockHeader,
        _ frames: borrowing InlineArray<6, UnsafeRawBufferPointer>, into columns: BlockColumns
    ) throws(FormatViolation) {
        let low = header.groups[BlockHeader.Group.counterLow.rawValue]
        let high = header.groups[BlockHeader.Group.counterHigh.rawValue]
        let events = Int(header.events)
        // Every event may take a literal, whatever the number stored: room for all, so that no index is out of bounds.
        let target = literals.room((events + 1) * 8).assumingMemoryBound(to: UInt64.self)
        let hasDistances = high.coding & CounterColumn.distances != 0 && high.decompressed > 0
        let total = hasDistances ? try directory.count("the number of counter values", atMost: events) : 0
        let tableSize = try directory.count("the number of high parts", atMost: 256)
        var table: InlineArray<256, UInt64> = .init(repeating: 0)
        for i in 0..<tableSize { table[i] = try directory.varint() }
        guard low.decompressed > 0 else {
            guard tableSize == 0, high.decompressed == 0 else { throw FormatViolation("high parts of no values") }
            return try combine(target, count: 0, into: columns)
        }
        let lowBytes = Int(low.coding & ~CounterColumn.lowPlanes)
        guard (1...7).contains(lowBytes), Int(low.decompressed) % lowBytes == 0 else {
            throw FormatViolation("unknown coding \(low.coding) of counter values")
        }
        let count = Int(low.decompressed) / lowBytes
        guard count <= (hasDistances ? total : events) else {
            throw FormatViolation("\(count) counter values for \(header.events) events")
        }
        let values = hasDistances ? fresh.room((count + 1) * 8).assumingMemoryBound(to: UInt64.self) : target
        let lows = try contents(.counterLow, header, frames, room: &second)
        if low.coding & CounterColumn.lowPlanes != 0 {
            Planes.gather(lows, count: count, planes: lowBytes, into: values)
        } else if high.coding & ~CounterColumn.distances == CounterColumn.highIndexed, tableSize > 0 {
            // The usual coding, in one go.
            guard total <= Int(high.decompressed) else { throw FormatViolation("fewer distances than counter values") }
            let highs = third.room(Int(high.decompressed) + 1)
            try expand(.counterHigh, header, frames, into: highs)
            try join(
                lows, lowBytes: lowBytes, highs + total, size: Int(high.decompressed) - total, table: table,
                tableSize: tableSize, to: values, count: count)
            guard hasDistances else { return try combine(target, count: count, into: columns) }
            try copyRepeats(distances: highs, count: total, fresh: values, freshCount: count, into: target)
            return try combine(target, count: total, into: columns)
        } else {
            let mask: UInt64 = ~0 >> UInt64(64 - lowBytes * 8)
            for i in 0..<count {
                let word = UInt64(littleEndian: lows.loadUnaligned(fromByteOffset: i &* lowBytes, as: UInt64.self))
                values[i] = word & mask
            }
        }
        guard total <= Int(high.decompressed) else { throw FormatViolation("fewer distances than counter values") }
        let highs = third.room(Int(high.decompressed))
        try expand(.counterHigh, header, frames, into: highs)
        try addHighParts(
            highs + total, size: Int(high.decompressed) - total, coding: high.coding & ~CounterColumn.distances,
            table: table, tableSize: tableSize, lowBytes: lowBytes, to: values, count: count)
        guard hasDistances else { return try combine(target, count: count, into: columns) }
        try copyRepeats(distances: highs, count: total, fresh: values, freshCount: count, into: target)
        return try combine(target, count: total, into: columns)
    }

    /// Packed low bytes, and an index of their high parts where there are several.
    private func join(
        _ lows: UnsafeRawPointer, lowBytes: Int, _ highs: UnsafeRawPointer, size: Int,
        table: borrowing InlineArray<256, UInt64>, tableSize: Int, to values: UnsafeMutablePointer<UInt64>, count: Int
    ) throws(FormatViolation) {
        let shift = UInt64(lowBytes * 8)
        let mask: UInt64 = ~0 >> (64 - shift)
        @inline(__always)
        func low(_ i: Int) -> UInt64 {
            UInt64(littleEndian: lows.loadUnaligned(fromByteOffset: i &* lowBytes, as: UInt64.self)) & mask
        }
        if tableSize == 1 {
            guard size == 0 else { throw FormatViolation("an index of one high part") }
            let origin = CounterColumn.origin &- table[0] << shift
            for i in 0..<count { values[i] = origin &- low(i) }
            return
        }
        guard size == count else { throw FormatViolation("\(size) high parts for \(count) counter values") }
        var origins: InlineArray<256, UInt64> = .init(repeating: 0)
        for i in 0..<tableSize { origins[i] = CounterColumn.origin &- table[i] << shift }
        var most: UInt8 = 0
        for i in 0..<count {
            let index = highs.load(fromByteOffset: i, as: UInt8.self)
            most = max(most, index)
            values[i] = origins[Int(index)] &- low(i)
        }
        guard Int(most) < tableSize else { throw FormatViolation("a high part beyond its table") }
    }

    private func addHighParts(
        _ highs: UnsafeRawPointer, size: Int, coding: UInt8, table: borrowing InlineArray<256, UInt64>, tableSize: Int,
        lowBytes: Int, to values: UnsafeMutablePointer<UInt64>, count: Int
    ) throws(FormatViolation) {
        let shift = UInt64(lowBytes * 8)
        switch (coding, tableSize) {
        case (CounterColumn.highIndexed, 1):
            guard size == 0 else { throw FormatViolation("an index of one high part") }
            let origin = CounterColumn.origin &- table[0] << shift
            for i in 0..<count { values[i] = origin &- values[i] }
        case (CounterColumn.highIndexed, 2...):
            guard size == count else { throw FormatViolation("\(size) high parts for \(count) counter values") }
            var origins: InlineArray<256, UInt64> = .init(repeating: 0)
            for i in 0..<256 { origins[i] = CounterColumn.origin &- table[i] << shift }
            var most: UInt8 = 0
            for i in 0..<count {
                let index = highs.load(fromByteOffset: i, as: UInt8.self)
                most = max(most, index)
                values[i] = origins[Int(index)] &- values[i]
            }
            guard Int(most) < tableSize else { throw FormatViolation("a high part beyond its table") }
        case (CounterColumn.highPlanes, 0):
            let planes = 8 - lowBytes
            guard size == count * planes else {
                throw FormatViolation("\(size) bytes of high parts for \(count) counter values")
            }
            for i in 0..<count {
                var value = values[i]
                for plane in 0..<planes {
                    let byte = highs.load(fromByteOffset: plane &* count &+ i, as: UInt8.self)
                    value |= UInt64(byte) << UInt64((lowBytes &+ plane) &* 8)
                }
                values[i] = CounterColumn.origin &- value
            }
        default: throw FormatViolation("unknown coding \(coding) of high parts, \(tableSize) in the table")
        }
    }

    /// Every value that repeats one before it, and between them the fresh ones.
    private func copyRepeats(
        distances: UnsafeRawPointer, count: Int, fresh: UnsafePointer<UInt64>, freshCount: Int,
        into target: UnsafeMutablePointer<UInt64>
    ) throws(FormatViolation) {
        var next = 0
        for i in 0..<count {
            let distance = Int(distances.load(fromByteOffset: i, as: UInt8.self))
            if distance == 0 {
                guard next < freshCount else { throw FormatViolation("more fresh counter values than are stored") }
                target[i] = fresh[next]
                next &+= 1
            } else {
                guard distance <= i else { throw FormatViolation("a distance to before the first counter value") }
                target[i] = target[i &- distance]
            }
        }
        guard next == freshCount else { throw FormatViolation("\(freshCount - next) counter values that nothing uses") }
    }

    /// Values that stand in `literals`, which has room for as many as there are events.
    private func combine(
        _ literals: UnsafePointer<UInt64>, count literalCount: Int, into columns: BlockColumns
    ) throws(FormatViolation) {
        let (tokens, values, steps) = (columns.tokens, columns.values, UnsafePointer(steps))
        var at = 0
        for i in 0..<columns.count {
            let step = steps[Int(tokens[i])]
            values[i] = step.value | literals[at] & step.literal
            at &-= Int(truncatingIfNeeded: step.literal)
        }
        guard at == literalCount else {
            throw FormatViolation("\(literalCount) counter values where the tokens need \(at)")
        }
    }
}
