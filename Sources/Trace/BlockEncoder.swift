/// A block, ready but for its place in the file.
struct EncodedBlock {
    var header: BlockHeader
    var payload: [UInt8]
    var summary: TraceSummary
}

/// Turns events of one pCPU into a block.
///
/// What comes out depends on the events and the level alone, never on blocks encoded before, so blocks may be encoded
/// on any thread, each with an encoder of its own. The object only keeps scratch memory.
final class BlockEncoder {
    private let level: TraceLevel
    private let compressor: ZstdCompressor
    private let table = TokenTable()
    /// What the next four share.
    private let words: UnsafeMutablePointer<UInt64>
    private let tokens: UnsafeMutablePointer<UInt8>
    private let deltas: UnsafeMutablePointer<UInt64>
    private let residuals: UnsafeMutablePointer<UInt64>
    /// The expected delta of each token.
    private let expected: UnsafeMutablePointer<UInt64>
    private let samples: UnsafeMutablePointer<UInt64>
    private let counters: UnsafeMutablePointer<UInt64>
    /// Counts of 64 threads that are not in the summary yet.
    private let recent: UnsafeMutablePointer<RecentUse>
    private var directory = ByteWriter()
    private var bits = PackedBits()
    private var wide = WideColumns()

    init(level: TraceLevel) {
        self.level = level
        compressor = ZstdCompressor(level: level)
        let most = BlockHeader.mostEvents
        words = LargeMemory.allocate(UInt64.self, 3 * most + most / 8)
        (deltas, residuals, counters) = (words, words + most, words + 2 * most)
        tokens = UnsafeMutableRawPointer(words + 3 * most).bindMemory(to: UInt8.self, capacity: most)
        expected = .allocate(capacity: 256)
        samples = .allocate(capacity: TimeColumn.sampleRoom)
        recent = .allocate(capacity: 64)
        recent.initialize(repeating: RecentUse(), count: 64)
    }

    deinit {
        words.deallocate()
        expected.deallocate()
        samples.deallocate()
        recent.deallocate()
    }

    /// Encodes 1 to `BlockHeader.mostEvents` events, all of the same pCPU. `previous`: the latest time before them
    /// there.
    func encode(_ events: UnsafeBufferPointer<TraceEvent>, previous: UInt64) -> EncodedBlock {
        precondition(!events.isEmpty && events.count <= BlockHeader.mostEvents)
        directory.removeAll()
        bits.removeAll()
        wide.removeAll()
        var header = BlockHeader()
        header.pcpu = events[0].pcpu
        header.events = UInt32(events.count)
        header.base = events[0].time
        var summary = TraceSummary()

        table.prepare(events)
        let runs = walk(events, previous: previous, header: &header, summary: &summary)

        let entries = table.entries
        directory.append(varint: UInt64(entries.count))
        for entry in entries { entry.encode(into: &directory) }
        directory.append(varint: UInt64(runs.count))
        for run in runs {
            directory.append(varint: UInt64(UInt32(bitPattern: run.pid)))
            directory.append(varint: UInt64(run.length))
        }
        let times = encodeTimes(events.count, entries: entries.count)

        var payload: [UInt8] = []
        payload.reserveCapacity(bits.bytes.count + events.count * 3)
        let literals = CounterColumn(
            .init(start: counters, count: counterCount), level: level, directory: &directory)
        put(.directory, directory.bytes, &header, &payload)
        put(.tokens, UnsafeRawBufferPointer(start: tokens, count: events.count), &header, &payload)
        switch times {
        case .frames(let coding): putRaw(.timeBits, bits.bytes, coding: coding, &header, &payload)
        case .planes(let planes): put(.timeBits, pieces: planes, coding: TimeColumn.residualPlanes, &header, &payload)
        }
        if literals.lowCoding & CounterColumn.lowPlanes != 0 {
            put(.counterLow, pieces: literals.low, coding: literals.lowCoding, &header, &payload)
        } else {
            for low in literals.low { putRaw(.counterLow, low, coding: literals.lowCoding, &header, &payload) }
        }
        put(.counterHigh, pieces: literals.high, coding: literals.highCoding, &header, &payload)
        put(.wide, pieces: wide.transposed(), coding: 0, &header, &payload)
        return EncodedBlock(header: header, payload: payload, summary: summary)
    }

