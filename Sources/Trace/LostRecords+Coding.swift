extension LostRecords {
    /// Most records of one trace: what a hostile file can make a reader keep.
    static let mostRecords = 1 << 20

    /// The contents of a lost-records frame.
    static func encode(_ records: [LostRecords]) -> [UInt8] {
        var out = ByteWriter()
        for record in records {
            out.append(record.pcpu)
            out.append(record.kind?.rawValue ?? 255)
            out.append(UInt8(record.count == nil ? 0 : 1))
            out.append(varint: record.count ?? 0)
            out.append(varint: record.earliest)
            out.append(varint: record.latest)
        }
        return out.bytes
    }

    static func decode(
        _ content: UnsafeRawBufferPointer, count: Int, into records: inout [LostRecords]
    ) throws(FormatViolation) {
        guard count <= mostRecords - records.count else {
            throw FormatViolation("\(records.count + count) lost records, more than \(mostRecords)")
        }
        var reader = ByteReader(content)
        for _ in 0..<count {
            let pcpu: UInt16 = try reader.read()
            let raw: UInt8 = try reader.read()
            guard raw == 255 || EventKind(rawValue: raw) != nil else {
                throw FormatViolation("unknown tracepoint \(raw) lost")
            }
            let known = try reader.read(UInt8.self) & 1 != 0
            let number = try reader.varint()
            records.append(
                LostRecords(
                    pcpu: pcpu, kind: EventKind(rawValue: raw), count: known ? number : nil,
                    earliest: try reader.varint(), latest: try reader.varint()))
        }
        try reader.expectEnd("the lost records")
    }
}
