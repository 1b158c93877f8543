import Trace

/// Reads perf.data, written to a file or through a pipe, plain or compressed.
///
///     file:  header │ attributes │ records … │ features (formats, names, host)
///     pipe:  header │ records: attributes, features, formats, samples …
///
/// Compressed records hold a stream of further records; a record may cross from one into the next.
final class PerfDataReader {
    let collector: ImportCollector
    /// The file whose records are walked, and a window on it; a recording in a directory has several.
    var file: ImportInput
    var window: FileWindow

    var header: PerfHeader
    var attributes: [PerfAttribute] = []
    var layouts: [SampleLayout] = []
    /// Index of the attribute by the id its samples carry.
    var attributeOfID: [UInt64: Int] = [:]
    var lastID: (id: UInt64, attribute: Int)?
    var features = PerfFeatures()
    var tracing = TracingData()
    var losses = PerfLosses()
    var compressed: CompressedRecords?
    /// What the next pass over the records is for.
    var pass = Pass.take
    var shapes = TracepointShapes()
    var otherCounts: [UInt64] = []
    var missingCPU: UInt64 = 0
    var missingTime: UInt64 = 0
    var ordinal: UInt64 = 0
    var numbering = ThreadNumbering()
    var anyCompression = false
    var isDescribed = false
    /// Samples were passed over because they cannot be, and that has been counted as a loss.
    var hasSkipped = false
    /// The file ends inside its records, and that has been said.
    var isCutOff = false

    enum Pass {
        /// Records go to the collector.
        case take
        /// The input describes no tracepoints: records are looked at to tell them by their shape.
        case look
    }

    /// - Throws: `ImportError.damagedHeader`.
    init(_ file: ImportInput, into collector: ImportCollector) throws {
        self.file = file
        self.collector = collector
        window = FileWindow(file)
        header = try PerfHeader(file)
    }

    func read() throws {
        collector.metadata.tool = "perf"
        switch header.mode {
        case .file: try readFile()
        case .pipe: try walk(from: 16, to: file.size)
        }
        finish()
    }

    private func readFile() throws {
        try readAttributes()
        var end = header.data.end ?? .max
        if header.data.size == 0, header.data.offset < file.size {
            collector.noteCut(
                at: header.data.offset,
                "perf never finished this file (its data size is 0); records to its end are read")
            end = file.size
        } else if end > file.size {
            collector.noteCut(
                at: file.size,
                "the file ends at byte \(file.size), but its records go on to byte \(end); tracepoint formats and host are "
                    + "behind them and lost")
            end = file.size
            isCutOff = true
        } else {
            try readFeatures(at: end)
        }
        if tracing.table.isEmpty, attributes.contains(where: \.isTracepoint) {
            pass = .look
            try walk(from: header.data.offset, to: end)
            adoptShapes()
            pass = .take
            compressed = nil
        }
        try walk(from: header.data.offset, to: end)
        if features.isDirectory {
            if file.siblings.isEmpty {
                collector.noteDamage(
                    at: header.data.offset, "this is one file of a recording in a directory; import the directory")
            }
            try walkSiblings()
        }
    }

    /// The files of a recording in a directory hold records and nothing else.
    private func walkSiblings() throws {
        for sibling in file.siblings {
            file = sibling
            window = FileWindow(sibling)
            compressed = nil
            try walk(from: 0, to: sibling.size)
        }
    }

    private func readAttributes() throws {
        let size = header.attributeSize
        guard size >= UInt64(PerfAttribute.minimumSize + 16), size <= 4096, let end = header.attributes.end,
            end <= file.size
        else {
            throw ImportError.damagedHeader(
                path: file.name,
                damage: ImportDamage(
                    offset: 16,
                    reason: "\(header.attributes.size) bytes of attributes of \(size) bytes each at byte "
                        + "\(header.attributes.offset) do not fit a file of \(file.size) bytes"))
        }
        var at = header.attributes.offset
        while at + size <= end, attributes.count < 1 << 16 {
            guard let bytes = try window.bytes(at: at, count: Int(size)) else { break }
            guard let attribute = PerfAttribute(UnsafeRawBufferPointer(rebasing: bytes[0..<Int(size) - 16])) else {
                break
            }
            let ids = PerfHeader.Section(offset: bytes.value(Int(size) - 16), size: bytes.value(Int(size) - 8))
            add(attribute)
            try readIDs(ids, of: attributes.count - 1)
            at += size
        }
        if attributes.isEmpty {
            collector.noteDamage(at: header.attributes.offset, "the file describes no events")
        }
    }

    private func readIDs(_ section: PerfHeader.Section, of attribute: Int) throws {
        guard let end = section.end, end <= file.size else {
            collector.noteDamage(at: section.offset, "the ids of event \(attribute) lie outside the file")
            return
        }
        var region = Region(file, from: section.offset, to: end)
        while let id: UInt64 = try region.integer() { register(id, attribute) }
    }

    func register(_ id: UInt64, _ attribute: Int) {
        guard attributeOfID.count < 1 << 22 else { return }
        attributeOfID[id] = attribute
    }

    func add(_ attribute: PerfAttribute) {
        attributes.append(attribute)
        layouts.append(SampleLayout(attribute))
        otherCounts.append(0)
    }

    private func readFeatures(at start: UInt64) throws {
        var table = Region(file, from: start, to: file.size)
        for feature in header.presentFeatures {
            guard let offset: UInt64 = try table.integer(), let size: UInt64 = try table.integer() else {
                collector.noteDamage(at: table.position, "cut off in the list of features")
                return
            }
            let section = PerfHeader.Section(offset: offset, size: size)
            guard let end = section.end, end <= file.size else {
                collector.noteDamage(at: offset, "feature \(feature) lies outside the file")
                continue
            }
            if feature == PerfFeatures.Number.tracingData {
                var region = Region(file, from: offset, to: end)
                try readTracingData(&region)
            } else if size <= PerfFeatures.sizeLimit, let bytes = try window.bytes(at: offset, count: Int(size)) {
                features.take(feature, bytes, into: &collector.metadata)
            }
        }
    }

    func readTracingData(_ region: inout Region) throws {
        do {
            try tracing.readInitial(&region)
            if tracing.isBigEndian {
                collector.noteDamage(at: region.position, "the tracepoint formats are of a big-endian kernel")
                return
            }
            try tracing.readHeaderInfo(&region)
            try tracing.readFtraceFormats(&region)
            try tracing.readEventFormats(&region)
            try tracing.skipSymbols(&region)
            if tracing.version >= "0.6" { try tracing.readProcessNames(&region) }
        } catch let damage as ImportDamage {
            collector.noteDamage(damage)
        }
    }

    /// The event that a record with this id belongs to.
    @inline(__always)
    func attribute(ofID id: UInt64) -> Int? {
        if let lastID, lastID.id == id { return lastID.attribute }
        guard let found = attributeOfID[id] else { return nil }
        lastID = (id, found)
        return found
    }
}
