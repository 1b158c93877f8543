/// Fields of the rarer records that no dictionary entry holds: one column per field, stored as byte planes.
struct WideColumns {
    /// The columns in their order in the file, with their widths in bytes.
    static let columns: [(field: StoredFields, bytes: Int)] = [
        (.head, 4), (.a, 4), (.b, 4), (.value, 8), (.value2, 8), (.value3, 8),
    ]

    private var values: [[UInt64]] = Array(repeating: [], count: Self.columns.count)

    mutating func removeAll() {
        for i in values.indices { values[i].removeAll(keepingCapacity: true) }
    }

    mutating func append(_ event: TraceEvent, _ fields: StoredFields) {
        if fields.contains(.head) {
            values[0].append(UInt64(event.kind.rawValue) | UInt64(event.flags) << 8 | UInt64(event.isa) << 16)
        }
        if fields.contains(.a) { values[1].append(UInt64(event.a)) }
        if fields.contains(.b) { values[2].append(UInt64(event.b)) }
        if fields.contains(.value) { values[3].append(event.value) }
        if fields.contains(.value2) { values[4].append(event.value2) }
        if fields.contains(.value3) { values[5].append(event.value3) }
    }

    /// All columns, each as byte planes, least significant first.
    func transposed() -> [[UInt8]] {
        var planes: [[UInt8]] = []
        for (column, shape) in zip(values, Self.columns) {
            for plane in 0..<shape.bytes {
                planes.append(column.map { UInt8(truncatingIfNeeded: $0 >> UInt64(plane * 8)) })
            }
        }
        return planes
    }
}

extension WideColumns {
    /// Puts the planes of `counts` values per column together again; `bytes` holds exactly those.
    static func gather(_ bytes: UnsafeRawBufferPointer, counts: [Int]) -> [[UInt64]] {
        var at = 0
        return zip(counts, columns).map { count, shape in
            var values = [UInt64](repeating: 0, count: count)
            for plane in 0..<shape.bytes {
                for i in 0..<count { values[i] |= UInt64(bytes[at + i]) << UInt64(plane * 8) }
                at += count
            }
            return values
        }
    }
}
