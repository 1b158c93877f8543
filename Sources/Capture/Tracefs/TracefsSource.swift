import Glibc
import Trace

/// Events from a private tracing instance: the cheapest way for the recorded guest.
///
/// The kernel writes a record of a few dozen bytes where perf writes a sample around it. Chosen processes are followed
/// by the kernel itself (`set_event_pid` with `event-fork`).
final class TracefsSource: EventSource {
    let cpus: [Int]
    let countsLossByTracepoint = false
    let survivesOffline = true
    /// The files of tracefs belong to root; anybody else needs a capability to take the instance away.
    var needsNoPrivileges: Bool { geteuid() == 0 }
    private let instance: TracefsInstance
    private var rings: [TracefsRing]
    private var selection = ThreadSelection(processes: [])

    var descriptors: [Int32] { rings.map(\.pipe.number) }
    var guestThreads: Set<Int32> { rings.reduce(into: []) { $0.formUnion($1.guestThreads) } }

    /// - Parameter bufferBytes: of each CPU's ring; the kernel rounds it to whole pages.
    init(
        tracefs: Tracefs, tracepoints: Tracepoints, cpus: [Int], bufferBytes: UInt64, filter: KernelFilter,
        exits: ExitDetail = .full, processes: [Int32]
    ) throws {
        let header = try KernelFile.read("\(tracefs.root)/events/header_page")
        guard let layout = PageLayout(headerPage: header),
            let data = try TracepointFormat.fields(parsing: header).first(where: { $0.name == "data" })
        else {
            throw CaptureError.unreadable(
                path: "\(tracefs.root)/events/header_page", reason: "describes no page that is known")
        }
        let instance = try TracefsInstance(tracefs)
        try instance.set("tracing_on", "0")
        // The clock of perf's samples, so that both sources tell the same times.
        try instance.set("trace_clock", "mono")
        try instance.set("buffer_size_kb", String(max(1, bufferBytes / 1024)))
        // Absent before Linux 5.0, where readers are woken for every page.
        try? instance.set("buffer_percent", "25")
        // Names of threads come with the task switches; the kernel's own list of them costs each switch something.
        try? instance.set("options/record-cmd", "0")
        try instance.set("tracing_cpumask", CPUList.mask(cpus))
        if !processes.isEmpty {
            try instance.set("options/event-fork", "1")
            let threads = processes.flatMap { GuestThreads.threadIDs(ofProcess: $0) }
            try instance.set("set_event_pid", threads.map(String.init).joined(separator: " "))
        }
        for entry in tracepoints.present {
            let directory = "events/\(entry.kind.system)/\(entry.kind.tracepoint)"
            if let expression = filter.expression(for: entry.kind) {
                try instance.set("\(directory)/filter", expression)
            }
            try instance.set("\(directory)/enable", "1")
        }
        self.instance = instance
        self.cpus = cpus
        rings = try cpus.map {
            try TracefsRing(
                pcpu: $0, instance: instance, tracepoints: tracepoints, exits: exits, layout: layout,
                pageBytes: data.offset + data.size)
        }
    }

    func start() throws {
        for ring in rings { ring.begin() }
        try instance.set("tracing_on", "1")
    }

    func stop() throws {
        try instance.set("tracing_on", "0")
    }

    func stop(_ kinds: Set<EventKind>) throws {
        for kind in kinds.sorted(by: { $0.rawValue < $1.rawValue }) {
            try instance.set("events/\(kind.system)/\(kind.tracepoint)/enable", "0")
        }
    }

    func followProcesses() throws {}

    /// A ring of tracefs counts what it overwrites, and nothing goes missing beside that.
    func audit<Sink: TraceSink>(into sink: inout Sink) throws {}

    func handOn<Sink: TraceSink>(into sink: inout Sink) throws {
        for ring in rings { try ring.handOn(into: &sink) }
    }

    func drain<Sink: TraceSink>(ring: Int, into sink: inout Sink) throws -> Int {
        try rings[ring].drain(into: &sink, keeping: &selection)
    }

    func finish<Sink: TraceSink>(into sink: inout Sink) throws -> [RingAccount] {
        let accounts = try rings.map { try $0.finish(into: &sink) }
        // An instance in use cannot be removed, and an open file is use.
        rings = []
        instance.remove()
        return accounts
    }

    deinit {
        rings = []
    }
}
