import Trace

/// One row of a tracer's text, divided into its columns.
///
/// All tracers print the columns in this order; which of them are there depends on the tracer and its options:
///
///     perf script       comm  tid | pid/tid  [cpu]  misc  time:  period  system:event:  text
///     perf script -L    comm  tid  cpu  time:  system:event:  text
///     ftrace trace      comm-tid  (tgid)  [cpu]  flags  time:  event:  text
///     trace-cmd report  instance:  comm-tid  [cpu]  flags  time:  (+difference)  event:  text
///     latency format    comm-tid  cpu+flags  time:  event:  text
///     ftrace's calls    comm-tid  (tgid)  [cpu]  flags  time:  call(arguments)
///
/// A comm may hold blanks, colons and brackets, so the row is read from the event's name backwards.
struct TextRow {
    var comm: UnsafeRawBufferPointer?
    var tid: Int32?
    /// The thread's process, where the row tells it: perf's `pid/tid`, ftrace's `(tgid)`.
    var pid: Int32?
    var cpu: UInt16?
    var flags: UInt8 = 0
    var time: Time?
    /// Without the system.
    var event: UnsafeRawBufferPointer
    /// Where the tracer prints it (perf).
    var system: UnsafeRawBufferPointer?
    /// What follows the event's colon, without blanks around it.
    var body: UnsafeRawBufferPointer
    /// What the event is by its text, where the row does not name it.
    var guessed: EventKind?

    enum Time: Equatable {
        case nanoseconds(UInt64)
        /// A number without a point: counts of a clock that ftrace does not take for nanoseconds.
        case raw(UInt64)
    }

    /// Whether system and event are spelled as the kernel spells a tracepoint's: prose and compilers put colons into
    /// words too.
    var namesTracepoint: Bool {
        guard let system else { return false }
        return [system, event].allSatisfy { word in
            word.first?.isDigit == false
                && word.allSatisfy { $0.isDigit || $0 == 0x5f || (0x61...0x7a).contains($0 | 0x20) }
        }
    }

    /// - Returns: nil where the line is no row.
    init?(_ line: UnsafeRawBufferPointer) {
        let line = line.withoutQuoting
        var at = 0
        var withoutTime: TextRow?
        var steps = 0
        // The first name before which stands a whole context with a time; a comm may look like a name.
        while let name = line.nextName(from: &at), steps < 64 {
            steps += 1
            let context = line.slice(0..<name.start)
            let candidate = TextRow(context: context, line: line, name: name)
            if let candidate, candidate.time != nil {
                self = candidate
                return
            }
            if withoutTime == nil, let candidate, candidate.system != nil { withoutTime = candidate }
        }
        // perf script can be asked for rows without times; its names have a system.
        guard let row = withoutTime ?? TextRow.systemCall(line) else { return nil }
        self = row
    }

    /// The context alone, for rows whose event is no name with a colon (`PERF_RECORD_LOST`).
    init?(context: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer) {
        event = UnsafeRawBufferPointer(rebasing: body[0..<0])
        self.body = body
        guard readContext(context.trimmed) else { return nil }
    }

    /// An event without any context.
    init(event: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer) {
        self.event = event
        self.body = body
    }

    private init?(context: UnsafeRawBufferPointer, line: UnsafeRawBufferPointer, name: Name) {
        event = line.slice(name.event)
        system = name.system.map { line.slice($0) }
        body = line.slice(name.end..<line.count).trimmed
        if system != nil, readPerfLatency(context) { return }
        guard readContext(context.trimmed) else { return nil }
    }

    private mutating func readContext(_ context: UnsafeRawBufferPointer) -> Bool {
        if readVerbose(context) { return true }
        var rest = context
        rest = rest.droppingDifference
        if let (time, before) = rest.trailingTime {
            self.time = time
            rest = before
        } else if let (_, before) = rest.trailingDecimal, before.last == 0x3a || before.last == 0x20,
            let (time, context) = before.trimmed.trailingTime
        {
            // A period stands between the time and the name.
            self.time = time
            rest = context
        } else if let before = readTouchingTime(rest) {
            return readThread(before)
        }
        rest = rest.trimmed
        if rest.isEmpty { return true }
        guard let before = readCPU(rest) else { return false }
        rest = before
        if rest.isEmpty { return true }
        return readThread(rest)
    }

