import CLinux
import Glibc
import Trace

/// The events of one CPU and the ring they share, memory-mapped.
///
///     open ── all disabled ── enable ──► drain ... drain ── disable ──► drain ──► settle(final)
///
/// All tracepoints of a CPU write into one ring, so that their order is kept. The thread comes from `common_pid` and
/// the CPU from the ring: a sample carries only its time and the record itself (`PERF_SAMPLE_TIME | PERF_SAMPLE_RAW`).
///
/// Loss: where the kernel counts lost records for each event (`PERF_FORMAT_LOST`, Linux 6.0) these counts are what is
/// reported; `PERF_RECORD_LOST` then only tells when to look. On older kernels that record itself is reported, and
/// at the end whatever the events' own counts say is still missing.
final class PerfRing {
    struct Event {
        var kind: EventKind
        var fd: Int32
        /// As the kernel reports it.
        var lost: UInt64 = 0
        /// Made, and neither read nor reported lost (`audit`).
        var missing: UInt64 = 0
        /// When all that was made was last accounted for, ns; 0: at the start.
        var audited: UInt64 = 0
    }

    private(set) var events: [Event] = []
    /// Behind a pointer, so that taking a record checks no access to this object's variables.
    private let intake: UnsafeMutablePointer<RingIntake>
    private var stopped: Set<EventKind> = []
    private let countsLost: Bool
    private let page: UnsafeMutableRawPointer
    private let data: UnsafeRawPointer
    private let dataBytes: UInt64
    private var tail: UInt64 = 0
    /// Room for a record that wraps around the ring's end.
    private let unwrapped: UnsafeMutableRawPointer
    /// The time before which the losses that are not yet settled cannot lie; nil when there are none.
    private var lossSince: UInt64?
    /// A lost record whose end is not known before the next event shows up.
    private var openLoss: (count: UInt64, earliest: UInt64)?

    /// The descriptor to poll: readable once a part of the ring is filled.
    var descriptor: Int32 { events[0].fd }

    init(
        pcpu: Int, tracepoints: Tracepoints, bufferBytes: UInt64, filter: KernelFilter, exits: ExitDetail,
        countsLost: Bool
    ) throws {
        self.countsLost = countsLost
        dataBytes = bufferBytes
        var opened: [Event] = []
        var mapped: UnsafeMutableRawPointer?
        do {
            for entry in tracepoints.present {
                var request = clinux_perf_request()
                request.tracepoint = UInt64(entry.format.id)
                request.cpu = Int32(pcpu)
                request.wakeup_bytes = UInt32(clamping: bufferBytes / 4)
                request.count_lost = countsLost ? 1 : 0
                let fd = try CaptureError.check(
                    clinux_perf_open(&request), "open \(entry.kind.qualifiedName) on CPU \(pcpu)",
                    remedy: Self.openingRemedy)
                opened.append(Event(kind: entry.kind, fd: fd))
                if let expression = filter.expression(for: entry.kind) {
                    try CaptureError.check(
                        clinux_perf_set_filter(fd, expression), "set the filter of \(entry.kind.qualifiedName)")
                }
                if opened.count == 1 {
                    var error: Int32 = 0
                    mapped = clinux_perf_map(fd, bufferBytes, 0, &error)
                    try CaptureError.check(
                        error, "map \(bufferBytes) bytes for the ring of CPU \(pcpu)",
                        remedy: "use a smaller --buffer, or raise kernel.perf_event_mlock_kb")
                } else {
                    try CaptureError.check(
                        clinux_perf_set_output(fd, opened[0].fd), "share the ring of CPU \(pcpu)")
                }
            }
            guard let mapped else { throw CaptureError.noTracepoints(reason: "no tracepoint was asked for") }
            page = mapped
        } catch {
            for event in opened { close(event.fd) }
            if let mapped { clinux_perf_unmap(mapped, bufferBytes) }
            throw error
        }
        events = opened
        data = UnsafeRawPointer(page + Int(clinux_perf_data_offset(page)))
        unwrapped = .allocate(byteCount: 1 << 16, alignment: 8)
        intake = .allocate(capacity: 1)
        intake.initialize(to: RingIntake(pcpu: pcpu, tracepoints: tracepoints, exits: exits))
    }

