import CLinux
import Glibc
import Trace

/// The events of one CPU and the ring they share, memory-mapped.
///
///     open ── all disabled ── enable ──► drain ... drain ── disable ──► drain ──► settle(final)
///
/// All tracepoints of a CPU write into one ring, so that their order is kept. The thread comes from `common_pid` and the
/// CPU from the ring: a sample carries only its time and the record itself (`PERF_SAMPLE_TIME | PERF_SAMPLE_RAW`).
///
/// Loss: where the kernel counts lost records for each event (`PERF_FORMAT_LOST`, Linux 6.0) these counts are what is
/// reported; `PERF_RECORD_LOST` then only tells when to look. On older kernels that record itself is reported, and
/// at the end whatever the events' own counts say is still missing.
final class PerfRing {
    struct Event {
        var kind: EventKind
        var fd: Int32
        var read: UInt64 = 0
        var lost: UInt64 = 0
    }

    let pcpu: Int
    private(set) var events: [Event] = []
    private let tracepoints: Tracepoints
    private let countsLost: Bool
    private let page: UnsafeMutableRawPointer
    private let data: UnsafeRawPointer
    private let dataBytes: UInt64
    private var tail: UInt64 = 0
    /// Room for a record that wraps around the ring's end.
    private let unwrapped: UnsafeMutableRawPointer
    private var stage = EventStage()
    private var lostOfUnknownKind: UInt64 = 0
    private(set) var guestThreads: Set<Int32> = []
    private var latestGuestThread: Int32 = -1
    /// The time before which the losses that are not yet settled cannot lie; nil when there are none.
    private var lossSince: UInt64?
    /// A lost record whose end is not known before the next event shows up.
    private var openLoss: (count: UInt64, earliest: UInt64)?

    /// The descriptor to poll: readable once a part of the ring is filled.
    var descriptor: Int32 { events[0].fd }

    init(pcpu: Int, tracepoints: Tracepoints, bufferBytes: UInt64, filter: EventFilter, countsLost: Bool) throws {
        self.pcpu = pcpu
        self.tracepoints = tracepoints
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
    }

    deinit {
        clinux_perf_unmap(page, dataBytes)
        for event in events { close(event.fd) }
        unwrapped.deallocate()
    }

    static let openingRemedy =
        "run as root, or with CAP_PERFMON and a readable tracefs (kernel.perf_event_paranoid matters for others)"

    func enable() throws {
        for event in events {
            try CaptureError.check(clinux_perf_enable(event.fd), "start \(event.kind.qualifiedName)")
        }
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
        var records = 0
        while tail < head {
            let record = try self.record(at: tail, head: head)
            records += 1
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
            tail += UInt64(record.body.count) + 8
            // Give room back in steps, so that a long drain does not itself cause loss.
            if records % 256 == 0 { clinux_perf_set_tail(page, tail) }
        }
        clinux_perf_set_tail(page, tail)
        try stage.flush(into: &sink)
        if countsLost, lossSince != nil { try settle(into: &sink) }
        return records
    }

    /// After `disable` and the last `drain`: hands on what was held back and reports what is still missing.
    func finish<Sink: TraceSink>(into sink: inout Sink) throws -> RingAccount {
        try stage.flush(into: &sink, everything: true)
        if lossSince == nil { lossSince = stage.newest }
        if countsLost { try settle(into: &sink) }
        var account = RingAccount(pcpu: pcpu, tracepoints: [], lostOfUnknownKind: 0)
        for event in events {
            let count = try counts(of: event)
            account.tracepoints.append(.init(kind: event.kind, made: count.made, read: event.read, lost: event.lost))
        }
        if !countsLost {
            try closeLoss(at: MonotonicClock.now(), into: &sink)
            let unreported = account.made &- account.read &- account.lost &- lostOfUnknownKind
            if unreported > 0, Int64(bitPattern: unreported) > 0 {
                try report(unreported, kind: nil, since: stage.newest, until: MonotonicClock.now(), into: &sink)
                lostOfUnknownKind += unreported
            }
        }
        account.lostOfUnknownKind = lostOfUnknownKind
        return account
    }

    // MARK: Records

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

    private func take<Sink: TraceSink>(
        sample body: UnsafeRawBufferPointer, into sink: inout Sink, keeping selection: inout ThreadSelection
    ) throws {
        guard body.count >= 14 else { return try takeUndecodable(at: stage.newest, into: &sink) }
        let time = body.loadUnaligned(as: UInt64.self)
        let length = Int(body.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard length >= 2, length <= body.count - 12,
            let index = tracepoints.index(ofType: body.loadUnaligned(fromByteOffset: 12, as: UInt16.self))
        else { return try takeUndecodable(at: time, into: &sink) }
        let event: TraceEvent
        do {
            event = try tracepoints.present[index].decoder.decode(
                UnsafeRawBufferPointer(rebasing: body[12..<12 + length]), time: time,
                pcpu: UInt16(truncatingIfNeeded: pcpu),
                comm: { sink.comm($0) })
        } catch is TracepointError {
            return try takeUndecodable(at: time, into: &sink)
        }
        if openLoss != nil { try closeLoss(at: time, into: &sink) }
        events[index].read += 1
        guard selection.keeps(event) else { return }
        if event.pid != latestGuestThread, event.kind.system == "kvm" {
            latestGuestThread = event.pid
            guestThreads.insert(event.pid)
        }
        stage.add(event)
    }

    /// A sample that its own kernel's format does not describe counts as lost: it was made and nobody can read it.
    private func takeUndecodable<Sink: TraceSink>(at time: UInt64, into sink: inout Sink) throws {
        try report(1, kind: nil, since: min(time, stage.newest), until: max(time, stage.newest), into: &sink)
        lostOfUnknownKind += 1
    }

    // MARK: Loss

    private func take<Sink: TraceSink>(lost count: UInt64, into sink: inout Sink) throws {
        if lossSince == nil { lossSince = stage.newest }
        guard !countsLost else { return }
        try closeLoss(at: stage.newest, into: &sink)
        openLoss = (count, stage.newest)
    }

    private func closeLoss<Sink: TraceSink>(at time: UInt64, into sink: inout Sink) throws {
        guard let loss = openLoss else { return }
        openLoss = nil
        try report(loss.count, kind: nil, since: loss.earliest, until: max(time, loss.earliest), into: &sink)
        lostOfUnknownKind += loss.count
    }

    /// Reports what each event has lost since the last time.
    private func settle<Sink: TraceSink>(into sink: inout Sink) throws {
        let since = lossSince ?? stage.newest
        lossSince = nil
        for index in events.indices {
            let lost = try counts(of: events[index]).lost
            guard lost > events[index].lost else { continue }
            try report(
                lost - events[index].lost, kind: events[index].kind, since: since, until: MonotonicClock.now(),
                into: &sink)
            events[index].lost = lost
        }
    }

    private func report<Sink: TraceSink>(
        _ count: UInt64, kind: EventKind?, since: UInt64, until: UInt64, into sink: inout Sink
    ) throws {
        try sink.append(
            LostRecords(
                pcpu: UInt16(truncatingIfNeeded: pcpu), kind: kind, count: count, earliest: since,
                latest: max(since, until)))
    }

    private func counts(of event: Event) throws -> clinux_perf_count {
        var count = clinux_perf_count()
        try CaptureError.check(
            clinux_perf_read(event.fd, countsLost ? 1 : 0, &count), "read the count of \(event.kind.qualifiedName)")
        return count
    }
}
