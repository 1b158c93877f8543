import Dispatch

extension TraceReader {
    /// Calls `body` with each event in `range` (ns) and its number, from 0, ordered by time, then pCPU, then the order on that pCPU.
    ///
    /// Where times of a pCPU go back, its events keep their order and count as late as the latest before them. One block per
    /// pCPU is held decoded at a time, at most `memoryLimit` bytes in all.
    /// - Returns: what was left out, always empty with `onDamage: .fail`.
    /// - Throws: `TraceError`, or whatever `body` throws.
    @discardableResult
    public func forEach(
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

    /// The same in slices of blocks, for those who mind every nanosecond: `body` gets a cursor, the index at which its slice ends,
    /// and whether all of the slice is in `range` (else it checks each event). It takes every event of the slice from the cursor.
    @discardableResult
    public func forEachSlice(
        in range: ClosedRange<UInt64> = 0...UInt64.max, pcpus: Set<UInt16>? = nil, onDamage: DamageHandling = .fail,
        memoryLimit: Int = 256 << 20, _ body: (_ cursor: inout BlockCursor, _ end: Int, _ isInside: Bool) throws -> Void
    ) throws -> [TraceDamage] {
        if onDamage == .fail, let first = damage.first {
            throw TraceError.damaged(path: path, offset: first.range.lowerBound, reason: first.reason)
        }
        var merge = TraceMerge(self, range: range, pcpus: pcpus, onDamage: onDamage, memoryLimit: memoryLimit)
        try merge.run(body)
        return damage + merge.skipped
    }

    /// Calls `body` with each block and its columns, in file order, decoding `threads` blocks at once. The columns are only
    /// good until `body` returns.
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
        try forEach(in: range) { event, _ in events.append(event) }
        return events
    }
}

/// Merges the blocks of all pCPUs, each decoded when its time has come.
private struct TraceMerge {
    private struct Lane {
        let pcpu: UInt16
        let blocks: [TraceBlock]
        var next = 0
        /// The decoded block, and where in it.
        var columns: BlockColumns?
        var cursor: BlockCursor?
        /// The latest time seen on this pCPU.
        var reached: UInt64 = 0
        /// No event of the lane sorts before this time.
        var key: UInt64 = 0

        /// Behind the last event from `start` on that comes before `limit` (or at it, if `inclusive`), at least one; what is then the
        /// latest time is noted.
        mutating func end(in columns: BlockColumns, from start: Int, limit: UInt64, inclusive: Bool) -> Int {
            let times = columns.times
            let count = columns.count
            var end = start + 1
            if columns.isDisordered {
                var key = max(reached, times[start])
                while end < count {
                    let next = max(key, times[end])
                    guard next < limit || next == limit && inclusive else { break }
                    key = next
                    end += 1
                }
                reached = key
                return end
            }
            // Strides that double, then halve: most slices are short, some are whole blocks.
            func precedes(_ i: Int) -> Bool { times[i] < limit || times[i] == limit && inclusive }
            var stride = 1
            while end < count, precedes(min(end + stride, count) - 1) {
                end = min(end + stride, count)
                stride *= 2
            }
            while stride > 1 {
                stride /= 2
                if end + stride <= count, precedes(end + stride - 1) { end += stride }
            }
            if end < count, precedes(end) { end += 1 }
            reached = max(reached, times[end - 1])
            return end
        }
    }

    private let file: InputFile
    private let reader: BlockReader
    private let range: ClosedRange<UInt64>
    private let onDamage: DamageHandling
    private let memoryLimit: Int
    private var lanes: [Lane]
    /// A binary heap of lane numbers, the least (key, pcpu) first.
    private var heap: [Int] = []
    private var spare: [BlockColumns] = []
    private var bytes = 0
    private(set) var skipped: [TraceDamage] = []

