/// Strips as the page's script reads them: runs of equal buckets, `[length, value, length, value, ...]`.
extension TimeStrips: Encodable {
    enum CodingKeys: String, CodingKey { case policy, start, end, buckets, holders, counters, owners }
    enum CounterKeys: String, CodingKey { case pcpu, counter, holder, share }
    enum OwnerKeys: String, CodingKey { case owner, name, states }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(policy, forKey: .policy)
        try container.encode(start, forKey: .start)
        try container.encode(end, forKey: .end)
        try container.encode(buckets, forKey: .buckets)
        try container.encode(holders, forKey: .holders)
        var counters = container.nestedUnkeyedContainer(forKey: .counters)
        for lane in counterLanes {
            var one = counters.nestedContainer(keyedBy: CounterKeys.self)
            try one.encode(lane.pcpu, forKey: .pcpu)
            try one.encode(lane.counter, forKey: .counter)
            try one.encode(Self.runs(lane.holder.map(Int.init)), forKey: .holder)
            // Shares in sixteenths: finer ones cannot be seen and would not make runs.
            try one.encode(Self.runs(lane.share.map { Int($0) / 16 }), forKey: .share)
        }
        var owners = container.nestedUnkeyedContainer(forKey: .owners)
        for lane in ownerLanes {
            var one = owners.nestedContainer(keyedBy: OwnerKeys.self)
            try one.encode(lane.owner, forKey: .owner)
            try one.encode(lane.name, forKey: .name)
            try one.encode(Self.runs((0..<buckets).map { packed(lane, $0) }), forKey: .states)
        }
    }

    /// Four shares of 0...15, running in the low bits. A state that occurs at all is never 0.
    private func packed(_ lane: OwnerLane, _ bucket: Int) -> Int {
        let length = (bucket + 1 < buckets ? bucketStart(bucket + 1) : end) - bucketStart(bucket)
        return State.allCases.reduce(0) { result, state in
            let ns = lane.ns[bucket * State.allCases.count + state.rawValue]
            let share = ns == 0 ? 0 : max(1, min(15, Int(ns * 15 / max(1, length))))
            return result | share << (4 * state.rawValue)
        }
    }

    static func runs(_ values: [Int]) -> [Int] {
        var runs: [Int] = []
        for value in values {
            if let last = runs.last, last == value {
                runs[runs.count - 2] += 1
            } else {
                runs += [1, value]
            }
        }
        return runs
    }
}
