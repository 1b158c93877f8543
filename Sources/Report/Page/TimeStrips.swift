/// Who held each physical counter, and how each owner's counters fared, over time, coarse enough to draw.
///
/// The trace is cut into equal buckets. A *counter lane* says who held one physical counter of one pCPU for most of
/// each bucket; an *owner lane* says which shares of each bucket one guest counter or host event spent running, silent,
/// blind and waiting for a counter (multiplexed). Memory depends on lanes and buckets, not on the trace's length.
public struct TimeStrips: Equatable, Sendable {
    public let policy: String
    /// ns of the trace's clock.
    public let start: UInt64
    public let end: UInt64
    public let buckets: Int
    public private(set) var counterLanes: [CounterLane] = []
    public private(set) var ownerLanes: [OwnerLane] = []
    /// Names of holders; lanes refer to them by index.
    public private(set) var holders: [String] = []
    private var holderIndex: [String: Int] = [:]

    /// What an owner's counter does while it is enabled.
    public enum State: Int, Sendable, CaseIterable {
        case running = 0
        /// The guest believes that it counts, and it does not.
        case silent = 1
        /// Host monitoring that the policy takes away.
        case blind = 2
        /// It waits for its turn, and its owner can know.
        case waiting = 3
    }

    public struct CounterLane: Equatable, Sendable {
        public let pcpu: Int
        /// `gp0`, `fixed1`, ...
        public let counter: String
        /// The holder for most of each bucket, -1 where the counter was free for most of it.
        public internal(set) var holder: [Int32]
        /// How many 255ths of each bucket that holder had the counter.
        public internal(set) var share: [UInt8]
        var bucket = 0
        /// Holders of the bucket that is open, with their time.
        var open: [(holder: Int32, ns: UInt64)] = []

        public static func == (a: CounterLane, b: CounterLane) -> Bool {
            (a.pcpu, a.counter) == (b.pcpu, b.counter) && a.holder == b.holder && a.share == b.share
        }
    }

    public struct OwnerLane: Equatable, Sendable {
        public let owner: String
        /// `gp0 cycles`: the rest of the series' name.
        public let name: String
        /// ns per bucket and state, `State.allCases.count` numbers per bucket.
        public internal(set) var ns: [UInt64]
    }

    /// - Parameters:
    ///   - start: first time of the trace, `end`: its last; intervals outside are cut off.
    public init(policy: String, start: UInt64, end: UInt64, buckets: Int = 600) {
        precondition(buckets > 0, "no buckets")
        self.policy = policy
        self.start = start
        self.end = max(end, start)
        self.buckets = buckets
    }

    /// The index by which `hold` names a holder.
    public mutating func holder(_ name: String) -> Int {
        if let index = holderIndex[name] { return index }
        holderIndex[name] = holders.count
        holders.append(name)
        return holders.count - 1
    }

    public mutating func addCounterLane(pcpu: Int, counter: String) -> Int {
        counterLanes.append(
            CounterLane(
                pcpu: pcpu, counter: counter, holder: [Int32](repeating: -1, count: buckets),
                share: [UInt8](repeating: 0, count: buckets)))
        return counterLanes.count - 1
    }

    public mutating func addOwnerLane(owner: String, name: String) -> Int {
        ownerLanes.append(
            OwnerLane(
                owner: owner, name: name, ns: [UInt64](repeating: 0, count: buckets * State.allCases.count)))
        return ownerLanes.count - 1
    }

    /// `holder` held the lane's counter from `from` to `to`. Intervals of one lane come in rising time.
    public mutating func hold(lane: Int, holder: Int, from: UInt64, to: UInt64) {
        forEachBucket(from, to) { strips, bucket, ns in
            if strips.counterLanes[lane].bucket != bucket { strips.close(lane, openingNext: bucket) }
            if let place = strips.counterLanes[lane].open.firstIndex(where: { $0.holder == Int32(holder) }) {
                strips.counterLanes[lane].open[place].ns += ns
            } else {
                strips.counterLanes[lane].open.append((Int32(holder), ns))
            }
        }
    }

    /// The lane's counter was in `state` from `from` to `to`.
    public mutating func spend(lane: Int, state: State, from: UInt64, to: UInt64) {
        forEachBucket(from, to) { strips, bucket, ns in
            strips.ownerLanes[lane].ns[bucket * State.allCases.count + state.rawValue] += ns
        }
    }

    /// Call once after the last interval.
    public mutating func finish() {
        for lane in counterLanes.indices { close(lane, openingNext: counterLanes[lane].bucket) }
    }

    /// First time of a bucket.
    func bucketStart(_ bucket: Int) -> UInt64 {
        let span = end - start
        let (high, low) = span.multipliedFullWidth(by: UInt64(bucket))
        return start + UInt64(buckets).dividingFullWidth((high, low)).quotient
    }

    private func bucket(of time: UInt64) -> Int {
        guard end > start else { return 0 }
        let (high, low) = (time - start).multipliedFullWidth(by: UInt64(buckets))
        var bucket = min(buckets - 1, Int((end - start).dividingFullWidth((high, low)).quotient))
        while bucket + 1 < buckets, bucketStart(bucket + 1) <= time { bucket += 1 }
        while bucket > 0, bucketStart(bucket) > time { bucket -= 1 }
        return bucket
    }

    private mutating func forEachBucket(
        _ from: UInt64, _ to: UInt64, _ body: (inout TimeStrips, Int, UInt64) -> Void
    ) {
        var time = max(from, start)
        let last = min(to, end)
        guard time < last else { return }
        var bucket = bucket(of: time)
        while time < last {
            let next = bucket + 1 < buckets ? min(last, bucketStart(bucket + 1)) : last
            if next > time { body(&self, bucket, next - time) }
            time = next
            bucket += 1
        }
    }

    private mutating func close(_ lane: Int, openingNext next: Int) {
        let bucket = counterLanes[lane].bucket
        let length = (bucket + 1 < buckets ? bucketStart(bucket + 1) : end) - bucketStart(bucket)
        let held = counterLanes[lane].open.reduce(0) { $0 + $1.ns }
        if let most = counterLanes[lane].open.max(by: { ($0.ns, $1.holder) < ($1.ns, $0.holder) }),
            most.ns >= length - min(held, length)
        {
            counterLanes[lane].holder[bucket] = most.holder
            counterLanes[lane].share[bucket] = UInt8(min(255, most.ns * 255 / max(1, length)))
        }
        counterLanes[lane].open.removeAll(keepingCapacity: true)
        counterLanes[lane].bucket = next
    }
}
