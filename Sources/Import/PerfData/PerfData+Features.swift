import Trace

/// What perf says of the recording beside the records: host, kernel, processor, command line, names of the events.
///
/// Numbers and contents: `tools/perf/Documentation/perf.data-file-format.txt`, "HEADER_*". The same content comes
/// in sections behind the data of a file, and in `PERF_RECORD_HEADER_FEATURE` of a pipe.
struct PerfFeatures {
    enum Number {
        static let tracingData = 1
        static let hostName = 3
        static let kernel = 4
        static let version = 5
        static let processorCount = 7
        static let processorName = 8
        static let cpuid = 9
        static let commandLine = 11
        static let eventDescriptions = 12
        static let topology = 13
        static let directory = 24
        static let compressed = 27
        static let clockData = 29
    }

    /// A section larger than this is not read; the largest real one is the topology of some thousand CPUs.
    static let sizeLimit: UInt64 = 64 << 20

    /// As many as there may be attributes.
    private static let eventLimit = 1 << 16

    private(set) var processorCount = 0
    /// Events by name and ids, in the order of the attributes.
    private(set) var events: [(name: String, ids: [UInt64])] = []
    private(set) var compression: UInt32?
    private(set) var isDirectory = false

    /// Takes one feature's content; what does not parse is left out, because no record depends on it.
    mutating func take(_ feature: Int, _ bytes: UnsafeRawBufferPointer, into metadata: inout TraceMetadata) {
        var reader = ByteReader(bytes)
        switch feature {
        case Number.hostName: metadata.hostName = string(&reader)
        case Number.kernel: metadata.kernel = string(&reader)
        case Number.version:
            if let version = string(&reader) { metadata.tool = "perf \(version)" }
        case Number.processorCount:
            if let count: UInt32 = reader.integer() { processorCount = Int(min(count, 1 << 16)) }
        case Number.processorName:
            if let name = string(&reader) {
                if metadata.processor == nil {
                    metadata.processor = .init(vendor: "", family: 0, model: 0, stepping: 0)
                }
                metadata.processor?.name = name
            }
        case Number.cpuid:
            guard let text = string(&reader) else { return }
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
            guard parts.count >= 4, let family = UInt32(parts[1]), let model = UInt32(parts[2]),
                let stepping = UInt32(parts[3])
            else { return }
            let name = metadata.processor?.name
            metadata.processor = .init(vendor: String(parts[0]), family: family, model: model, stepping: stepping)
            metadata.processor?.name = name
        case Number.commandLine:
            guard let count: UInt32 = reader.integer() else { return }
            metadata.command = []
            for _ in 0..<count {
                guard let word = string(&reader) else { break }
                metadata.command.append(word)
            }
        case Number.eventDescriptions: readEventDescriptions(&reader)
        case Number.topology: readTopology(&reader, into: &metadata)
        case Number.directory: isDirectory = true
        case Number.compressed:
            guard reader.skip(4) else { return }
            compression = reader.integer()
        case Number.clockData:
            guard reader.skip(8), let wall: UInt64 = reader.integer(), let clock: UInt64 = reader.integer(),
                wall >= clock
            else { return }
            metadata.wallClockStart = wall - clock
        default: break
        }
    }

    /// A 32-bit length, then the text and NULs that fill it.
    private func string(_ reader: inout ByteReader) -> String? {
        guard let length: UInt32 = reader.integer(), let bytes = reader.bytes(Int(length)) else { return nil }
        return bytes.text
    }

    private mutating func readEventDescriptions(_ reader: inout ByteReader) {
        guard let count: UInt32 = reader.integer(), let attributeSize: UInt32 = reader.integer() else { return }
        for _ in 0..<count {
            guard reader.skip(Int(attributeSize)), let idCount: UInt32 = reader.integer(),
                let name = string(&reader), Int(idCount) <= reader.remaining / 8
            else { return }
            let ids: [UInt64] = (0..<idCount).compactMap { _ in reader.integer() }
            if events.count < Self.eventLimit { events.append((name, ids)) }
        }
    }

    /// Two lists of CPU lists as text, then core and socket of each CPU.
    private func readTopology(_ reader: inout ByteReader, into metadata: inout TraceMetadata) {
        for _ in 0..<2 {
            guard let count: UInt32 = reader.integer() else { return }
            for _ in 0..<count where string(&reader) == nil { return }
        }
        var topology: [TraceMetadata.LogicalCPU] = []
        for id in 0..<processorCount {
            guard let core: UInt32 = reader.integer(), let socket: UInt32 = reader.integer() else { break }
            // perf writes -1 for a CPU that is offline.
            if core == .max || socket == .max { continue }
            topology.append(.init(id: id, socket: Int(socket), core: Int(core)))
        }
        metadata.topology = topology
    }
}
