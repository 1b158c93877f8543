import CLinux
import Trace

/// Records our tracepoints of this host into a sink.
///
///     init        finds the tracepoints, opens every ring; nothing runs yet, all that can be refused has been
///     run         starts the rings, then the command; takes out of the rings what comes; stops, accounts for every record
///
/// One thread does it all: it sleeps in epoll until a ring is partly full, a quarter of a second has gone, a signal
/// arrives or the command ends. Files, progress and exit codes are the caller's.
public final class Recorder {
    public let options: RecordingOptions
    /// What the trace will say of itself; complete but for the threads and remarks of the summary.
    public let metadata: TraceMetadata
    let source: any EventSource
    var threads = ThreadRegistry()
    var remarks: [String] = []
    var records: UInt64 = 0
    var began: UInt64 = 0
    var costs = RecorderCost.Meter()
    /// Since when nothing is recorded; 0: since before the start; nil: it is being recorded.
    var pausedSince: UInt64?
    var pauses = 0
    var gaveUpExits = false
    /// When the source was last audited, ns.
    var audited: UInt64 = 0
    /// Records of snapshots that were older than what was asked for.
    var tooOld: UInt64 = 0
    /// How far back, ns, the rings reached that did not reach as far as was asked for.
    var shortOf: [UInt16: UInt64] = [:]
    /// Whether other CPUs are online than when last looked.
    var onlineCPUs = OnlineCPUs()
    var cpuWatch: CPUWatch
    /// CPUs that are back and whose events are gone, and since when.
    var unrecorded: [(cpu: Int, since: UInt64)] = []

    /// - Parameter tool: the recording program and its version, for the metadata.
    /// - Throws: `CaptureError` that names what is missing and how to get it.
    public init(options: RecordingOptions, tool: String, commandLine: [String]) throws {
        self.options = options
        try options.limits.validate()
        let tracefs = try Tracefs()
        let orphans = TracefsInstance.removeOrphans(in: tracefs)
        let kinds =
            EventKind.always.filter { options.exits != .none || !$0.isTransition }
            + OptionalSource.allCases.filter { options.optional.contains($0) }.flatMap(\.kinds)
        let tracepoints = try Tracepoints(tracefs, kinds: kinds)
        let cpus = try Self.cpus(options)
        for process in options.processes where GuestThreads.threadIDs(ofProcess: process).isEmpty {
            throw CaptureError.usage("there is no process \(process)")
        }
        cpuWatch = CPUWatch(recorded: cpus, online: try CPUList.online())
        let filter = KernelFilter(registers: options.registers)
        let bytes = try options.ringBytes(cpus: cpus.count)
        source = try Self.source(
            options, tracefs: tracefs, tracepoints: tracepoints, cpus: cpus, bufferBytes: bytes, filter: filter)
        if !orphans.isEmpty {
            remarks.append("Removed \(orphans.count) tracing instance(s) that killed recorders had left behind.")
        }

        var metadata = TraceMetadata(source: "record", tool: tool, clock: "monotonic")
        HostDescription.describe(into: &metadata)
        if let hostName = options.hostName { metadata.hostName = hostName }
        for entry in tracepoints.present {
            metadata.tracepoints.append(entry.kind.qualifiedName)
            metadata.formats[entry.kind.qualifiedName] = entry.text
            metadata.filters[entry.kind.qualifiedName] = filter.expression(for: entry.kind)
        }
        metadata.lossGranularity = source.countsLossByTracepoint ? .tracepoint : .ring
        metadata.command = commandLine
        metadata.blindSpots = BlindSpots.sentences(
            metadata: metadata, missing: tracepoints.missing, registers: options.registers,
            limitedTo: !options.processes.isEmpty)
        metadata.exits = options.exits.rawValue
        metadata.blindSpots += options.exits.blindSpots
        if options.cpus != nil {
            metadata.blindSpots.append("Only CPUs \(cpus.map(String.init).joined(separator: ",")) were recorded.")
        }
        if options.optional.contains(.opens) { metadata.blindSpots.append(BlindSpots.opens) }
        if options.optional.contains(.interrupts) { metadata.blindSpots.append(BlindSpots.interrupts) }
        if options.optional.contains(.holders) {
            let holders = PerfEventHolders.scan()
            metadata.perfEventHolders = holders
            metadata.blindSpots += BlindSpots.holders(holders)
        }
        threads.add(GuestThreads.scan())
        metadata.threads = threads.all
        self.metadata = metadata
    }

    private static func source(
        _ options: RecordingOptions, tracefs: Tracefs, tracepoints: Tracepoints, cpus: [Int], bufferBytes: UInt64,
        filter: KernelFilter
    ) throws -> any EventSource {
        guard options.source != .perf || options.mode == .continuous else {
            throw CaptureError.usage("a flight recorder needs the tracefs source, not perf")
        }
        if options.source != .perf {
            do {
                return try TracefsSource(
                    tracefs: tracefs, tracepoints: tracepoints, cpus: cpus, bufferBytes: bufferBytes, filter: filter,
                    exits: options.exits, processes: options.processes)
            } catch {
                if options.source == .tracefs || options.mode != .continuous { throw error }
            }
        }
        return try PerfSource(
            tracepoints: tracepoints, cpus: cpus, bufferBytes: bufferBytes, filter: filter, exits: options.exits,
            processes: options.processes)
    }

    private static func cpus(_ options: RecordingOptions) throws -> [Int] {
        let online = try CPUList.online()
        guard let asked = options.cpus else { return online }
        if let absent = asked.first(where: { !online.contains($0) }) {
            throw CaptureError.usage(
                "CPU \(absent) is not online; online are \(online.map(String.init).joined(separator: ","))")
        }
        guard !asked.isEmpty else { throw CaptureError.usage("no CPU was chosen") }
        return asked
    }
}

/// The threads of guests seen so far, each looked up once.
struct ThreadRegistry {
    private var known: [Int32: TraceMetadata.ThreadIdentity] = [:]
    private var looked: Set<Int32> = []

    /// By thread id.
    private(set) var all: [TraceMetadata.ThreadIdentity] = []

    mutating func add(_ threads: [TraceMetadata.ThreadIdentity]) {
        for thread in threads {
            known[thread.tid] = thread
            looked.insert(thread.tid)
        }
        // Asked for several times a second, and seldom another.
        all = known.values.sorted { $0.tid < $1.tid }
    }

    mutating func identify(_ threads: Set<Int32>) {
        guard !threads.isSubset(of: looked) else { return }
        for thread in threads.subtracting(looked).sorted() where !looked.contains(thread) {
            looked.insert(thread)
            add(GuestThreads.identify(thread: thread))
        }
    }
}