    deinit {
        clinux_perf_unmap(page, dataBytes)
        for event in events { close(event.fd) }
        unwrapped.deallocate()
        intake.deinitialize(count: 1)
        intake.deallocate()
    }

    private var pcpu: Int { intake.pointee.pcpu }
    var guestThreads: Set<Int32> { intake.pointee.guestThreads }

    static let openingRemedy =
        "run as root, or with CAP_PERFMON and a readable tracefs (kernel.perf_event_paranoid matters for others)"

    func enable() throws {
        intake.pointee.begin(at: MonotonicClock.now())
        for event in events where !stopped.contains(event.kind) {
            try CaptureError.check(clinux_perf_enable(event.fd), "start \(event.kind.qualifiedName)")
        }
    }

    /// Stops some tracepoints for good.
    func disable(_ kinds: Set<EventKind>) throws {
        stopped.formUnion(kinds)
        for event in events where kinds.contains(event.kind) {
            try CaptureError.check(clinux_perf_disable(event.fd), "stop \(event.kind.qualifiedName)")
        }
    }

    func handOn<Sink: TraceSink>(into sink: inout Sink) throws {
        try intake.pointee.flush(into: &sink, everything: true)
    }

    func disable() throws {
        for event in events {
            try CaptureError.check(clinux_perf_disable(event.fd), "stop \(event.kind.qualifiedName)")
        }
    }

    /// Takes everything out of the ring and hands on what is in order; answers the number of records taken.
    @discardableResult
    func drain<Sink: TraceSink>(into sink: inout Sink, keeping selection: inout ThreadSelection) throws -> Int {
        let head = clinux_perf_head(page)
        var position = tail
        // Also where the sink gives up: no record is taken twice.
        defer { tail = position }
        var records = 0
        while position < head {
            let record = try self.record(at: position, head: head)
            records &+= 1
            switch record.type {
            case UInt32(CLINUX_PERF_RECORD_SAMPLE):
                try take(sample: record.body, into: &sink, keeping: &selection)
            case UInt32(CLINUX_PERF_RECORD_LOST):
                if record.body.count >= 16 {
                    try take(lost: record.body.loadUnaligned(fromByteOffset: 8, as: UInt64.self), into: &sink)
                }
            default:
                break
            }
            position &+= UInt64(record.body.count) &+ 8
            // Give room back in steps, so that a long drain does not itself cause loss.
            if records % 256 == 0 { clinux_perf_set_tail(page, position) }
        }
        clinux_perf_set_tail(page, position)
        try intake.pointee.flush(into: &sink)
        if countsLost, lossSince != nil { try settle(into: &sink) }
        return records
    }

    /// After `disable` and the last `drain`: hands on what was held back and reports what is still missing.
    func finish<Sink: TraceSink>(into sink: inout Sink) throws -> RingAccount {
        try intake.pointee.flush(into: &sink, everything: true)
        if lossSince == nil { lossSince = intake.pointee.newest }
        if countsLost {
            try settle(into: &sink)
            try audit(into: &sink)
        }
        let made = try events.map { try counts(of: $0).made }
        if !countsLost {
            try closeLoss(at: MonotonicClock.now(), into: &sink)
            let known = intake.pointee.read.reduce(intake.pointee.lostOfUnknownKind, +)
            let total = made.reduce(0, +)
            if total > known {
                try intake.pointee.report(
                    lost: total - known, kind: nil, since: intake.pointee.newest, until: MonotonicClock.now(),
                    into: &sink)
            }
        }
        let read = intake.pointee.read
        return RingAccount(
            pcpu: pcpu, made: made.reduce(0, +),
            tracepoints: events.indices.map {
                .init(
                    kind: events[$0].kind, made: made[$0], read: read[$0],
                    lost: events[$0].lost + events[$0].missing)
            }, lostOfUnknownKind: intake.pointee.lostOfUnknownKind)
    }

    // MARK: Records

