/// Merges the blocks of all pCPUs, each decoded when its time has come, and hands events out in slices of blocks.
///
///     while try walk.advance() {
///         while walk.cursor.index < walk.end { take(walk.cursor.next()) }
///     }
///
/// The order is that of `TraceReader.forEachEvent`. At most one block per pCPU is decoded at a time.
public struct TraceWalk {
    /// Stands at the next event of the slice; whoever reads the slice moves it, what is left of it is passed over.
    public var cursor: BlockCursor
    /// Where in the cursor's block the slice ends.
    public private(set) var end = 0
    /// Whether every event of the slice is in the range asked for; else each must be looked at.
    public private(set) var isInside = false
    private(set) var skipped: [TraceDamage] = []

    private let file: InputFile
    private let reader: BlockReader
    private let range: ClosedRange<UInt64>
    private let onDamage: DamageHandling
    private let memoryLimit: Int
    private var lanes: ContiguousArray<Lane> = []
    /// A binary heap, the least (key, pcpu) first. The lane of the slice that is out stays on top.
    private var heap: ContiguousArray<Head> = []
    private var isOut = false
    private var spare: [BlockColumns] = []
    private var bytes = 0

    /// No event of the lane sorts before `key`.
    private struct Head {
        var key: UInt64
        var pcpu: UInt16
        var lane: Int32

        static func < (a: Head, b: Head) -> Bool { a.key < b.key || a.key == b.key && a.pcpu < b.pcpu }
    }

    private struct Lane {
        let blocks: [TraceBlock]
        var next = 0
        /// The decoded block, and where in it; nil between two blocks.
        var columns: BlockColumns?
        var cursor: BlockCursor
        var isInside = false
        var isDisordered = false
        /// The latest time seen on this pCPU.
        var reached: UInt64 = 0

        /// Behind the last event from the cursor on that comes before `limit` (or at it, if `inclusive`), at least one;
        /// what is then the latest time is noted.
        mutating func end(limit: UInt64, inclusive: Bool) -> Int {
            let times = cursor.times
            let count = cursor.count
            let start = cursor.index
            var end = start + 1
            if isDisordered {
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

    init(
        _ trace: TraceReader, range: ClosedRange<UInt64>, pcpus: Set<UInt16>?, onDamage: DamageHandling,
        memoryLimit: Int
    ) {
        file = trace.file
        reader = BlockReader(trace.file)
        self.range = range
        self.onDamage = onDamage
        self.memoryLimit = memoryLimit
        let nothing = BlockColumns()
        cursor = BlockCursor(nothing)
        spare = [nothing]
        var byPCPU: [UInt16: [TraceBlock]] = [:]
        for block in trace.blocks where block.last >= range.lowerBound && block.first <= range.upperBound {
            if let pcpus, !pcpus.contains(block.pcpu) { continue }
            byPCPU[block.pcpu, default: []].append(block)
        }
        for (pcpu, blocks) in byPCPU.sorted(by: { $0.key < $1.key }) {
            push(Head(key: blocks[0].first, pcpu: pcpu, lane: Int32(lanes.count)))
            lanes.append(Lane(blocks: blocks, cursor: cursor))
        }
    }

    /// Moves on to the next slice; false at the end of the trace.
    ///
    /// - Throws: `TraceError` where a block is damaged, unless that is to be skipped, or where blocks of the same time
    ///   need more memory than allowed.
    public mutating func advance() throws -> Bool {
        if isOut { putBack() }
        while let top = heap.first {
            let lane = Int(top.lane)
            guard lanes[lane].columns != nil else {
                if try open(lane) { siftDown() } else { removeTop() }
                continue
            }
            // Up to where this lane comes first, no look at the heap is needed.
            var limit = (key: UInt64.max, pcpu: UInt16.max)
            if heap.count > 1 {
                let next = heap.count > 2 && heap[2] < heap[1] ? heap[2] : heap[1]
                limit = (next.key, next.pcpu)
            }
            end = lanes[lane].end(limit: limit.key, inclusive: top.pcpu <= limit.pcpu)
            cursor = lanes[lane].cursor
            isInside = lanes[lane].isInside
            isOut = true
            return true
        }
        return false
    }

    /// The slice that is out was read.
    private mutating func putBack() {
        isOut = false
        let lane = Int(heap[0].lane)
        while cursor.index < end { _ = cursor.next() }
        if !cursor.isAtEnd {
            lanes[lane].cursor = cursor
            heap[0].key = max(lanes[lane].reached, cursor.time)
        } else {
            if let columns = lanes[lane].columns { release(columns) }
            lanes[lane].columns = nil
            guard lanes[lane].next < lanes[lane].blocks.count else {
                removeTop()
                return
            }
            heap[0].key = max(lanes[lane].reached, lanes[lane].blocks[lanes[lane].next].first)
        }
        siftDown()
    }

    /// Decodes the next block of the lane on top; false if there is none left.
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
            lanes[lane].columns = columns
            lanes[lane].cursor = BlockCursor(columns)
            lanes[lane].isInside = range.contains(columns.first) && range.contains(columns.last)
            lanes[lane].isDisordered = columns.isDisordered
            heap[0].key = max(lanes[lane].reached, lanes[lane].cursor.time)
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

    private mutating func push(_ head: Head) {
        heap.append(head)
        var at = heap.count - 1
        while at > 0, heap[at] < heap[(at - 1) / 2] {
            heap.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    private mutating func removeTop() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        siftDown()
    }

    private mutating func siftDown() {
        let moving = heap[0]
        var at = 0
        while true {
            var child = 2 * at + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < moving else { break }
            heap[at] = heap[child]
            at = child
        }
        heap[at] = moving
    }
}
