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
        if onDamage == .fail, let first = damage.first {
            throw TraceError.damaged(path: path, offset: first.range.lowerBound, reason: first.reason)
        }
        var merge = TraceMerge(self, range: range, pcpus: pcpus, onDamage: onDamage, memoryLimit: memoryLimit)
        try merge.run(body)
        return damage + merge.skipped
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

    mutating func run(_ body: (TraceEvent, Int) throws -> Void) throws {
        var number = 0
        while let lane = pop() {
            guard lanes[lane].cursor != nil else {
                if try open(lane) { push(lane) }
                continue
            }
            // As long as no other lane comes first, no look at the heap is needed.
            let limit = heap.first.map { (lanes[$0].key, lanes[$0].pcpu) } ?? (UInt64.max, UInt16.max)
            let isBefore = lanes[lane].pcpu <= limit.1
            var cursor = lanes[lane].cursor!
            var reached = lanes[lane].reached
            lanes[lane].cursor = nil
            var key = max(reached, cursor.time)
            while key < limit.0 || key == limit.0 && isBefore {
                let event = cursor.next()
                reached = key
                if range.contains(event.time) {
                    try body(event, number)
                    number &+= 1
                }
                if cursor.isAtEnd { break }
                key = max(reached, cursor.time)
            }
            lanes[lane].reached = reached
            if cursor.isAtEnd {
                if let columns = lanes[lane].columns { release(columns) }
                lanes[lane].columns = nil
                guard lanes[lane].next < lanes[lane].blocks.count else { continue }
                lanes[lane].key = max(reached, lanes[lane].blocks[lanes[lane].next].first)
            } else {
                lanes[lane].cursor = cursor
                lanes[lane].key = key
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
