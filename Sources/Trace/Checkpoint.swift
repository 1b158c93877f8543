/// A piece of the index: the frames since the checkpoint before, and what was counted since the start of the file.
struct Checkpoint: Equatable, Sendable {
    static let mostEntries = 65_536

    var entries: [IndexEntry] = []
    var summary = TraceSummary()

    func encode(_ compressor: ZstdCompressor) -> (body: [UInt8], payload: [UInt8]) {
        var out = ByteWriter()
        for entry in entries { entry.encode(into: &out) }
        summary.encode(into: &out)
        var payload: [UInt8] = []
        _ = compressor.append(out.bytes, to: &payload)
        return (ContentBody(decompressed: out.bytes.count, count: entries.count).bytes, payload)
    }

    init() {}

    init(_ content: UnsafeRawBufferPointer, count: Int) throws(FormatViolation) {
        guard count <= Self.mostEntries else { throw FormatViolation("a checkpoint of \(count) frames") }
        var reader = ByteReader(content)
        entries.reserveCapacity(count)
        for _ in 0..<count { entries.append(try IndexEntry(&reader)) }
        summary = try TraceSummary(&reader)
        try reader.expectEnd("the checkpoint")
    }
}