    /// `[001] d..2.` at the end, or `1d..2.` of the latency format.
    ///
    /// - Returns: what stands before it; nil where a CPU is named that no host has.
    private mutating func readCPU(_ rest: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var close = rest.count - 1
        while close >= 0, rest[close] != 0x5d { close -= 1 }
        if close > 0 {
            let tail = rest.slice(close + 1..<rest.count).trimmed
            var open = close - 1
            while open >= 0, (0x30...0x39).contains(rest[open]) { open -= 1 }
            if open >= 0, rest[open] == 0x5b, close - open > 1, tail.count <= 12, !tail.contains(0x20) {
                var cursor = TextCursor(rest, at: open + 1)
                guard let number = cursor.decimal(), number < UInt64(UInt16.max) else { return nil }
                cpu = UInt16(number)
                flags = Self.flags(tail)
                return rest.slice(0..<open).trimmed
            }
        }
        // Latency format: the last word begins with the CPU and goes on with flags.
        let start = rest.lastWordStart
        let word = rest.slice(start..<rest.count)
        var cursor = TextCursor(word)
        if let number = cursor.decimal(), number < UInt64(UInt16.max), word.count - cursor.position >= 3,
            word.count - cursor.position <= 8, start > 0,
            word[cursor.position...].allSatisfy({ Self.flagCharacters.contains($0) })
        {
            cpu = UInt16(number)
            flags = Self.flags(word.slice(cursor.position..<word.count))
            return rest.slice(0..<start).trimmed
        }
        // trace-cmd report -R -l: `1-0x2d`, the flags as a number.
        cursor = TextCursor(word)
        if let number = cursor.decimal(), number < UInt64(UInt16.max), start > 0, cursor.skip("-0x"),
            let value = cursor.hex(), cursor.isAtEnd
        {
            cpu = UInt16(number)
            flags = UInt8(truncatingIfNeeded: value)
            return rest.slice(0..<start).trimmed
        }
        return rest
    }

    /// `comm-tid`, `comm tid`, `comm pid/tid`, any of them alone, with an instance or a thread group around.
    private mutating func readThread(_ context: UnsafeRawBufferPointer) -> Bool {
        var rest = context
        // (  1234) or (-------)
        if rest.last == 0x29, let open = rest.lastIndex(of: 0x28),
            rest[open + 1..<rest.count - 1].allSatisfy({ $0 == 0x20 || $0 == 0x2d || (0x30...0x39).contains($0) })
        {
            var process = TextCursor(rest.slice(open + 1..<rest.count - 1).trimmed)
            if let number = process.decimal(), process.isAtEnd { pid = Int32(exactly: number) }
            rest = rest.slice(0..<open).trimmed
        }
        let start = rest.lastWordStart
        let word = rest.slice(start..<rest.count)
        var cursor = TextCursor(word)
        if let number = cursor.signedDecimal() {
            if cursor.isAtEnd {
                tid = Int32(truncatingIfNeeded: number)
                return setComm(rest.slice(0..<start).trimmed)
            }
            if cursor.skip("/"), let thread = cursor.signedDecimal(), cursor.isAtEnd {
                tid = Int32(truncatingIfNeeded: thread)
                pid = Int32(exactly: number)
                return setComm(rest.slice(0..<start).trimmed)
            }
        }
        if let (number, before) = rest.trailingDecimal, before.last == 0x2d {
            tid = Int32(truncatingIfNeeded: number)
            return setComm(before.slice(0..<before.count - 1).withoutInstance)
        }
        // perf script without tids.
        return setComm(rest)
    }

    private mutating func setComm(_ name: UnsafeRawBufferPointer) -> Bool {
        // The kernel keeps 15 bytes; an instance's name or odd padding may add some.
        guard name.count <= 64 else { return false }
        comm = name.isEmpty ? nil : name
        return true
    }

    // MARK: Flags

    static let flagCharacters: Set<UInt8> = Set("dDbBXNnplLhHszZ.#0123456789abcdefg".utf8)

    /// `common_flags` from the letters of ftrace (`trace_print_lat_fmt`, kernel/trace/trace_output.c).
    static func flags(_ text: UnsafeRawBufferPointer) -> UInt8 {
        guard text.count >= 3 else { return 0 }
        var flags: UInt8 = 0
        switch text[0] {
        case 0x64: flags |= 0x01  // d: interrupts off
        case 0x62: flags |= 0x80  // b: bottom halves off
        case 0x44: flags |= 0x81  // D: both
        default: break
        }
        switch text[1] {
        case 0x4e: flags |= 0x24  // N: need resched, now and by preemption count
        case 0x6e: flags |= 0x04  // n
        case 0x70: flags |= 0x20  // p
        case 0x6c: flags |= 0x02  // l: lazily
        case 0x42: flags |= 0x26  // B: all three
        case 0x62: flags |= 0x06
        case 0x4c: flags |= 0x22
        default: break
        }
        switch text[2] {
        case 0x68: flags |= 0x08  // h: hard interrupt
        case 0x73: flags |= 0x10  // s: soft interrupt
        case 0x48: flags |= 0x18  // H: hard inside soft
        case 0x7a: flags |= 0x40  // z: NMI
        case 0x5a: flags |= 0x48  // Z: NMI inside hard
        default: break
        }
        return flags
    }
}

/// An event's name in a line: `system:event:` or `event:`.
struct Name {
    var start: Int
    var system: Range<Int>?
    var event: Range<Int>
    /// Behind the last colon.
    var end: Int
}

