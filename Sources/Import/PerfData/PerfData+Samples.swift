/// Where a sample's fields lie, told from its event's `sample_type`.
///
/// Order of the fields: perf_event_open(2), `PERF_RECORD_SAMPLE`; of the trailer of other records: there,
/// `struct sample_id`.
struct SampleLayout {
    private enum Bit {
        static let ip: UInt64 = 1 << 0
        static let tid: UInt64 = 1 << 1
        static let time: UInt64 = 1 << 2
        static let address: UInt64 = 1 << 3
        static let read: UInt64 = 1 << 4
        static let callchain: UInt64 = 1 << 5
        static let id: UInt64 = 1 << 6
        static let cpu: UInt64 = 1 << 7
        static let period: UInt64 = 1 << 8
        static let streamID: UInt64 = 1 << 9
        static let raw: UInt64 = 1 << 10
        static let identifier: UInt64 = 1 << 16
    }

    /// Bytes from the record's start, -1 where the sample has no such field.
    private(set) var id = -1
    private(set) var time = -1
    private(set) var cpu = -1
    /// Process and thread, 32 bits each.
    private(set) var thread = -1
    private let variable: Int
    private let readFormat: UInt64
    private let hasRead: Bool
    private let hasCallchain: Bool
    let hasRaw: Bool

    /// The same for the trailer, counted back from the record's end.
    private(set) var trailerLength = 0
    private(set) var trailerID = -1
    private(set) var trailerTime = -1
    private(set) var trailerCPU = -1

    init(_ attribute: PerfAttribute) {
        let type = attribute.sampleType
        var at = 8
        func has(_ bit: UInt64) -> Bool { type & bit != 0 }
        if has(Bit.identifier) {
            id = at
            at += 8
        }
        if has(Bit.ip) { at += 8 }
        if has(Bit.tid) {
            thread = at
            at += 8
        }
        if has(Bit.time) {
            time = at
            at += 8
        }
        if has(Bit.address) { at += 8 }
        if has(Bit.id) {
            if id < 0 { id = at }
            at += 8
        }
        if has(Bit.streamID) { at += 8 }
        if has(Bit.cpu) {
            cpu = at
            at += 8
        }
        if has(Bit.period) { at += 8 }
        variable = at
        hasRead = has(Bit.read)
        readFormat = attribute.readFormat
        hasCallchain = has(Bit.callchain)
        hasRaw = has(Bit.raw)

        guard attribute.hasTrailer else { return }
        var back = 0
        if has(Bit.identifier) {
            back += 8
            trailerID = back
        }
        if has(Bit.cpu) {
            back += 8
            trailerCPU = back
        }
        if has(Bit.streamID) { back += 8 }
        if has(Bit.id) {
            back += 8
            if trailerID < 0 { trailerID = back }
        }
        if has(Bit.time) {
            back += 8
            trailerTime = back
        }
        if has(Bit.tid) { back += 8 }
        trailerLength = back
    }

    /// Bytes a sample has at least.
    var fixedLength: Int { variable }

    /// The tracepoint's own bytes, or nil where the sample does not reach as far as it says.
    func raw(_ record: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var reader = ByteReader(record, at: min(variable, record.count))
        if hasRead {
            let bits = readFormat
            let each = 1 + Int(bits >> 2 & 1) + Int(bits >> 4 & 1)
            let times = Int(bits & 1) + Int(bits >> 1 & 1)
            if bits & 8 != 0 {
                guard let count: UInt64 = reader.integer(), count <= UInt64(record.count) else { return nil }
                guard reader.skip(8 * (times + each * Int(count))) else { return nil }
            } else {
                guard reader.skip(8 * (times + each)) else { return nil }
            }
        }
        if hasCallchain {
            guard let count: UInt64 = reader.integer(), count <= UInt64(record.count), reader.skip(8 * Int(count))
            else { return nil }
        }
        guard let size: UInt32 = reader.integer() else { return nil }
        return reader.bytes(Int(size))
    }
}
