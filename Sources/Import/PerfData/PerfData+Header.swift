/// The header of a perf.data file (`tools/perf/Documentation/perf.data-file-format.txt`, `struct perf_file_header`).
struct PerfHeader {
    static let size = 104

    var attributeSize: UInt64
    var attributes: Section
    var data: Section
    /// Bit n: a section for feature n follows the data.
    var features: [UInt64]
    var mode: Mode

    enum Mode { case file, pipe }

    /// A stretch of the file, bytes.
    struct Section: Equatable {
        var offset: UInt64
        var size: UInt64
        /// The first byte after it, or nil where that is beyond any file.
        var end: UInt64? {
            let (end, overflow) = offset.addingReportingOverflow(size)
            return overflow ? nil : end
        }
    }

    /// - Throws: `ImportError.damagedHeader`.
    init(_ file: ImportInput) throws {
        let bytes = try file.bytes(at: 0, count: Self.size)
        var parsed: PerfHeader?
        var shortfall = false
        bytes.withUnsafeBytes { raw in
            var reader = ByteReader(raw, at: 8)
            guard let size: UInt64 = reader.integer() else {
                shortfall = true
                return
            }
            if size == 16 {
                let none = Section(offset: 0, size: 0)
                parsed = PerfHeader(
                    attributeSize: 0, attributes: none, data: none, features: [0, 0, 0, 0], mode: .pipe)
                return
            }
            guard raw.count >= Self.size else {
                shortfall = true
                return
            }
            func section(_ offset: Int) -> Section {
                Section(offset: raw.value(offset), size: raw.value(offset + 8))
            }
            parsed = PerfHeader(
                attributeSize: raw.value(16), attributes: section(24), data: section(40),
                features: (0..<4).map { raw.value(72 + 8 * $0) }, mode: .file)
        }
        guard let parsed else {
            let reason =
                shortfall ? "the file ends inside its header of \(Self.size) bytes" : "the header is not one of perf's"
            throw ImportError.damagedHeader(
                path: file.name, damage: ImportDamage(offset: UInt64(bytes.count), reason: reason))
        }
        self = parsed
    }

    private init(attributeSize: UInt64, attributes: Section, data: Section, features: [UInt64], mode: Mode) {
        self.attributeSize = attributeSize
        self.attributes = attributes
        self.data = data
        self.features = features
        self.mode = mode
    }

    /// Features present, in the order in which their sections are listed.
    var presentFeatures: [Int] {
        (0..<256).filter { features[$0 / 64] >> UInt64($0 % 64) & 1 != 0 }
    }
}

/// One event of the recording (`struct perf_event_attr`, include/uapi/linux/perf_event.h).
struct PerfAttribute {
    /// Bytes of the first published version; every later one only adds to it.
    static let minimumSize = 64
    static let tracepointType: UInt32 = 2

    var type: UInt32
    var config: UInt64
    var period: UInt64
    var sampleType: UInt64
    var readFormat: UInt64
    var flags: UInt64
    var clockID: Int32?
    /// What the recording calls it, where it does.
    var name: String?

    init?(_ raw: UnsafeRawBufferPointer) {
        guard raw.count >= Self.minimumSize else { return nil }
        type = raw.value(0)
        config = raw.value(8)
        period = raw.value(16)
        sampleType = raw.value(24)
        readFormat = raw.value(32)
        flags = raw.value(40)
        if flags >> 25 & 1 != 0, raw.count >= 96 { clockID = raw.value(92) }
    }

    var isTracepoint: Bool { type == Self.tracepointType }
    /// Other records than samples end with the same identification fields.
    var hasTrailer: Bool { flags >> 18 & 1 != 0 }
    /// Not every occurrence makes a record.
    var isThinned: Bool { flags >> 10 & 1 != 0 || period > 1 }

    /// The name for counting, where the recording gives none.
    var describedName: String {
        if let name { return name }
        let hardware = [
            "cycles", "instructions", "cache-references", "cache-misses", "branches", "branch-misses", "bus-cycles",
            "stalled-cycles-frontend", "stalled-cycles-backend", "ref-cycles",
        ]
        let software = [
            "cpu-clock", "task-clock", "page-faults", "context-switches", "cpu-migrations", "minor-faults",
            "major-faults", "alignment-faults", "emulation-faults", "dummy", "bpf-output", "cgroup-switches",
        ]
        switch (type, config) {
        case (0, 0..<UInt64(hardware.count)): return hardware[Int(config)]
        case (1, 0..<UInt64(software.count)): return software[Int(config)]
        case (Self.tracepointType, _): return "tracepoint \(config)"
        default: return "event type \(type) config 0x\(String(config, radix: 16))"
        }
    }
}