    init(
        _ trace: TraceReader, range: ClosedRange<UInt64>, pcpus: Set<UInt16>?, onDamage: DamageHandling,
        memoryLimit: Int
    ) {
        file = trace.file
        reader = BlockReader(trace.file)
        self.range = range
        self.onDamage = onDamage
        self.memoryLimit = memoryLimit
        var byPCPU: [UInt16: [TraceBlock]] = [:]
        for block in trace.blocks where block.last >= range.lowerBound && block.first <= range.upperBound {
            if let pcpus, !pcpus.contains(block.pcpu) { continue }
            byPCPU[block.pcpu, default: []].append(block)
        }
        lanes = byPCPU.keys.sorted().map { Lane(pcpu: $0, blocks: byPCPU[$0]!, key: byPCPU[$0]![0].first) }
        for lane in lanes.indices { push(lane) }
    }

    mutating func run(_ body: (inout BlockCursor, Int, Bool) throws -> Void) throws {
        while let lane = pop() {
            guard let columns = lanes[lane].columns, var cursor = lanes[lane].cursor else {
                if try open(lane) { push(lane) }
                continue
            }
            // Up to where this lane comes first, no look at the heap is needed.
            let limit = heap.first.map { (lanes[$0].key, lanes[$0].pcpu) } ?? (UInt64.max, UInt16.max)
            let end = lanes[lane].end(
                in: columns, from: cursor.index, limit: limit.0, inclusive: lanes[lane].pcpu <= limit.1)
            let isInside = range.contains(columns.first) && range.contains(columns.last)
            try withExtendedLifetime(columns) { try body(&cursor, end, isInside) }
            while cursor.index < end { _ = cursor.next() }
            if cursor.isAtEnd {
                lanes[lane].columns = nil
                lanes[lane].cursor = nil
                release(columns)
                guard lanes[lane].next < lanes[lane].blocks.count else { continue }
                lanes[lane].key = max(lanes[lane].reached, lanes[lane].blocks[lanes[lane].next].first)
            } else {
                lanes[lane].cursor = cursor
                lanes[lane].key = max(lanes[lane].reached, cursor.time)
            }
            push(lane)
        }
    }

    /// Decodes the lane's next block; false if there is none left.
    private mutating func open(_ lane: Int) throws -> Bool {
        while lanes[lane].next < lanes[lane].blocks.count {
            let block = lanes[lane].blocks[lanes[lane].next]
            lanes[lane].next += 1
            let columns = spare.popLast() ?? BlockColumns()
            do throws(TraceError) {
                try reader.decode(block, into: columns)
            } catch {
                guard onDamage == .skip, case .damaged(_, let offset, let reason) = error else { throw error }
                spare.append(columns)
                skipped.append(
                    TraceDamage(
                        range: offset..<offset + UInt64(block.length), reason: reason, pcpu: block.pcpu,
                        interval: block.first...block.last, events: block.events))
                continue
            }
            bytes += columns.bytes
            guard bytes <= memoryLimit else {
                throw TraceError.limit(
                    path: file.path, offset: block.offset, what: "the memory for blocks of the same time",
                    value: UInt64(bytes), limit: UInt64(memoryLimit))
            }
            let cursor = BlockCursor(columns)
            lanes[lane].columns = columns
            lanes[lane].cursor = cursor
            lanes[lane].key = max(lanes[lane].reached, cursor.time)
            return true
        }
        return false
    }

    private mutating func release(_ columns: BlockColumns) {
        bytes -= columns.bytes
        // A few are kept for the next blocks; more would keep memory for lanes long done.
        if spare.count < 4 { spare.append(columns) }
    }

    // MARK: The heap

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        (lanes[a].key, lanes[a].pcpu) < (lanes[b].key, lanes[b].pcpu)
    }

    private mutating func push(_ lane: Int) {
        heap.append(lane)
        var at = heap.count - 1
        while at > 0, precedes(heap[at], heap[(at - 1) / 2]) {
            heap.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    private mutating func pop() -> Int? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return top }
        heap[0] = last
        var at = 0
        while true {
            var least = at
            for child in [2 * at + 1, 2 * at + 2] where child < heap.count && precedes(heap[child], heap[least]) {
                least = child
            }
            guard least != at else { return top }
            heap.swapAt(at, least)
            at = least
        }
    }
}