    private enum Times {
        /// In `bits`, with the runs' headers in `directory`.
        case frames(coding: UInt8)
        case planes([[UInt8]])
    }

    /// Encodes `deltas`, of which `directory` gets its share.
    private func encodeTimes(_ count: Int, entries: Int) -> Times {
        let plain = UnsafeBufferPointer(start: deltas, count: count)
        TimeColumn.expected(plain, tokens: tokens, taken: samples, into: expected)
        for i in 0..<count { residuals[i] = TimeColumn.residual(deltas[i], expected[Int(tokens[i])]) }
        let off = UnsafeBufferPointer(start: residuals, count: count)
        if level == .archive {
            let (plainSize, offSize) = (TimeColumn.size(plain), TimeColumn.size(off))
            let planes = TimeColumn.planes(off)
            var trial: [UInt8] = []
            if compressor.append(pieces: planes, to: &trial) < min(plainSize, offSize) {
                appendExpected(entries)
                return .planes(planes)
            }
        }
        guard TimeColumn.prefersResiduals(plain, off) else {
            TimeColumn.encodeFrames(plain, header: &directory, bits: &bits)
            return .frames(coding: TimeColumn.plainFrames)
        }
        appendExpected(entries)
        TimeColumn.encodeFrames(off, header: &directory, bits: &bits)
        return .frames(coding: TimeColumn.residualFrames)
    }

    private func appendExpected(_ entries: Int) {
        for token in 0..<entries { directory.append(varint: expected[token]) }
        directory.append(varint: expected[Int(TokenEntry.escapeToken)])
    }

    private struct Run {
        var pid: Int32
        var length: Int
    }

    private var counterCount = 0

    /// One pass over the events: tokens, time deltas, stored fields, runs of threads, and what is counted of them.
    private func walk(
        _ events: UnsafeBufferPointer<TraceEvent>, previous: UInt64, header: inout BlockHeader,
        summary: inout TraceSummary
    ) -> [Run] {
        let (table, tokens, deltas, counters, fields) = (table, tokens, deltas, counters, table.fields)
        let start = events.baseAddress!
        var runs: [Run] = []
        var runPID = start.pointee.pid
        var runStart = 0
        var use = TraceSummary.ThreadUse()
        var time = start.pointee.time
        var first = time
        var last = time
        var disordered = time < previous
        var counterAt = 0
        var histogram: InlineArray<256, UInt32> = .init(repeating: 0)

        for i in 0..<events.count {
            let event = start + i
            if event.pointee.pid != runPID {
                runs.append(Run(pid: runPID, length: i &- runStart))
                count(use, of: runPID, header: &header, summary: &summary)
                use = .init()
                runPID = event.pointee.pid
                runStart = i
            }
            let now = event.pointee.time
            if now < time { disordered = true }
            deltas[i] = now &- time
            time = now
            first = min(first, now)
            last = max(last, now)
            let kind = event.pointee.kind
            if kind.isKVM { use.add(kind, vcpu: event.pointee.a) }

            let token = table.token(of: event)
            tokens[i] = UInt8(truncatingIfNeeded: token)
            histogram[token] &+= 1
            let stored = fields[token]
            if stored == .counter {
                counters[counterAt] = event.pointee.value
                counterAt &+= 1
            } else if !stored.isEmpty {
                wide.append(event.pointee, stored)
                if token == Int(TokenEntry.escapeToken) {
                    count(event.pointee, header: &header, summary: &summary)
                }
            }
        }
        runs.append(Run(pid: runPID, length: events.count - runStart))
        count(use, of: runPID, header: &header, summary: &summary)
        for slot in 0..<64 { flush(recent + slot, into: &summary) }
        counterCount = counterAt
        header.first = first
        header.last = last
        if disordered { header.flags.insert(.disordered) }
        for (token, entry) in table.entries.enumerated() {
            count(entry, UInt64(histogram[token]), header: &header, summary: &summary)
        }
        return runs
    }

