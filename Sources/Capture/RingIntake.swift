import Trace

/// What one ring's records go through, whichever way they came: decoded, sorted out, put in order, counted.
struct RingIntake {
    let pcpu: Int
    let tracepoints: Tracepoints
    /// Records decoded, by the index of their tracepoint.
    private(set) var read: [UInt64]
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
        read = Array(repeating: 0, count: tracepoints.present.count)
    }

    /// Takes one record, from its `common_type` on.
    ///
    /// A record that its own kernel's format does not describe counts as lost: it was made and nobody can read it.
    mutating func take<Sink: TraceSink>(
        _ raw: UnsafeRawBufferPointer, time: UInt64, into sink: inout Sink, keeping selection: inout ThreadSelection
    ) throws {
        guard raw.count >= 2, let index = tracepoints.index(ofType: raw.loadUnaligned(as: UInt16.self)) else {
            return try takeUndecodable(at: time, into: &sink)
        }
        let event: TraceEvent
        do {
            event = try tracepoints.present[index].decoder.decode(
                raw, time: time, pcpu: UInt16(truncatingIfNeeded: pcpu), names: &names, comm: { sink.comm($0) })
        } catch is TracepointError {
            return try takeUndecodable(at: time, into: &sink)
        }
        read[index] += 1
        guard selection.keeps(event) else { return }
        if event.pid != latestGuestThread, event.kind.isGuestSide {
            latestGuestThread = event.pid
            guestThreads.insert(event.pid)
        }
        if folding == nil { stage.add(event) } else { folding?.take(event, into: &stage) }
    }

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
        case .writeMSR, .readMSR, .rdpmc, .schedSwitch: false
        }
    }

    /// The record is one of entering or leaving a guest.
    var isTransition: Bool { self == .kvmEntry || self == .kvmExit }
}
