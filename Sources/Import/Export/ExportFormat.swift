import Trace

/// What a trace can be written as for other tools.
public enum ExportFormat: String, CaseIterable, Sendable {
    /// Perfetto's own protobuf: a track per pCPU, physical counter and vCPU.
    case perfetto
    /// A table with a line a record and a column a field.
    case csv
    /// One object a line, as `vpmu dump --json` writes them, behind a line with the metadata. Imports again without
    /// loss.
    case json
    /// The text of `perf script --ns`, behind a comment with the metadata. Imports again, except for the flags of a
    /// record.
    case perfScript = "perf-script"
}

/// Writes a whole trace in another form.
public struct TraceExport {
    public let reader: TraceReader
    public let format: ExportFormat

    public init(_ reader: TraceReader, format: ExportFormat) {
        self.reader = reader
        self.format = format
    }

    /// Calls `write` with pieces of some 64 KiB.
    ///
    /// - Throws: what the reader throws for a damaged trace, and what `write` throws.
    public func run(write: (UnsafeRawBufferPointer) throws -> Void) throws {
        switch format {
        case .json:
            var line = Array("{\"event\":\"metadata\",\"metadata\":".utf8)
            line += try MetadataLine.json(reader.metadata)
            line += Array("}\n".utf8)
            try line.withUnsafeBytes(write)
            var dump = TraceDump(reader, format: .json)
            try dump.run(write: write)
        case .perfScript:
            var line = Array("# vpmu metadata : ".utf8)
            line += try MetadataLine.json(reader.metadata)
            line.append(0x0a)
            try line.withUnsafeBytes(write)
            var dump = TraceDump(reader, format: .text)
            try dump.run(write: write)
        case .csv:
            var table = CSVExport(reader)
            try table.run(write: write)
        case .perfetto:
            var tracks = PerfettoExport(reader)
            try tracks.run(write: write)
        }
    }
}
