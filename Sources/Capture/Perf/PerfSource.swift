import CLinux
import Glibc
import Trace

/// Events by perf_event_open(2): seven tracepoints on each CPU, one ring a CPU.
final class PerfSource: EventSource {
    let cpus: [Int]
    let countsLossByTracepoint: Bool
    let needsNoPrivileges = true
    let survivesOffline = false
    private let rings: [PerfRing]
    private var selection: ThreadSelection

    var descriptors: [Int32] { rings.map(\.descriptor) }
    var guestThreads: Set<Int32> { rings.reduce(into: []) { $0.formUnion($1.guestThreads) } }

    /// - Parameter bufferBytes: data bytes of each ring, a power of two of at least a page.
    init(
        tracepoints: Tracepoints, cpus: [Int], bufferBytes: UInt64, filter: KernelFilter, exits: ExitDetail = .full,
        processes: [Int32]
    ) throws {
        _ = clinux_raise_descriptor_limit()
        let countsLost = Self.kernelCountsLost(tracepoints)
        self.cpus = cpus
        selection = ThreadSelection(processes: processes)
        countsLossByTracepoint = countsLost
        rings = try cpus.map {
            try PerfRing(
                pcpu: $0, tracepoints: tracepoints, bufferBytes: bufferBytes, filter: filter, exits: exits,
                countsLost: countsLost)
        }
    }

    func start() throws {
        for ring in rings { try ring.enable() }
    }

    func stop() throws {
        for ring in rings { try ring.disable() }
    }

    func stop(_ kinds: Set<EventKind>) throws {
        for ring in rings { try ring.disable(kinds) }
    }

    func handOn<Sink: TraceSink>(into sink: inout Sink) throws {
        for ring in rings { try ring.handOn(into: &sink) }
    }

    func drain<Sink: TraceSink>(ring: Int, into sink: inout Sink) throws -> Int {
        try rings[ring].drain(into: &sink, keeping: &selection)
    }

    func audit<Sink: TraceSink>(into sink: inout Sink) throws {
        for ring in rings { try ring.audit(into: &sink, keeping: &selection) }
    }

    func followProcesses() throws {
        selection.forgetOthers()
    }

    func finish<Sink: TraceSink>(into sink: inout Sink) throws -> [RingAccount] {
        try rings.map { try $0.finish(into: &sink) }
    }

    /// Whether this kernel knows `PERF_FORMAT_LOST`: older ones refuse an event that asks for it.
    private static func kernelCountsLost(_ tracepoints: Tracepoints) -> Bool {
        guard let entry = tracepoints.present.first else { return false }
        var request = clinux_perf_request()
        request.tracepoint = UInt64(entry.format.id)
        request.count_lost = 1
        let fd = clinux_perf_open(&request)
        guard fd >= 0 else { return false }
        close(fd)
        return true
    }
}
