/// Columns that only the latency format of ftrace and of `trace-cmd report -l` has.
extension TextRow {
    /// `comm tid cpu flags depth index [19a3] 17.538ms (+0.015ms):`, the latency format with the option `verbose`
    /// (`print_lat_context`'s verbose branch, kernel/trace/trace_output.c): the bracket holds the time in microseconds,
    /// hexadecimal.
    mutating func readVerbose(_ context: UnsafeRawBufferPointer) -> Bool {
        guard context.count > 8, context.slice(context.count - 4..<context.count).equals("ms):"),
            let close = context.lastIndex(of: 0x5d), let open = context.slice(0..<close).lastIndex(of: 0x5b)
        else { return false }
        var cursor = TextCursor(context, at: open + 1)
        guard let microseconds = cursor.hex(), cursor.position == close else { return false }
        let (nanoseconds, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return false }
        var rest = context.slice(0..<open).trimmed
        // From the right: index and depth of preemption in hexadecimal, then flags, CPU and thread.
        guard rest.dropLastNumber(.hexadecimal) != nil, rest.dropLastNumber(.hexadecimal) != nil,
            let flags = rest.dropLastNumber(.decimal), let cpu = rest.dropLastNumber(.decimal),
            cpu < UInt64(UInt16.max),
            let tid = rest.dropLastNumber(.decimal), tid <= UInt64(Int32.max), rest.count <= 64
        else { return false }
        time = .nanoseconds(nanoseconds)
        self.flags = UInt8(truncatingIfNeeded: flags)
        self.cpu = UInt16(cpu)
        self.tid = Int32(tid)
        comm = rest.isEmpty ? nil : rest
        return true
    }

    /// `1d..2.34349153937032:`: trace-cmd leaves no blank between the flags and a time that it does not take for
    /// nanoseconds.
    ///
    /// Where the last of the five flags is a digit nobody can tell it from the time; such a row is left alone.
    ///
    /// - Returns: what stands before the CPU.
    mutating func readTouchingTime(_ rest: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard rest.last == 0x3a else { return nil }
        var start = rest.count
        while start > 0, rest[start - 1] != 0x20, rest[start - 1] != 0x09 { start -= 1 }
        let word = rest.slice(start..<rest.count - 1)
        var cursor = TextCursor(word)
        guard start > 0, let cpu = cursor.decimal(), cpu < UInt64(UInt16.max), word.count - cursor.position > 5
        else { return nil }
        let flags = word.slice(cursor.position..<cursor.position + 5)
        guard !flags[0..<3].contains(where: \.isDigit), flags.allSatisfy({ Self.flagCharacters.contains($0) }),
            flags[4] == 0x2e
        else { return nil }
        cursor.position += 5
        guard let count = cursor.decimal(), cursor.isAtEnd else { return nil }
        time = .raw(count)
        self.cpu = UInt16(cpu)
        self.flags = Self.flags(flags)
        return rest.slice(0..<start).trimmed
    }

    /// `qemu-sys   310   1  3130.273529:` of `perf script -L`: 8 bytes of the comm, then the thread in 5 and the CPU in
    /// 3 columns, without brackets.
    mutating func readPerfLatency(_ context: UnsafeRawBufferPointer) -> Bool {
        guard context.count >= 18, let (time, before) = context.trimmed.trailingTime, !before.contains(0x5b) else {
            return false
        }
        let name = context.slice(0..<8)
        // Without -L the comm has 16 columns, so that one short enough to end before the ninth does not begin before
        // it.
        guard !name.trimmed.isEmpty, context[8] == 0x20 else { return false }
        var cursor = TextCursor(context, at: 9)
        let start = cursor.position
        cursor.skipBlanks()
        guard let tid = cursor.decimal(), tid <= UInt64(Int32.max), cursor.position - start >= 5, cursor.skip(" ")
        else { return false }
        let column = cursor.position
        cursor.skipBlanks()
        guard let cpu = cursor.decimal(), cpu < UInt64(UInt16.max), cursor.position - column >= 3,
            cursor.skip(" ")
        else { return false }
        self.time = time
        self.tid = Int32(tid)
        self.cpu = UInt16(cpu)
        comm = name.trimmed
        return true
    }

    /// A row of ftrace's option `nocontext-info`: the event's name and its text, nothing else.
    init?(bare line: UnsafeRawBufferPointer) {
        let line = line.withoutQuoting.trimmed
        var at = 0
        guard let name = line.nextName(from: &at), name.start == 0, name.system == nil else { return nil }
        self.init(event: line.slice(name.event), body: line.slice(name.end..<line.count).trimmed)
    }
}

extension UnsafeRawBufferPointer {
    fileprivate enum Radix { case decimal, hexadecimal }

    /// Takes the number that is the last word away, with the blanks before it.
    fileprivate mutating func dropLastNumber(_ radix: Radix) -> UInt64? {
        var start = count
        while start > 0, self[start - 1] != 0x20, self[start - 1] != 0x09 { start -= 1 }
        var cursor = TextCursor(slice(start..<count))
        guard let value = radix == .decimal ? cursor.decimal() : cursor.hex(), cursor.isAtEnd else { return nil }
        self = slice(0..<start).trimmed
        return value
    }
}
