/// Compressed records of 64 KiB and more, which perf 6.16 and later write with a length that does not fit its 16 bits.
///
/// perf gives all that one flush compressed to (tools/perf/builtin-record.c, `record__pushfn`) one head: `data_size` is
/// right, the head's `size` is what is left of it, filled to 8, in 16 bits, and the filling itself is missing. Where
/// the flush had more than one record, the later ones stand inside the data with heads of their own whose `size` is
/// right.
///
///     83 size=0      data_size=65519   zstd                                      next record
///     83 size=1234   data_size=132297  zstd 65519 bytes │ 83 size=65535 … zstd │ …  next record
extension PerfDataReader {
    /// Data of a full record: what fits 16 bits beside the 16 bytes of the head.
    private static let fullData = 65_519
    /// No flush is greater: perf's rings are.
    private static let limit: UInt64 = 1 << 28

    /// Bytes that a compressed record takes whose own length is too small, nil where it is right or does not come from
    /// this.
    func oversized(_ header: PerfRecord.Header, at offset: UInt64, to end: UInt64) throws -> UInt64? {
        guard header.type == PerfRecord.compressed2, end - offset >= 16,
            let head = try window.bytes(at: offset, count: 16)
        else { return nil }
        let data: UInt64 = head.value(8)
        guard data <= Self.limit else { return nil }
        let filled = (data + 16 + 7) & ~7
        guard filled > UInt64(UInt16.max), UInt16(truncatingIfNeeded: filled) == header.size else { return nil }
        return data + 16
    }

    /// Unpacks such a record, as far as it is there.
    func unpackOversized(_ record: UnsafeRawBufferPointer, of length: UInt64, at offset: UInt64) throws -> Step {
        anyCompression = true
        guard record.count > 16 else { return .next }
        let later = Self.laterRecords(record, of: length)
        let first = 16..<(later.first?.lowerBound ?? record.count)
        for part in [first] + later.map({ $0.lowerBound + 16..<$0.upperBound }) {
            let data = UnsafeRawBufferPointer(rebasing: record[part])
            if try unpack(data, at: offset + UInt64(part.lowerBound) - 8) == .stop { return .stop }
        }
        return .next
    }

    /// The records inside the data, which lead from one to the next up to its end; none where it is one record.
    ///
    /// All but the last one are full: otherwise perf would not have begun another.
    private static func laterRecords(_ record: UnsafeRawBufferPointer, of length: UInt64) -> [Range<Int>] {
        guard length - 16 > UInt64(fullData) else { return [] }
        for first in (16...16 + fullData).reversed() {
            if let chain = chain(record, of: length, from: first) { return chain }
        }
        return []
    }

    private static func chain(
        _ record: UnsafeRawBufferPointer, of length: UInt64, from first: Int
    ) -> [Range<Int>]? {
        var at = first
        var found: [Range<Int>] = []
        while at + 16 < record.count {
            let header = PerfRecord.Header(UnsafeRawBufferPointer(rebasing: record[at..<at + 8]))
            let size = Int(header.size)
            let isLast = UInt64(at + size) == length
            guard header.type == PerfRecord.compressed2, header.misc == 0, size > 16,
                isLast || size == 16 + fullData && UInt64(at + size) < length
            else { return nil }
            found.append(at..<min(at + size, record.count))
            at += size
        }
        return UInt64(record.count) < length || UInt64(at) == length ? found : nil
    }
}
