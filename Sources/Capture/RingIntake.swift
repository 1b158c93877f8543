import Trace

/// What one ring's records go through, whichever way they came: decoded, sorted out, put in order, counted.
///
/// Everything a record touches is flat and the intake's own, so that taking one allocates nothing and counts no
/// references.
struct RingIntake: ~Copyable {
    let pcpu: Int
    let tracepoints: Tracepoints
    /// By the index of the tracepoint.
    private let decoders: UnsafeMutablePointer<TracepointDecoder>
    private let counts: UnsafeMutablePointer<UInt64>
    /// Losses reported without a tracepoint, records that could not be decoded among them.
    private(set) var lostOfUnknownKind: UInt64 = 0
    /// Threads that were current in records of KVM's tracepoints.
    private(set) var guestThreads: Set<Int32> = []
    private var latestGuestThread: Int32 = -1
    private var stage = EventStage()
    private var folding: ExitFolding?
    private var names = CommCache()

    /// When recording began: nothing is older.
    private(set) var origin: UInt64 = 0

    /// The time of the newest event so far, that of the start before the first.
    var newest: UInt64 { max(stage.newest, origin) }

    mutating func begin(at time: UInt64) {
        if origin == 0 { origin = time }
    }

    init(pcpu: Int, tracepoints: Tracepoints, exits: ExitDetail) {
        folding = exits == .summary ? ExitFolding() : nil
        self.pcpu = pcpu
        self.tracepoints = tracepoints
        let present = tracepoints.present
        decoders = .allocate(capacity: present.count)
        counts = .allocate(capacity: present.count)
        for index in present.indices {
            (decoders + index).initialize(to: present[index].decoder)
            (counts + index).initialize(to: 0)
        }
    }

    deinit {
        decoders.deinitialize(count: tracepoints.present.count)
        decoders.deallocate()
        counts.deallocate()
    }

    /// Records decoded, by the index of their tracepoint.
    var read: [UInt64] { Array(UnsafeBufferPointer(start: counts, count: tracepoints.present.count)) }

    /// Takes one record, from its `common_type` on.
    ///
    /// A record that its own kernel's format does not describe counts as lost: it was made and nobody can read it.
    @inline(__always)
    mutating func take<Sink: TraceSink>(
        _ raw: UnsafeRawBufferPointer, time: UInt64, into sink: inout Sink, keeping selection: inout ThreadSelection
    ) throws {
        guard raw.count >= 2, let index = tracepoints.index(ofType: raw.loadUnaligned(as: UInt16.self)) else {
            return try takeUndecodable(at: time, into: &sink)
        }
        let event = stage.next()
        guard
            (decoders + index).pointee.decodeAccess(
                raw, time: time, pcpu: UInt16(truncatingIfNeeded: pcpu), into: event)
        else { return try takeOther(raw, index, time: time, into: &sink, keeping: &selection) }
        try take(event, index, into: &sink, keeping: &selection)
    }

    /// The same for records that are no access to a register, or none that can be.
    @inline(never)
    private mutating func takeOther<Sink: TraceSink>(
        _ raw: UnsafeRawBufferPointer, _ index: Int, time: UInt64, into sink: inout Sink,
        keeping selection: inout ThreadSelection
    ) throws {
        let event = stage.next()
        let decoder = decoders + index
        let isSwitch = decoder.pointee.decodeSwitch(
            raw, time: time, pcpu: UInt16(truncatingIfNeeded: pcpu), names: names, into: event)
        if isSwitch { return try take(event, index, into: &sink, keeping: &selection) }
        do {
            event.pointee = try decoder.pointee.decode(
                raw, time: time, pcpu: UInt16(truncatingIfNeeded: pcpu), names: &names, comm: { sink.comm($0) })
        } catch is TracepointError {
            return try takeUndecodable(at: time, into: &sink)
        }
        try take(event, index, into: &sink, keeping: &selection)
    }

    /// - Parameter event: where `stage` wants its next.
    @inline(__always)
    private mutating func take<Sink: TraceSink>(
        _ event: UnsafePointer<TraceEvent>, _ index: Int, into sink: inout Sink,
        keeping selection: inout ThreadSelection
    ) throws {
        counts[index] &+= 1
        guard selection.keeps(event) else { return }
        let thread = event.pointee.pid
        if thread != latestGuestThread, event.pointee.kind.isGuestSide {
            latestGuestThread = thread
            guestThreads.insert(thread)
        }
        if folding == nil { stage.commit() } else { folding?.take(event.pointee, into: &stage) }
        if stage.count >= EventStage.wellFilled { try stage.flush(into: &sink) }
    }

    @inline(never)
    mutating func takeUndecodable<Sink: TraceSink>(at time: UInt64, into sink: inout Sink) throws {
        try report(lost: 1, kind: nil, since: min(time, newest), until: max(time, newest), into: &sink)
    }

    mutating func report<Sink: TraceSink>(
        lost count: UInt64, kind: EventKind?, since: UInt64, until: UInt64, into sink: inout Sink
    ) throws {
        if kind == nil { lostOfUnknownKind += count }
        try sink.append(
            LostRecords(
                pcpu: UInt16(truncatingIfNeeded: pcpu), kind: kind, count: count, earliest: since,
                latest: max(since, until)))
    }

    /// Hands on what is in order, or everything.
    mutating func flush<Sink: TraceSink>(into sink: inout Sink, everything: Bool = false) throws {
        if everything { folding?.close(into: &stage) }
        try stage.flush(into: &sink, everything: everything)
    }
}

extension EventKind {
    /// The record was made by KVM in the thread of a vCPU.
    var isGuestSide: Bool {
        switch self {
        case .kvmMSR, .kvmEntry, .kvmExit: true
        default: false
        }
    }

    /// The record is one of entering or leaving a guest.
    var isTransition: Bool { self == .kvmEntry || self == .kvmExit }
}
