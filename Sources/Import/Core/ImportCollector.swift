import Trace

/// Takes what a reader finds: sorts, counts, filters, and opens the sink when the first record must leave.
///
/// The sink is opened as late as memory allows, so that the metadata of a small input is complete by then (threads and
/// hosts are named all over a perf.data file).
final class ImportCollector {
    /// The sink behind closures that work on batches: one indirect call per thousands of records.
    struct Port {
        var events: (UnsafeBufferPointer<TraceEvent>) throws -> Void
        var lost: (LostRecords) throws -> Void
        /// The sink's own index of a thread name.
        var comm: (String) throws -> UInt32
    }

    private static let listedDamage = 64
    /// The comm index of a thread whose name the input does not give.
    static let noComm = UInt32.max

    var metadata: TraceMetadata
    var form: String
    private(set) var others = NameTally()
    private(set) var notUnderstood = NameTally()
    private(set) var notes: [String] = []
    private(set) var damage: [ImportDamage] = []
    private var damageUnlisted: UInt64 = 0
    private var taken = [UInt64](repeating: 0, count: EventKind.allCases.count)
    private var filtered: UInt64 = 0
    private var lost: [LostRecords] = []
    private var lostHandedOn = 0
    private var lostCounted: UInt64 = 0
    private var lostUncounted: UInt64 = 0
    private var reorderer: Reorderer
    private let selection: ImportOptions.Selection
    private let open: (TraceMetadata) throws -> Port
    private var port: Port?
    /// Thread names in the order of their first use, and the sink's index of each once it is open.
    private var comms: [String: UInt32] = [:]
    private var commNames: [String] = []
    private var sinkComm: [UInt32] = []
    private var threads: [Int32: TraceMetadata.ThreadIdentity] = [:]
    private static let threadLimit = 1 << 20
    /// The input itself lists its threads; names seen on the way add nothing.
    private(set) var hasThreadList = false
    /// First and last time of each pCPU's records, for the losses that name none.
    private(set) var span: (first: UInt64, last: UInt64)?
    /// The time of each pCPU's first record to come.
    private(set) var firstTimes: [UInt16: UInt64] = [:]
    private var unplacedLosses: [(count: UInt64?, moment: Moment, reason: String)] = []
    private var lastPCPU: Int32 = -1
    /// By pCPU, the latest time so far.
    private var lastTimes = ContiguousArray<UInt64>()
    /// The input stops before the recording did: what the CPUs did up to its last record is not all there.
    private(set) var isCutShort = false

    private let path: String

    init(
        path: String, form: String, options: ImportOptions, metadata: TraceMetadata,
        open: @escaping (TraceMetadata) throws -> Port
    ) {
        self.path = path
        self.form = form
        self.metadata = metadata
        self.open = open
        selection = options.selection
        reorderer = Reorderer(capacity: options.reorderCapacity)
    }

    // MARK: What readers call

    /// Takes one record. The comm indexes of a `sched_switch` are those of `comm(_:)`.
    func take(_ event: TraceEvent) throws {
        if selection == .pmuOnly {
            switch event.kind {
            case .kvmMSR, .writeMSR, .readMSR:
                guard PMURegisters.contains(event.register) else {
                    filtered += 1
                    return
                }
            case .kvmEntry, .kvmExit, .rdpmc, .schedSwitch: break
            }
        }
        taken[Int(event.kind.rawValue)] += 1
        if lastPCPU != Int32(event.pcpu) {
            lastPCPU = Int32(event.pcpu)
            if firstTimes[event.pcpu] == nil { firstTimes[event.pcpu] = event.time }
        }
        if Int(event.pcpu) >= lastTimes.count {
            lastTimes.append(contentsOf: repeatElement(0, count: Int(event.pcpu) + 1 - lastTimes.count))
        }
        lastTimes[Int(event.pcpu)] = max(lastTimes[Int(event.pcpu)], event.time)
        if let known = span {
            span = (min(known.first, event.time), max(known.last, event.time))
        } else {
            span = (event.time, event.time)
        }
        reorderer.append(event)
        if reorderer.isFull {
            let port = try opened()
            try reorderer.flushOlderHalf { try handOn($0, to: port) }
        }
    }

    /// The collector's index of a thread name; the sink's own is put in when the record leaves.
    func comm(_ name: String) -> UInt32 {
        if let index = comms[name] { return index }
        let index = UInt32(commNames.count)
        comms[name] = index
        commNames.append(name)
        return index
    }

    func takeLost(_ record: LostRecords) {
        if let count = record.count {
            lostCounted = lostCounted.addingReportingOverflow(count).partialValue
        } else {
            lostUncounted += 1
        }
        lost.append(record)
    }

    enum Moment {
        /// Before each pCPU's first record.
        case beforeTheFirst
        case anyTime
    }

    /// Counts losses that no pCPU can be named for; each pCPU of the trace is tainted at the end.
    func takeLostAnywhere(count: UInt64?, when moment: Moment = .anyTime, because reason: String) {
        if let count {
            lostCounted = lostCounted.addingReportingOverflow(count).partialValue
        } else {
            lostUncounted += 1
        }
        if unplacedLosses.count < 4096 { unplacedLosses.append((count, moment, reason)) }
    }

    func countOther(_ name: String, _ records: UInt64 = 1) { others.add(name, records) }
    func countNotUnderstood(_ kind: String, _ records: UInt64 = 1) { notUnderstood.add(kind, records) }

    func note(_ text: String) {
        guard notes.count < 256, !notes.contains(text) else { return }
        notes.append(text)
    }

