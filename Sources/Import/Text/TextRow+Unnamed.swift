import Trace

/// Rows of `perf script -F` without `event`: only the text tells which tracepoint they are of.
///
///     perf script -F comm,tid,cpu,time,trace     g2 12641 [001]  1182.818276: msr_write 186 = 0x5300c0
///     perf script -F trace                       msr_write 186 = 0x5300c0
extension TextRow {
    /// Which tracepoint a text without a name is of.
    enum Guess: Equatable {
        case kind(EventKind)
        /// `186, value 5300c0`: write_msr, read_msr and rdpmc print the same.
        case hostAccess
    }

    /// A row of which `line` names no event, with what its text is.
    ///
    /// - Returns: nil where the text is none of our tracepoints', or the words before it are no row's context: prose
    ///   may quote a row.
    static func unnamed(_ line: UnsafeRawBufferPointer) -> (row: TextRow, guess: Guess)? {
        let line = line.withoutQuoting
        var from = 0
        // Behind a time, a CPU, a thread, a period; or at the line's beginning.
        while from < line.count, from <= 120 {
            let text = line.slice(from..<line.count)
            if let guess = guess(text) {
                let context = line.slice(0..<from).trimmed
                if var row = TextRow(context: context, body: text.trimmed), row.isContext(context) {
                    if case .kind(let kind) = guess { row.guessed = kind }
                    return (row, guess)
                }
            }
            // To the next word.
            while from < line.count, line[from] != 0x20, line[from] != 0x09 { from += 1 }
            while from < line.count, line[from] == 0x20 || line[from] == 0x09 { from += 1 }
        }
        return nil
    }

    /// The time of a row that neither names its event nor tells it by its text, ns: it counts where times are
    /// differences.
    static func bareTime(_ line: UnsafeRawBufferPointer) -> UInt64? {
        let line = line.withoutQuoting
        var at = 0
        while at + 2 < line.count, at <= 120 {
            if line[at] == 0x3a, line[at + 1] == 0x20,
                case .nanoseconds(let time)? = line.slice(0..<at + 1).trimmed.trailingTime?.0
            {
                return time
            }
            at += 1
        }
        return nil
    }

    /// Whether what was read of `context` is a row's: with a time, or of a CPU, or a thread alone, or nothing.
    private func isContext(_ context: UnsafeRawBufferPointer) -> Bool {
        time != nil || context.isEmpty || cpu != nil && context.last == 0x5d || tid != nil && comm == nil
    }

    private static func guess(_ text: UnsafeRawBufferPointer) -> Guess? {
        var cursor = TextCursor(text)
        if cursor.skip("msr_write ") || cursor.skip("msr_read ") {
            guard cursor.skip(past: " = 0x"), cursor.hex() != nil else { return nil }
            return .kind(.kvmMSR)
        }
        if text.starts(with: "prev_comm="), text.find(" next_pid=") != nil { return .kind(.schedSwitch) }
        if cursor.skip("vcpu ") {
            guard cursor.decimal() != nil else { return nil }
            if cursor.skip(" reason "), text.find(" rip 0x") != nil { return .kind(.kvmExit) }
            return cursor.isAtEnd || cursor.skip(", rip 0x") ? .kind(.kvmEntry) : nil
        }
        if cursor.skip("reason "), text.find(" rip 0x") != nil { return .kind(.kvmExit) }
        guard cursor.hex() != nil, cursor.skip(", value "), cursor.hex() != nil else { return nil }
        return cursor.isAtEnd || cursor.skip(" ") ? .hostAccess : nil
    }
}
