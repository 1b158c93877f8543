import Trace

/// Reads the text of `perf script`, of ftrace's `trace` and of `trace-cmd report`, also as people paste it into mails.
///
/// A row that a mailer wrapped is put together again: a line that is no row of its own may belong to the row before it.
/// So each row is held until the next line is known.
final class TextReader {
    let collector: ImportCollector
    private let path: String
    private var lines: LineReader
    private var body = TextBody()

    /// The row that waits for the next line.
    private var held: [UInt8] = []
    private var isHolding = false
    private var heldOffset: UInt64 = 0
    private var joins = 0
    /// The held line is the part of a row before its time.
    private var heldIsBeginning = false
    private static let joinLimit = 3

    var lastTime: [UInt16: UInt64] = [:]
    var pendingLoss: [UInt16: UInt64?] = [:]
    private var lastThread: Int32 = .min
    private var lastProcess: (tid: Int32, pid: Int32) = (-1, -1)
    private var threadsSeen: Set<Int32> = []
    var ordinal: UInt64 = 0
    var withoutTime: UInt64 = 0
    var withoutCPU: UInt64 = 0
    var withoutThread: UInt64 = 0
    var rawTimes = false
    var tracerOf = (perf: UInt64(0), ftrace: UInt64(0))
    var isTraceCmd = false
    var isFtrace = false
    var backwards: UInt64 = 0
    private(set) var times = RowTimes()
    var unnamed: UInt64 = 0
    /// Something in the text is a tracer's.
    private(set) var isRecording = false
    private var lineCount: UInt64 = 0

    init(_ file: ImportInput, into collector: ImportCollector, from start: UInt64 = 0) {
        self.collector = collector
        path = file.name
        lines = LineReader(file, from: start, limit: MetadataLine.lengthLimit)
    }

    /// - Throws: `ImportError.nothingUnderstood` where no line of a whole file is any tracer's.
    func readFile() throws {
        try read()
        if !isRecording { throw ImportError.nothingUnderstood(path: path, lines: lineCount) }
    }

    func read() throws {
        while let line = try lines.next() {
            lineCount += 1
            switch line {
            case .tooLong(let offset):
                try release()
                collector.noteDamage(at: offset, "a line of more than \(MetadataLine.lengthLimit) bytes is passed over")
            case .text(let bytes, let offset, let isTerminated):
                if bytes.contains(0) {
                    try release()
                    collector.noteDamage(at: offset, "a line holds binary data")
                    continue
                }
                try take(bytes, at: offset)
                if !isTerminated {
                    collector.note("the last line, at byte \(offset), has no line end: it may be cut off")
                }
            }
        }
        try release()
        for row in times.finish() { try row.withUnsafeBytes { try settle($0) } }
        finish()
    }

    // MARK: Lines

    private func take(_ line: UnsafeRawBufferPointer, at offset: UInt64) throws {
        let text = line.withoutQuoting.trimmed
        if text.isEmpty { return try release() }
        if text[0] == 0x23, !isHolding || text.count > 4 {  // #, but not a lone "#GP"
            try release()
            return takeComment(text)
        }
        if let row = TextRow(line) {
            // The second half of a row that was broken before its time.
            if isHolding, heldIsBeginning, row.cpu == nil, row.tid == nil, try join(text) { return }
            try release()
            return hold(line, at: offset)
        }
        if takesAsLoss(text) {
            try release()
            return hold(line, at: offset)
        }
        if isBeginning(text), !isHolding || !held.withUnsafeBytes({ isIncomplete($0) }) {
            try release()
            hold(line, at: offset)
            heldIsBeginning = true
            return
        }
        // A whole row that names no event belongs to the one before only where that lacks its text.
        let guess = TextRow.unnamed(line)?.guess
        let mayJoin = guess == nil || held.withUnsafeBytes { isIncomplete($0) }
        if isHolding, joins < Self.joinLimit, text.count <= 4096, mayJoin, try join(text) { return }
        try release()
        if bareRow(line) != nil { return hold(line, at: offset) }
        switch guess {
        case .kind, .hostAccess: hold(line, at: offset)
        case nil where TextRow.bareTime(line) != nil: hold(line, at: offset)
        case nil: takeOther(text)
        }
    }

    private func hold(_ line: UnsafeRawBufferPointer, at offset: UInt64) {
        held.removeAll(keepingCapacity: true)
        held.append(contentsOf: line)
        isHolding = true
        heldOffset = offset
        joins = 0
        heldIsBeginning = false
    }

    private func isIncomplete(_ line: UnsafeRawBufferPointer) -> Bool {
        if case .incomplete = parse(line, .compared) { true } else { false }
    }

