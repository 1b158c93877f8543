import Trace

/// Takes what a reader finds: sorts, counts, filters, and opens the sink when the first record must leave.
///
/// The sink is opened as late as memory allows, so that the metadata of a small input is complete by then (threads and
/// hosts are named all over a perf.data file).
final class ImportCollector {
    private static let listedDamage = 64

    var metadata: TraceMetadata
    var form: String
    private(set) var others = NameTally()
    private(set) var notUnderstood = NameTally()
    private(set) var notes: [String] = []
    private(set) var damage: [ImportDamage] = []
    private var damageUnlisted: UInt64 = 0
    private var taken = [UInt64](repeating: 0, count: EventKind.allCases.count)
    private var filtered: UInt64 = 0
    private var losses = LossLedger()
    private var reorderer: Reorderer
    private let selection: ImportOptions.Selection
    /// By kind, whether its records are wanted.
    private let isWanted: [Bool]
    private let open: (TraceMetadata) throws -> SinkPort
    private var port: SinkPort?
    private var names = ThreadNames()
    /// Who the input says its threads are.
    var threads = KnownThreads()
    /// First and last time of each pCPU's records, for the losses that name none.
    private(set) var span: (first: UInt64, last: UInt64)?
    /// The time of each pCPU's first record to come.
    private(set) var firstTimes: [UInt16: UInt64] = [:]
    private var lastPCPU: Int32 = -1
    /// By pCPU, the latest time so far.
    private var lastTimes = ContiguousArray<UInt64>()
    /// The input stops before the recording did: what the CPUs did up to its last record is not all there.
    private(set) var isCutShort = false

    private let path: String

    init(
        path: String, form: String, options: ImportOptions, metadata: TraceMetadata,
        open: @escaping (TraceMetadata) throws -> SinkPort
    ) {
        self.path = path
        self.form = form
        self.metadata = metadata
        self.open = open
        selection = options.selection
        isWanted = EventKind.allCases.map { kind in
            !kind.isOptional || options.optional.contains { $0.kinds.contains(kind) }
        }
        reorderer = Reorderer(capacity: options.reorderCapacity)
    }

    // MARK: What readers call

    /// Takes one record. The comm indexes of a `sched_switch` are those of `comm(_:)`, or `ThreadNames.none`.
    func take(_ event: TraceEvent) throws {
        if event.kind.isOptional, !isWanted[Int(event.kind.rawValue)] { return countOther(event.kind.qualifiedName) }
        if selection == .pmuOnly {
            switch event.kind {
            case .kvmMSR, .writeMSR, .readMSR:
                guard PMURegisters.contains(event.register) else {
                    filtered += 1
                    return
                }
            default: break
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
    func comm(_ name: String) -> UInt32 { names.index(name) }

    func takeLost(_ record: LostRecords) { losses.take(record) }

    /// Counts losses that no pCPU can be named for; each pCPU of the trace is tainted at the end.
    func takeLostAnywhere(count: UInt64?, when moment: LossLedger.Moment = .anyTime, because reason: String) {
        losses.takeAnywhere(count, when: moment)
        note(reason)
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

    /// Damage behind which nothing more is read: recorders write the rings of the CPUs in turns, so the others may lack
    /// what they did up to the last time seen.
    func noteCut(at offset: UInt64, _ reason: String) {
        noteDamage(at: offset, reason)
        isCutShort = true
    }

    func noteDamage(at offset: UInt64, _ reason: String) { noteDamage(ImportDamage(offset: offset, reason: reason)) }

    /// Takes over the metadata of an exported trace, whose list of threads is complete.
    func adopt(_ metadata: TraceMetadata, threads listed: [TraceMetadata.ThreadIdentity]) {
        self.metadata = metadata
        threads.adopt(listed)
    }

    // MARK: The end

    /// Hands on what waits and sums up.
    func finish() throws -> ImportSummary {
        losses.place(onEach: firstTimes, of: span)
        if isCutShort, let span {
            for pcpu in firstTimes.keys.sorted() {
                takeLost(
                    LostRecords(
                        pcpu: pcpu, kind: nil, count: nil, earliest: lastTimes[Int(pcpu)], latest: span.last))
            }
        }
        let seen = taken.reduce(filtered, +).addingSaturated(others.total).addingSaturated(notUnderstood.total)
        if seen == 0, let first = damage.first { throw ImportError.nothingKept(path: path, damage: first) }
        let port = try opened()
        try reorderer.flushAll { try handOn($0, to: port) }
        try losses.handAll(to: port.lost)
        for remark in [names.remark, threads.remark, losses.remark].compactMap(\.self) { note(remark) }
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
        summary.lost = losses.counted
        summary.lostUncounted = losses.uncounted
        summary.notes = notes
        summary.damage = damage
        summary.damageUnlisted = damageUnlisted
        return summary
    }

    /// The metadata with what readers told one by one.
    var finalMetadata: TraceMetadata {
        var result = metadata
        result.threads = threads.list
        for found in damage { result.blindSpots.append("The input is \(found).") }
        if selection == .pmuOnly {
            for kind in [EventKind.kvmMSR, .writeMSR, .readMSR] {
                result.filters[kind.qualifiedName] = "registers of the PMU"
            }
        }
        return result
    }

    private func opened() throws -> SinkPort {
        if let port { return port }
        let port = try open(finalMetadata)
        self.port = port
        return port
    }

    private func handOn(_ events: UnsafeBufferPointer<TraceEvent>, to port: SinkPort) throws {
        try losses.hand(to: port.lost)
        try names.hand(to: port.comm)
        guard EventKind.allCases.contains(where: { $0.namesThreads && taken[Int($0.rawValue)] > 0 }) else {
            return try port.events(events)
        }
        // Comm indexes are the collector's until here.
        try withUnsafeTemporaryAllocation(of: TraceEvent.self, capacity: min(events.count, 4096)) { batch in
            var start = 0
            while start < events.count {
                let count = min(batch.count, events.count - start)
                for index in 0..<count {
                    var event = events[start + index]
                    event.renumberComms { names.sinkIndex($0) }
                    batch.initializeElement(at: index, to: event)
                }
                try port.events(UnsafeBufferPointer(rebasing: batch[0..<count]))
                start += count
            }
        }
    }
}