    @inline(__always)
    private func record(at position: UInt64, head: UInt64) throws -> (type: UInt32, body: UnsafeRawBufferPointer) {
        let offset = Int(position & (dataBytes - 1))
        let type = data.load(fromByteOffset: offset, as: UInt32.self)
        let size = Int(data.load(fromByteOffset: offset + 6, as: UInt16.self))
        // The kernel aligns records to 8 bytes and keeps them below 64 KiB; anything else would send us astray.
        guard size >= 8, size % 8 == 0, UInt64(size) <= head - position else {
            throw CaptureError.unreadable(
                path: "ring of CPU \(pcpu)", reason: "a record of \(size) bytes at \(position) makes no sense")
        }
        let contiguous = Int(dataBytes) - offset
        if size <= contiguous {
            return (type, UnsafeRawBufferPointer(start: data + offset + 8, count: size - 8))
        }
        unwrapped.copyMemory(from: data + offset, byteCount: contiguous)
        (unwrapped + contiguous).copyMemory(from: data, byteCount: size - contiguous)
        return (type, UnsafeRawBufferPointer(start: unwrapped + 8, count: size - 8))
    }

    @inline(__always)
    private func take<Sink: TraceSink>(
        sample body: UnsafeRawBufferPointer, into sink: inout Sink, keeping selection: inout ThreadSelection
    ) throws {
        guard body.count >= 12 else {
            return try intake.pointee.takeUndecodable(at: intake.pointee.newest, into: &sink)
        }
        let time = body.loadUnaligned(as: UInt64.self)
        if !countsLost, openLoss != nil { try closeLoss(at: time, into: &sink) }
        let length = min(Int(body.loadUnaligned(fromByteOffset: 8, as: UInt32.self)), body.count - 12)
        try intake.pointee.take(
            UnsafeRawBufferPointer(rebasing: body[12..<12 + length]), time: time, into: &sink, keeping: &selection)
    }

    // MARK: Loss

    private func take<Sink: TraceSink>(lost count: UInt64, into sink: inout Sink) throws {
        if lossSince == nil { lossSince = intake.pointee.newest }
        guard !countsLost else { return }
        try closeLoss(at: intake.pointee.newest, into: &sink)
        openLoss = (count, intake.pointee.newest)
    }

    private func closeLoss<Sink: TraceSink>(at time: UInt64, into sink: inout Sink) throws {
        guard let loss = openLoss else { return }
        openLoss = nil
        try intake.pointee.report(lost: loss.count, kind: nil, since: loss.earliest, until: time, into: &sink)
    }

    /// Reports what each event has lost since the last time.
    private func settle<Sink: TraceSink>(into sink: inout Sink) throws {
        let since = lossSince ?? intake.pointee.newest
        lossSince = nil
        for index in events.indices {
            let lost = try counts(of: events[index]).lost
            guard lost > events[index].lost else { continue }
            try intake.pointee.report(
                lost: lost - events[index].lost, kind: events[index].kind, since: since, until: MonotonicClock.now(),
                into: &sink)
            events[index].lost = lost
        }
    }

    /// While the ring may fill: only an event whose count stands still around a drain can be accounted for.
    func audit<Sink: TraceSink>(into sink: inout Sink, keeping selection: inout ThreadSelection) throws {
        guard countsLost else { return }
        let before = try events.map { try counts(of: $0).made }
        try drain(into: &sink, keeping: &selection)
        try settle(into: &sink)
        try audit(into: &sink, madeBefore: before)
    }

    /// Reports what was made and came to nothing: perf counts a record before it has a place for it, and loses a few of
    /// those made in interrupts without counting them as lost (seen on Linux 6.18 with `msr:write_msr`).
    private func audit<Sink: TraceSink>(into sink: inout Sink, madeBefore: [UInt64]? = nil) throws {
        guard intake.pointee.lostOfUnknownKind == 0 else { return }
        let read = intake.pointee.read
        for index in events.indices {
            let now = MonotonicClock.now()
            let count = try counts(of: events[index])
            if let madeBefore, madeBefore[index] != count.made { continue }
            let known = read[index] + count.lost + events[index].missing
            if count.made > known, count.lost == events[index].lost {
                let missing = count.made - known
                events[index].missing += missing
                try intake.pointee.report(
                    lost: missing, kind: events[index].kind, since: max(events[index].audited, intake.pointee.origin),
                    until: now,
                    into: &sink)
            }
            events[index].audited = now
        }
    }

    private func counts(of event: Event) throws -> clinux_perf_count {
        var count = clinux_perf_count()
        try CaptureError.check(
            clinux_perf_read(event.fd, countsLost ? 1 : 0, &count), "read the count of \(event.kind.qualifiedName)")
        return count
    }
}