    func noteDamage(_ found: ImportDamage) {
        if damage.contains(found) { return }
        if damage.count < Self.listedDamage { damage.append(found) } else { damageUnlisted += 1 }
    }

    /// Damage behind which nothing more is read: recorders write the rings of the CPUs in turns, so the others may lack what they
    /// did up to the last time seen.
    func noteCut(at offset: UInt64, _ reason: String) {
        noteDamage(at: offset, reason)
        isCutShort = true
    }

    func noteDamage(at offset: UInt64, _ reason: String) { noteDamage(ImportDamage(offset: offset, reason: reason)) }

    /// Remembers a thread's name; later names win, as after an exec.
    func thread(tid: Int32, pid: Int32, comm: String) {
        guard !hasThreadList, tid >= 0, threads[tid] != nil || threads.count < Self.threadLimit else { return }
        threads[tid] = .init(tid: tid, pid: pid, comm: comm, vcpu: Self.vcpu(ofComm: comm))
    }

    /// Takes over the metadata of an exported trace, whose list of threads is complete.
    func adopt(_ metadata: TraceMetadata, threads listed: [TraceMetadata.ThreadIdentity]) {
        self.metadata = metadata
        for thread in listed where threads.count < Self.threadLimit { threads[thread.tid] = thread }
        hasThreadList = true
    }

    func hasThread(_ tid: Int32) -> Bool { threads[tid] != nil }

    /// QEMU with `-name debug-threads=on` and libvirt name a vCPU's thread `CPU 3/KVM`.
    private static func vcpu(ofComm comm: String) -> Int? {
        guard comm.hasPrefix("CPU "), comm.hasSuffix("/KVM") else { return nil }
        return Int(comm.dropFirst(4).dropLast(4))
    }

    // MARK: The end

    /// Hands on what waits and sums up.
    func finish() throws -> ImportSummary {
        for loss in unplacedLosses {
            let sole = firstTimes.count == 1 ? loss.count : nil
            for (pcpu, first) in firstTimes.sorted(by: { $0.key < $1.key }) {
                let (earliest, latest) = loss.moment == .anyTime ? span ?? (first, first) : (first, first)
                lost.append(LostRecords(pcpu: pcpu, kind: nil, count: sole, earliest: earliest, latest: latest))
            }
            note(loss.reason)
        }
        if isCutShort, let span {
            for pcpu in firstTimes.keys.sorted() {
                takeLost(
                    LostRecords(
                        pcpu: pcpu, kind: nil, count: nil, earliest: lastTimes[Int(pcpu)], latest: span.last))
            }
        }
        let seen = taken.reduce(filtered, +) + others.total + notUnderstood.total
        if seen == 0, let first = damage.first { throw ImportError.nothingKept(path: path, damage: first) }
        let port = try opened()
        try reorderer.flushAll { try handOn($0, to: port) }
        try handOnLost(to: port)
        if reorderer.late > 0 {
            note(
                "\(reorderer.late) records came later than the sorting window holds; their times were moved up by at most "
                    + "\(reorderer.largestDelay) ns")
        }
        var summary = ImportSummary(form: form)
        summary.taken = EventKind.allCases.compactMap {
            let count = taken[Int($0.rawValue)]
            return count == 0 ? nil : .init(name: $0.qualifiedName, records: count)
        }
        summary.others = others.sorted
        summary.notUnderstood = notUnderstood.sorted
        summary.filtered = filtered
        summary.lost = lostCounted
        summary.lostUncounted = lostUncounted
        summary.notes = notes
        summary.damage = damage
        summary.damageUnlisted = damageUnlisted
        return summary
    }

    /// The metadata with what readers told one by one.
    var finalMetadata: TraceMetadata {
        var result = metadata
        result.threads = threads.values.sorted { $0.tid < $1.tid }
        for found in damage { result.blindSpots.append("The input is \(found).") }
        if selection == .pmuOnly {
            for kind in [EventKind.kvmMSR, .writeMSR, .readMSR] {
                result.filters[kind.qualifiedName] = "registers of the PMU"
            }
        }
        return result
    }

    private func opened() throws -> Port {
        if let port { return port }
        let port = try open(finalMetadata)
        self.port = port
        return port
    }

    private func handOn(_ events: UnsafeBufferPointer<TraceEvent>, to port: Port) throws {
        try handOnLost(to: port)
        while sinkComm.count < commNames.count { sinkComm.append(try port.comm(commNames[sinkComm.count])) }
        guard taken[Int(EventKind.schedSwitch.rawValue)] > 0 else { return try port.events(events) }
        // Comm indexes are the collector's until here.
        try withUnsafeTemporaryAllocation(of: TraceEvent.self, capacity: min(events.count, 4096)) { batch in
            var start = 0
            while start < events.count {
                let count = min(batch.count, events.count - start)
                for index in 0..<count {
                    var event = events[start + index]
                    if event.kind == .schedSwitch {
                        event.value2 = UInt64(sinkIndex(event.prevComm)) | UInt64(sinkIndex(event.nextComm)) << 32
                    }
                    batch.initializeElement(at: index, to: event)
                }
                try port.events(UnsafeBufferPointer(rebasing: batch[0..<count]))
                start += count
            }
        }
    }

    private func sinkIndex(_ comm: UInt32) -> UInt32 { comm == Self.noComm ? comm : sinkComm[Int(comm)] }

    private func handOnLost(to port: Port) throws {
        while lostHandedOn < lost.count {
            try port.lost(lost[lostHandedOn])
            lostHandedOn += 1
        }
    }
}
