import Glibc
import Trace

/// The ring buffer of one CPU in a tracing instance, read page by page from `trace_pipe_raw`.
///
/// A full ring overwrites its oldest page, and the next page read says that something is missing before it, with the
/// number where it has room for that; how much in all stands in the ring's `stats` file. Loss is known for the ring,
/// not for each tracepoint.
final class TracefsRing {
    /// Behind a pointer, so that taking a record checks no access to this object's variables.
    private let records: UnsafeMutablePointer<RingIntake>
    let pipe: Descriptor
    private let stats: Descriptor
    private let layout: PageLayout
    private let page: UnsafeMutableRawBufferPointer
    private var reportedLost: UInt64 = 0

    init(
        pcpu: Int, instance: TracefsInstance, tracepoints: Tracepoints, exits: ExitDetail, layout: PageLayout,
        pageBytes: Int
    ) throws {
        self.layout = layout
        pipe = try instance.openForReading("per_cpu/cpu\(pcpu)/trace_pipe_raw")
        stats = try instance.openForReading("per_cpu/cpu\(pcpu)/stats")
        page = .allocate(byteCount: pageBytes, alignment: 8)
        records = .allocate(capacity: 1)
        records.initialize(to: RingIntake(pcpu: pcpu, tracepoints: tracepoints, exits: exits))
    }

    deinit {
        page.deallocate()
        records.deinitialize(count: 1)
        records.deallocate()
    }

    private var pcpu: Int { records.pointee.pcpu }
    var guestThreads: Set<Int32> { records.pointee.guestThreads }

    func begin() {
        records.pointee.begin(at: MonotonicClock.now())
    }

    /// Takes everything out of the ring and hands on what is in order; answers the number of records taken.
    func drain<Sink: TraceSink>(into sink: inout Sink, keeping selection: inout ThreadSelection) throws -> Int {
        var taken = 0
        // A writer as fast as the reader must not keep it here for ever: the other rings wait.
        for _ in 0..<Self.mostPages {
            let length = read(pipe.number, page.baseAddress, page.count)
            if length < 0, errno == EINTR { continue }
            guard length > 0 else {
                guard length == 0 || errno == EAGAIN else {
                    throw CaptureError.system(doing: "read the ring of CPU \(pcpu)", errno: errno, remedy: nil)
                }
                break
            }
            taken += try take(UnsafeRawBufferPointer(rebasing: page[..<length]), into: &sink, keeping: &selection)
        }
        try records.pointee.flush(into: &sink)
        return taken
    }

    static let mostPages = 4096

    func handOn<Sink: TraceSink>(into sink: inout Sink) throws {
        try records.pointee.flush(into: &sink, everything: true)
    }

    /// After the last `drain`: hands on what was held back and reports what is still missing.
    func finish<Sink: TraceSink>(into sink: inout Sink) throws -> RingAccount {
        try records.pointee.flush(into: &sink, everything: true)
        let counts = try ringCounts()
        try reportLost(atMost: .max, of: counts, until: MonotonicClock.now(), into: &sink)
        let read = records.pointee.read
        return RingAccount(
            pcpu: pcpu, made: counts.read + counts.waiting + counts.lost,
            tracepoints: records.pointee.tracepoints.present.enumerated().map {
                .init(kind: $1.kind, made: nil, read: read[$0], lost: 0)
            }, lostOfUnknownKind: records.pointee.lostOfUnknownKind)
    }

    private func take<Sink: TraceSink>(
        _ bytes: UnsafeRawBufferPointer, into sink: inout Sink, keeping selection: inout ThreadSelection
    ) throws -> Int {
        guard var page = KbufferPage(bytes, layout: layout) else {
            throw CaptureError.unreadable(
                path: "ring of CPU \(pcpu)",
                reason: "a page of \(bytes.count) bytes has no header that makes sense")
        }
        switch page.missed {
        case .none: break
        case .some: try reportLost(atMost: .max, of: ringCounts(), until: page.startTime, into: &sink)
        case .count(let count): try reportLost(atMost: count, of: ringCounts(), until: page.startTime, into: &sink)
        }
        let intake = records
        var taken = 0
        while true {
            if let raw = page.nextOrdinary() {
                taken &+= 1
                try intake.pointee.take(raw, time: page.time, into: &sink, keeping: &selection)
                continue
            }
            switch page.next() {
            case .record(let raw, let time):
                taken &+= 1
                try intake.pointee.take(raw, time: time, into: &sink, keeping: &selection)
            case .end:
                return taken
            case .damaged(let offset, let reason):
                throw CaptureError.unreadable(
                    path: "ring of CPU \(pcpu)", reason: "\(reason) (page offset \(offset))")
            }
        }
    }

    /// Reports a loss between the newest event and `time`: `most` records, and never more than the ring itself counts
    /// in all, so that a loss that was reported as part of an uncounted one is not reported again.
    private func reportLost<Sink: TraceSink>(
        atMost most: UInt64, of counts: RingCounts, until time: UInt64, into sink: inout Sink
    ) throws {
        guard counts.lost > reportedLost else { return }
        let lost = min(most, counts.lost - reportedLost)
        reportedLost += lost
        try records.pointee.report(
            lost: lost, kind: nil, since: records.pointee.newest, until: time, into: &sink)
    }

    private func ringCounts() throws -> RingCounts {
        var text = [UInt8](repeating: 0, count: 4096)
        let length = pread(stats.number, &text, text.count, 0)
        guard length > 0 else {
            throw CaptureError.system(doing: "read the counts of CPU \(pcpu)", errno: errno, remedy: nil)
        }
        return RingCounts(stats: String(decoding: text[..<length], as: UTF8.self))
    }
}

/// What the `stats` file of a ring says (kernel/trace/trace.c, `tracing_stats_read`).
struct RingCounts: Equatable {
    /// Records that readers have taken.
    var read: UInt64 = 0
    /// Records that still wait.
    var waiting: UInt64 = 0
    /// Records overwritten, or never written for want of room.
    var lost: UInt64 = 0

    init(stats text: String) {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":")
            guard parts.count == 2, let value = UInt64(parts[1].filter { $0 != " " }) else { continue }
            switch parts[0] {
            case "read events": read = value
            case "entries": waiting = value
            case "overrun", "commit overrun", "dropped events": lost += value
            default: break
            }
        }
    }
}
