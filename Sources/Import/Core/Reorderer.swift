import Trace

/// Puts the records of each pCPU into rising time with bounded memory.
///
/// perf writes one ring after the other, and a record made in NMI context may stand before an older one; text may be
/// pasted together. Records wait here, per pCPU, until `capacity` of them wait in all; then the older half of each pCPU
/// is sorted out and handed on. That is at least what perf's own FINISHED_ROUND marks allow as long as a round is
/// smaller than half the capacity.
///
///     append ──► waiting[pcpu] (unsorted) ──► sorted by (time, arrival) ──► sink
///                                              ▲ at capacity: the older half; at the end: all
///
/// A record older than what was already handed on gets that record's time and is counted in `late`.
struct Reorderer {
    private struct Lane {
        var pcpu: UInt16
        var waiting: ContiguousArray<TraceEvent> = []
        var isSorted = true
        var handedOn: UInt64 = 0
    }

    private var lanes: ContiguousArray<Lane> = []
    /// Index into `lanes` by pCPU, -1 where it has none.
    private var laneOf = ContiguousArray<Int32>()
    private var waitingTotal = 0
    private let capacity: Int
    private(set) var late: UInt64 = 0
    private(set) var largestDelay: UInt64 = 0

    init(capacity: Int) {
        self.capacity = max(2, capacity)
    }

    var isFull: Bool { waitingTotal >= capacity }

    mutating func append(_ event: TraceEvent) {
        let pcpu = Int(event.pcpu)
        if pcpu >= laneOf.count {
            laneOf.append(contentsOf: repeatElement(-1, count: pcpu + 1 - laneOf.count))
        }
        var lane = Int(laneOf[pcpu])
        if lane < 0 {
            lane = lanes.count
            laneOf[pcpu] = Int32(lane)
            lanes.append(Lane(pcpu: event.pcpu))
        }
        if let last = lanes[lane].waiting.last, last.time > event.time { lanes[lane].isSorted = false }
        lanes[lane].waiting.append(event)
        waitingTotal += 1
    }

    /// Hands on the older half of every pCPU's records.
    mutating func flushOlderHalf(_ take: (UnsafeBufferPointer<TraceEvent>) throws -> Void) throws {
        for lane in lanes.indices { try flush(lane, count: (lanes[lane].waiting.count + 1) / 2, take) }
    }

    /// Hands on everything, pCPU by pCPU in the order of their first records.
    mutating func flushAll(_ take: (UnsafeBufferPointer<TraceEvent>) throws -> Void) throws {
        for lane in lanes.indices { try flush(lane, count: lanes[lane].waiting.count, take) }
    }

    private mutating func flush(
        _ lane: Int, count: Int, _ take: (UnsafeBufferPointer<TraceEvent>) throws -> Void
    ) throws {
        guard count > 0 else { return }
        if !lanes[lane].isSorted { sort(lane) }
        let floor = lanes[lane].handedOn
        // Sorted, so only the first ones can be late.
        var index = 0
        while index < count, lanes[lane].waiting[index].time < floor {
            late += 1
            largestDelay = max(largestDelay, floor - lanes[lane].waiting[index].time)
            lanes[lane].waiting[index].time = floor
            index += 1
        }
        try lanes[lane].waiting.withUnsafeBufferPointer {
            try take(UnsafeBufferPointer(rebasing: $0[0..<count]))
        }
        lanes[lane].handedOn = lanes[lane].waiting[count - 1].time
        lanes[lane].waiting.removeFirst(count)
        waitingTotal -= count
    }

    private mutating func sort(_ lane: Int) {
        let waiting = lanes[lane].waiting
        // By arrival where times are equal: the standard library does not promise a stable sort.
        let order = waiting.indices.sorted {
            let a = waiting[$0].time
            let b = waiting[$1].time
            return a != b ? a < b : $0 < $1
        }
        lanes[lane].waiting = ContiguousArray(order.map { waiting[$0] })
        lanes[lane].isSorted = true
    }
}
