import Trace

/// How to import.
public struct ImportOptions: Sendable {
    /// Which records of our tracepoints are taken.
    public enum Selection: Sendable {
        case everyRegister
        /// Accesses to registers outside the PMU are left out; everything else is taken.
        case pmuOnly
    }

    public var selection: Selection
    /// Optional tracepoints whose records are taken where the input has them; others of theirs are counted by name.
    public var optional: Set<OptionalSource>
    /// Records held back for sorting, about 64 bytes each.
    public var reorderCapacity: Int

    public init(
        selection: Selection = .everyRegister, optional: Set<OptionalSource> = [], reorderCapacity: Int = 1 << 21
    ) {
        self.selection = selection
        self.optional = optional
        self.reorderCapacity = reorderCapacity
    }
}

/// Turns another tool's recording into a trace.
///
///     ImportInput ─► recognise ─► perf.data │ trace.dat │ text ─► ImportCollector ─► TraceSink
///
/// Memory is bounded by `reorderCapacity` and small buffers, whatever the input claims. Damage does not throw as long
/// as anything can be kept: it is in the summary, and the trace's metadata names it as a blind spot.
public struct Importer {
    public var options: ImportOptions

    public init(options: ImportOptions = ImportOptions()) {
        self.options = options
    }

    /// Reads `input` whole and puts it into the sink that `makeSink` gives for its metadata.
    ///
    /// - Returns: the sink, for its owner to close, what was found, and the metadata as it is known at the end: more
    ///   than the sink was opened with if the input names threads or damage shows late.
    /// - Throws: `ImportError` where nothing could be kept, or what the sink throws. `makeSink` is not called for an
    ///   input that is not recognised or whose header is damaged.
    @inlinable
    public func run<Sink: TraceSink>(
        _ input: ImportInput, into makeSink: @escaping (TraceMetadata) throws -> Sink
    ) throws -> (sink: Sink, summary: ImportSummary, metadata: TraceMetadata) {
        let box = SinkBox<Sink>()
        let (summary, metadata) = try read(input) { metadata in
            box.sink = try makeSink(metadata)
            return SinkPort(
                events: { events in
                    for event in events { try box.sink!.append(event) }
                },
                lost: { try box.sink!.append($0) },
                comm: { box.sink!.comm($0) })
        }
        return (box.sink!, summary, metadata)
    }

    @usableFromInline
    func read(_ input: ImportInput, open: @escaping (TraceMetadata) throws -> SinkPort) throws
        -> (ImportSummary, TraceMetadata)
    {
        let (plain, packing) = try Recogniser.unpacked(input)
        let form = try Recogniser.form(of: plain)
        let metadata = TraceMetadata(source: "import \(form.name)", tool: form.name, clock: "unknown")
        let collector = ImportCollector(
            path: input.name, form: form.name, options: options, metadata: metadata, open: open)
        if let packing { collector.noteDamage(packing) }
        switch form {
        case .perfData: try PerfDataReader(plain, into: collector).read()
        case .traceDat: try TraceDatReader(plain, into: collector).read()
        case .text: try TextReader(plain, into: collector).readFile()
        case .json: try JSONReader(plain, into: collector).read()
        }
        let summary = try collector.finish()
        return (summary, collector.finalMetadata)
    }
}

/// The sink behind closures that work on batches: one indirect call per thousands of records.
@usableFromInline
struct SinkPort {
    @usableFromInline var events: (UnsafeBufferPointer<TraceEvent>) throws -> Void
    @usableFromInline var lost: (LostRecords) throws -> Void
    /// The sink's own index of a thread name.
    @usableFromInline var comm: (String) throws -> UInt32

    @usableFromInline
    init(
        events: @escaping (UnsafeBufferPointer<TraceEvent>) throws -> Void,
        lost: @escaping (LostRecords) throws -> Void, comm: @escaping (String) throws -> UInt32
    ) {
        self.events = events
        self.lost = lost
        self.comm = comm
    }
}

@usableFromInline
final class SinkBox<Sink> {
    @usableFromInline var sink: Sink?
    @usableFromInline init() {}
}
