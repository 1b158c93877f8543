import Dispatch

extension TraceReader {
    /// Calls `body` with each event in `range` (ns) and its number, from 0, ordered by time, then pCPU, then the order
    /// on that pCPU.
    ///
    /// Where times of a pCPU go back, its events keep their order and count as late as the latest before them. One
    /// block per pCPU is held decoded at a time, at most `memoryLimit` bytes in all.
    /// - Returns: what was left out, always empty with `onDamage: .fail`.
    /// - Throws: `TraceError`, or whatever `body` throws.
    @discardableResult
    public func forEachEvent(
        in range: ClosedRange<UInt64> = 0...UInt64.max, pcpus: Set<UInt16>? = nil, onDamage: DamageHandling = .fail,
        memoryLimit: Int = 256 << 20, _ body: (TraceEvent, Int) throws -> Void
    ) throws -> [TraceDamage] {
        var number = 0
        return try forEachSlice(in: range, pcpus: pcpus, onDamage: onDamage, memoryLimit: memoryLimit) {
            cursor, end, isInside in
            while cursor.index < end {
                let event = cursor.next()
                guard isInside || range.contains(event.time) else { continue }
                try body(event, number)
                number &+= 1
            }
        }
    }

    /// The same in slices of blocks, for those who mind every nanosecond: `body` gets a cursor, the index at which its
    /// slice ends, and whether all of the slice is in `range` (else it checks each event). It takes every event of the
    /// slice from the cursor.
    @discardableResult
    public func forEachSlice(
        in range: ClosedRange<UInt64> = 0...UInt64.max, pcpus: Set<UInt16>? = nil, onDamage: DamageHandling = .fail,
        memoryLimit: Int = 256 << 20, _ body: (_ cursor: inout BlockCursor, _ end: Int, _ isInside: Bool) throws -> Void
    ) throws -> [TraceDamage] {
        if onDamage == .fail { try failIfDamaged() }
        var walk = TraceWalk(self, range: range, pcpus: pcpus, onDamage: onDamage, memoryLimit: memoryLimit)
        while try walk.advance() { try body(&walk.cursor, walk.end, walk.isInside) }
        return damage + walk.skipped
    }

    /// The same for those who take events when it suits them. The reader must outlive the walk.
    ///
    /// - Throws: `TraceError` where the index has found damage.
    public func walk(memoryLimit: Int = 256 << 20) throws -> TraceWalk {
        try failIfDamaged()
        return TraceWalk(self, range: 0...UInt64.max, pcpus: nil, onDamage: .fail, memoryLimit: memoryLimit)
    }

    private func failIfDamaged() throws(TraceError) {
        guard let first = damage.first else { return }
        throw .damaged(path: path, offset: first.range.lowerBound, reason: first.reason)
    }

    /// Calls `body` with each block and its columns, in file order, decoding `threads` blocks at once. The columns are
    /// only good until `body` returns.
    public func forEachBlock(threads: Int = 1, _ body: (TraceBlock, BlockColumns) throws -> Void) throws {
        let batch = max(1, threads)
        let columns = (0..<batch).map { _ in BlockColumns() }
        var at = 0
        while at < blocks.count {
            let count = min(batch, blocks.count - at)
            let outcomes = decode(blocks[at..<at + count], into: columns)
            for i in 0..<count {
                if let error = outcomes[i] { throw error }
                try body(blocks[at + i], columns[i])
            }
            at += count
        }
    }

    private func decode(_ blocks: ArraySlice<TraceBlock>, into columns: [BlockColumns]) -> [TraceError?] {
        let start = blocks.startIndex
        return [TraceError?](unsafeUninitializedCapacity: blocks.count) { out, count in
            nonisolated(unsafe) let (out, columns) = (out.baseAddress!, columns)
            DispatchQueue.concurrentPerform(iterations: blocks.count) { i in
                do throws(TraceError) {
                    try self.decode(blocks[start + i], into: columns[i])
                    (out + i).initialize(to: nil)
                } catch {
                    (out + i).initialize(to: error)
                }
            }
            count = blocks.count
        }
    }

    /// All events in `range`, in the order of `forEach`. For small traces and tests.
    public func events(in range: ClosedRange<UInt64> = 0...UInt64.max) throws -> [TraceEvent] {
        var events: [TraceEvent] = []
        try forEachEvent(in: range) { event, _ in events.append(event) }
        return events
    }
}