extension UnsafeRawBufferPointer {
    /// Without the `> ` that mailers put before a quoted line.
    var withoutQuoting: UnsafeRawBufferPointer {
        var from = 0
        while from < count, self[from] == 0x3e {
            from += 1
            if from < count, self[from] == 0x20 { from += 1 }
        }
        return from == 0 ? self : slice(from..<count)
    }

    /// The next word of letters, digits and underscores that ends with a colon and a blank or the line's end.
    func nextName(from at: inout Int) -> Name? {
        while at < count {
            // To the start of a word.
            while at < count, self[at] == 0x20 || self[at] == 0x09 { at += 1 }
            let start = at
            var colons: [Int] = []
            var isName = true
            while at < count, self[at] != 0x20, self[at] != 0x09 {
                let byte = self[at]
                if byte == 0x3a {
                    if colons.count < 3 { colons.append(at) }
                } else if !byte.isNameByte {
                    isName = false
                }
                at += 1
            }
            guard isName, let last = colons.last, last == at - 1, !self[start].isDigit, start < last else { continue }
            if colons.count == 1 { return Name(start: start, system: nil, event: start..<last, end: at) }
            if colons.count == 2, colons[0] > start, colons[0] + 1 < last {
                return Name(start: start, system: start..<colons[0], event: colons[0] + 1..<last, end: at)
            }
        }
        return nil
    }

    /// `1234.567890:` at the end, with what stands before it.
    var trailingTime: (TextRow.Time, UnsafeRawBufferPointer)? {
        guard last == 0x3a else { return nil }
        var end = count - 1
        var isMicroseconds = false
        // `651595us :` and `651595us!:` of the latency format: the mark says how long the row took.
        let mark = end > 0 ? self[end - 1] : 0
        if end >= 3, !mark.isDigit, self[end - 2] == 0x73, self[end - 3] == 0x75 {
            end -= 3
            isMicroseconds = true
        } else if end >= 2, mark == 0x73, self[end - 2] == 0x75 {
            end -= 2
            isMicroseconds = true
        }
        var start = end
        var point: Int?
        while start > 0, self[start - 1].isDigit || (self[start - 1] == 0x2e && point == nil) {
            start -= 1
            if self[start] == 0x2e { point = start }
        }
        guard start < end, point != start, point != end - 1 else { return nil }
        let before = slice(0..<start)
        // Only a blank or the bracket of a CPU may touch a time.
        if let touching = before.last, touching != 0x20, touching != 0x09, touching != 0x5d { return nil }
        var cursor = TextCursor(slice(0..<(point ?? end)), at: start)
        guard let whole = cursor.decimal(), cursor.isAtEnd else { return nil }
        guard let point else {
            if !isMicroseconds { return (.raw(whole), before) }
            let (nanoseconds, overflow) = whole.multipliedReportingOverflow(by: 1000)
            return overflow ? nil : (.nanoseconds(nanoseconds), before)
        }
        let digits = end - point - 1
        guard digits <= 9 else { return nil }
        var fraction: UInt64 = 0
        for index in point + 1..<end { fraction = fraction * 10 + UInt64(self[index] - 0x30) }
        for _ in digits..<9 { fraction *= 10 }
        let (seconds, overflow) = whole.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowAgain) = seconds.addingReportingOverflow(fraction)
        return overflow || overflowAgain ? nil : (.nanoseconds(sum), before)
    }

    /// A number at the end, with what stands before it.
    fileprivate var trailingDecimal: (UInt64, UnsafeRawBufferPointer)? {
        var start = count
        while start > 0, self[start - 1].isDigit { start -= 1 }
        guard start < count else { return nil }
        var cursor = TextCursor(self, at: start)
        guard let value = cursor.decimal() else { return nil }
        return (value, slice(0..<start))
    }

    /// Without `(+13)` at the end.
    fileprivate var droppingDifference: UnsafeRawBufferPointer {
        guard last == 0x29, let open = lastIndex(of: 0x28), open + 1 < count, self[open + 1] == 0x2b else {
            return self
        }
        return slice(0..<open).trimmed
    }

    fileprivate var lastWordStart: Int {
        var start = count
        while start > 0, self[start - 1] != 0x20, self[start - 1] != 0x09 { start -= 1 }
        return start
    }

    /// A comm without the `instance:` that trace-cmd puts before a row of one.
    fileprivate var withoutInstance: UnsafeRawBufferPointer {
        guard let colon = firstIndex(of: 0x3a), colon + 1 < count, self[colon + 1] == 0x20,
            !self[0..<colon].contains(0x20)
        else { return self }
        return slice(colon + 1..<count).trimmed
    }
}

extension UInt8 {
    @inline(__always) var isDigit: Bool { self >= 0x30 && self <= 0x39 }
    @inline(__always) fileprivate var isNameByte: Bool {
        isDigit || (self | 0x20 >= 0x61 && self | 0x20 <= 0x7a) || self == 0x5f || self == 0x2d || self == 0x2e
    }
}