    /// Puts a line behind the held row if that makes the row complete, or tells more than before.
    private func join(_ text: UnsafeRawBufferPointer) throws -> Bool {
        var joined = held
        joined.append(0x20)
        joined.append(contentsOf: text)
        guard joined.count <= LineReader.lengthLimit else { return false }
        let before = held.withUnsafeBytes { parse($0, .compared) }
        let after = joined.withUnsafeBytes { parse($0, .compared) }
        let isBetter: Bool
        switch (before, after) {
        case (.event(let old), .event(let new)): isBetter = old != new
        case (_, .event), (.none, .incomplete), (.none, .other): isBetter = true
        case (.incomplete, .incomplete): isBetter = true
        default: isBetter = false
        }
        guard isBetter else { return false }
        held = joined
        heldIsBeginning = false
        joins += 1
        return true
    }

    /// `g2-13091 [001] d..2.` or `g2 310 [001]` without a time: the beginning of a wrapped row.
    private func isBeginning(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let open = text.lastIndex(of: 0x5b), open > 2 else { return false }
        var cursor = TextCursor(text, at: open + 1)
        guard cursor.decimal() != nil, cursor.skip("]") else { return false }
        cursor.skipBlanks()
        let rest = text.count - cursor.position
        return rest <= 8 && !text[cursor.position...].contains(0x20) && text[open - 1] == 0x20
    }

    // MARK: Rows

    enum Parsed: Equatable {
        case none
        /// A row of ours whose text is not complete.
        case incomplete(EventKind)
        case event(TraceEvent)
        case other(String)
        case lost(cpu: UInt16, count: UInt64?, time: UInt64?)
    }

    /// A row without context: of one of our tracepoints, or of any where the text's head says that ftrace wrote it.
    private func bareRow(_ line: UnsafeRawBufferPointer) -> TextRow? {
        guard let row = TextRow(bare: line), isFtrace || EventKind(text: row.event) != nil else { return nil }
        return row
    }

    /// The row that a line is: a host's access that does not name its event is none.
    private func namedOrGuessed(_ line: UnsafeRawBufferPointer) -> TextRow? {
        if let row = TextRow(line) ?? bareRow(line) { return row }
        guard let (row, guess) = TextRow.unnamed(line), case .kind = guess else { return nil }
        return row
    }

    /// What becomes of the names of threads in a row.
    private enum Names {
        /// The collector keeps them, for the event is taken.
        case kept
        /// They are told apart, and nothing of them is kept: the line may turn out to be none.
        case compared
    }

    /// Reads a line without taking it: the context's comm and thread are taken in `release`.
    private func parse(_ line: UnsafeRawBufferPointer, _ names: Names) -> Parsed {
        guard let row = namedOrGuessed(line) else { return parseLoss(line.withoutQuoting.trimmed) }
        let system = row.system?.string
        guard let kind = row.guessed ?? EventKind(text: row.event), system == nil || system == kind.system else {
            return .other(system.map { "\($0):\(row.event.string)" } ?? row.event.string)
        }
        var event = TraceEvent(
            time: 0, pcpu: row.cpu ?? 0, pid: row.tid ?? 0, kind: kind, flags: row.flags)
        switch row.time {
        case .nanoseconds(let time), .raw(let time): event.time = time
        case nil: break
        }
        let isComplete = body.read(row.body, into: &event) {
            names == .kept ? collector.comm($0.string) : $0.fingerprint
        }
        return isComplete ? .event(event) : .incomplete(kind)
    }

    /// Takes the held row, which no further line belongs to.
    private func release() throws {
        guard isHolding else { return }
        isHolding = false
        if times.meaning == .moments { return try held.withUnsafeBytes { try settle($0) } }
        let read = held.withUnsafeBytes { bytes -> (time: UInt64?, isPerf: Bool) in
            guard let row = namedOrGuessed(bytes) else { return (TextRow.bareTime(bytes), true) }
            guard case .nanoseconds(let time)? = row.time else { return (nil, false) }
            return (time, row.system != nil || row.guessed != nil)
        }
        let due = times.meaning == .unknown ? times.ask(held, time: read.time, isPerf: read.isPerf) : [held]
        for row in due { try row.withUnsafeBytes { try settle($0) } }
    }

    private func settle(_ line: UnsafeRawBufferPointer) throws {
        let row = namedOrGuessed(line)
        var moment: UInt64?
        if times.meaning == .differences {
            if case .nanoseconds(let difference)? = row?.time {
                moment = times.moment(after: difference)
            } else if row == nil, let difference = TextRow.bareTime(line) {
                moment = times.moment(after: difference)
            }
        }
        switch parse(line, .kept) {
        case .none where TextRow.unnamed(line)?.guess == .hostAccess:
            isRecording = true
            collector.countNotUnderstood(
                "rows that do not say whether they are of write_msr, read_msr or rdpmc (perf script needs -F +event)")
        case .none: takeOther(line.withoutQuoting.trimmed)
        case .incomplete(let kind):
            isRecording = true
            collector.countNotUnderstood("rows of \(kind.tracepoint) that are not complete")
        case .other(let name):
            if let row, row.time != nil || row.namesTracepoint { isRecording = true }
            collector.countOther(name)
            if name == "PERF_RECORD_COMM" { takeTaskRecord(line) }
        case .lost(let cpu, let count, let time):
            isRecording = true
            takeLost(cpu, count, times.meaning == .differences ? moment : time)
        case .event(var event):
            if let moment { event.time = moment }
            isRecording = true
            try take(event, row: row!)
        }
    }