    private func count(
        _ use: TraceSummary.ThreadUse, of pid: Int32, header: inout BlockHeader, summary: inout TraceSummary
    ) {
        guard use.accesses | use.transitions != 0 else { return }
        header.vcpuThreads |= BlockHeader.threadBit(pid)
        // The same few threads take turns: most runs find theirs here and need no look into the dictionary.
        let slot = recent + Int(truncatingIfNeeded: UInt32(bitPattern: pid) % 64)
        if slot.pointee.pid != pid {
            flush(slot, into: &summary)
            slot.pointee.pid = pid
        }
        slot.pointee.use.add(use)
    }

    private struct RecentUse {
        var pid: Int32 = 0
        var use = TraceSummary.ThreadUse()
    }

    private func flush(_ slot: UnsafeMutablePointer<RecentUse>, into summary: inout TraceSummary) {
        guard slot.pointee.use.accesses | slot.pointee.use.transitions != 0 else { return }
        summary.add(slot.pointee.use, of: slot.pointee.pid)
        slot.pointee.use = .init()
    }

    private func count(_ entry: TokenEntry, _ n: UInt64, header: inout BlockHeader, summary: inout TraceSummary) {
        let template = entry.template
        header.kinds[Int(template.kind.rawValue)] &+= UInt32(n)
        summary.add(n, of: template.kind)
        guard template.kind == .kvmMSR else { return }
        summary.add(
            n, of: .init(register: template.register, write: template.isWrite, exception: template.raisedException))
    }

    private func count(_ event: TraceEvent, header: inout BlockHeader, summary: inout TraceSummary) {
        count(TokenEntry(template: event, fields: []), 1, header: &header, summary: &summary)
    }

    private func put(
        _ group: BlockHeader.Group, _ bytes: [UInt8], coding: UInt8 = 0, _ header: inout BlockHeader,
        _ payload: inout [UInt8]
    ) {
        bytes.withUnsafeBytes { put(group, $0, coding: coding, &header, &payload) }
    }

    private func put(
        _ group: BlockHeader.Group, _ bytes: UnsafeRawBufferPointer, coding: UInt8 = 0, _ header: inout BlockHeader,
        _ payload: inout [UInt8]
    ) {
        header.groups[group.rawValue].coding = coding
        guard !bytes.isEmpty else { return }
        let size = compressor.append(bytes, to: &payload)
        header.groups[group.rawValue] = .init(
            coding: coding, compressed: UInt32(size), decompressed: UInt32(bytes.count))
    }

    private func put(
        _ group: BlockHeader.Group, pieces: [[UInt8]], coding: UInt8, _ header: inout BlockHeader,
        _ payload: inout [UInt8]
    ) {
        let pieces = pieces.filter { !$0.isEmpty }
        header.groups[group.rawValue].coding = coding
        guard !pieces.isEmpty else { return }
        let size = compressor.append(pieces: pieces, to: &payload)
        header.groups[group.rawValue] = .init(
            coding: coding, compressed: UInt32(size), decompressed: UInt32(pieces.reduce(0) { $0 + $1.count }))
    }

    private func putRaw(
        _ group: BlockHeader.Group, _ bytes: [UInt8], coding: UInt8 = 0, _ header: inout BlockHeader,
        _ payload: inout [UInt8]
    ) {
        header.groups[group.rawValue].coding = coding
        guard !bytes.isEmpty else { return }
        let size = bytes.withUnsafeBytes { RawFrame.append($0, to: &payload) }
        header.groups[group.rawValue] = .init(
            coding: coding, compressed: UInt32(size), decompressed: UInt32(bytes.count))
    }
}
