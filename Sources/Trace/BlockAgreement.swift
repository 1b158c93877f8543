/// Whether blocks hold what their headers say, block after block of a file.
struct BlockAgreement {
    /// By pCPU, the latest time so far.
    private var reached: [UInt16: UInt64] = [:]

    /// Goes through a block's events, and counts them into `summary`.
    ///
    /// - Returns: whether an event is earlier than one before it on its pCPU, which the header's flag must say.
    /// - Throws: where times, kinds or threads are others than the header's; the block then counts for nothing.
    mutating func check(
        _ header: BlockHeader, _ columns: BlockColumns, into summary: inout TraceSummary
    ) throws(FormatViolation) -> Bool {
        var kinds = [UInt32](repeating: 0, count: EventKind.allCases.count)
        var first = UInt64.max
        var last: UInt64 = 0
        var time = reached[header.pcpu] ?? 0
        var isDisordered = false
        var threads: UInt64 = 0
        var counted = summary
        var cursor = BlockCursor(columns)
        while !cursor.isAtEnd {
            let event = cursor.next()
            counted.add(event)
            kinds[Int(event.kind.rawValue)] += 1
            if event.kind.isKVM { threads |= BlockHeader.threadBit(event.pid) }
            first = min(first, event.time)
            last = max(last, event.time)
            if event.time < time { isDisordered = true }
            time = event.time
        }
        guard first == header.first, last == header.last, threads == header.vcpuThreads,
            kinds.indices.allSatisfy({ kinds[$0] == header.kinds[$0] })
        else { throw FormatViolation("a block's events do not agree with its header") }
        reached[header.pcpu] = max(reached[header.pcpu] ?? 0, last)
        summary = counted
        return isDisordered
    }
}