    private func take(_ parsed: TraceEvent, row: TextRow) throws {
        var event = parsed
        if row.guessed != nil { unnamed += 1 }
        if row.system != nil || row.guessed != nil { tracerOf.perf += 1 } else { tracerOf.ftrace += 1 }
        switch row.time {
        case .nanoseconds: break
        case .raw: rawTimes = true
        case nil:
            withoutTime += 1
            ordinal += 1
            event.time = ordinal
        }
        if row.cpu == nil { withoutCPU += 1 }
        if row.tid == nil, event.kind != .schedSwitch { withoutThread += 1 }
        if let tid = row.tid, tid != lastThread, let comm = row.comm { nameThread(tid, comm) }
        if let tid = row.tid, let pid = row.pid, lastProcess != (tid, pid) {
            lastProcess = (tid, pid)
            collector.threads.process(of: tid, is: pid)
        }
        if let last = lastTime[event.pcpu], event.time < last { backwards += 1 }
        if let loss = pendingLoss.removeValue(forKey: event.pcpu) {
            let earliest = min(lastTime[event.pcpu] ?? event.time, event.time)
            collector.takeLost(
                LostRecords(pcpu: event.pcpu, kind: nil, count: loss, earliest: earliest, latest: event.time))
        }
        lastTime[event.pcpu] = event.time
        try collector.take(event)
    }

    /// The first name of a thread is kept: later ones come with `sched_switch`, and a thread that begins without one is
    /// named there.
    private func nameThread(_ tid: Int32, _ comm: UnsafeRawBufferPointer) {
        lastThread = tid
        guard threadsSeen.count < 1 << 20, threadsSeen.insert(tid).inserted else { return }
        if comm.equals("<...>") || comm[0] == 0x3a { return }
        collector.threads.name(tid, comm.equals("<idle>") ? "swapper" : comm.string)
    }

    // MARK: Everything else

    private func takeComment(_ text: UnsafeRawBufferPointer) {
        var cursor = TextCursor(text)
        if cursor.skip("# tracer:") {
            isFtrace = true
            isRecording = true
        }
        if cursor.skip("# entries-in-buffer/entries-written:") {
            isFtrace = true
            isRecording = true
            cursor.skipBlanks()
            if let kept = cursor.decimal(), cursor.skip("/"), let written = cursor.decimal(), written > kept {
                collector.takeLostAnywhere(
                    count: written - kept, when: .beforeTheFirst,
                    because:
                        "\(written - kept) records were overwritten before the text was taken, on CPUs it does not name"
                )
            }
        }
        if text.starts(with: "# lost "), DumpedLoss.take(text, into: collector) {
            isRecording = true
            return
        }
        if text.starts(with: "# vpmu metadata : ") {
            isRecording = true
            if !MetadataLine.take(text.slice(18..<text.count), into: collector) {
                collector.note("the metadata line cannot be read")
            }
            return
        }
        if text.starts(with: "#####") { return collector.countNotUnderstood("notes that a CPU's buffer starts") }
        if takeHeader(text) { isRecording = true }
    }

    private func takeOther(_ text: UnsafeRawBufferPointer) {
        if text.starts(with: "cpus=") || text.starts(with: "version = ") {
            isTraceCmd = true
            if isCPUCount(text) { isRecording = true }
            return
        }
        if text.starts(with: "CPU "), text.find(" is empty") != nil {
            isRecording = true
            return
        }
        if text.starts(with: "=>") || isCallChain(text) { return collector.countNotUnderstood("lines of call chains") }
        if isHistogram(text) {
            if isHistogramOfOurs(text) { isRecording = true }
            return collector.countNotUnderstood("rows of a histogram, which have no times")
        }
        if text.find("PERF_RECORD_") != nil {
            takeTaskRecord(text)
            return collector.countNotUnderstood("perf's own records")
        }
        collector.countNotUnderstood("other lines")
    }
}

extension EventKind {
    /// By the name in a text, without making a string of it; ftrace calls the entry of a system call by the call's
    /// name.
    fileprivate init?(text: UnsafeRawBufferPointer) {
        if text.equals("sys_perf_event_open") {
            self = .perfEventOpen
            return
        }
        for kind in EventKind.allCases where text.count == kind.tracepoint.utf8.count {
            if text.elementsEqual(kind.tracepoint.utf8) {
                self = kind
                return
            }
        }
        return nil
    }
}
