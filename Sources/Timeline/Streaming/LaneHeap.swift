/// Which pCPU's lane comes next: a binary heap, the least (key, pCPU) first.
struct LaneHeap {
    private struct Head {
        var key: UInt64
        var pcpu: UInt16
        var lane: Int32

        static func < (a: Head, b: Head) -> Bool { a.key < b.key || a.key == b.key && a.pcpu < b.pcpu }
    }

    private var heads: ContiguousArray<Head> = []

    /// The lane that comes next, nil once there is none.
    var top: Int? { heads.isEmpty ? nil : Int(heads[0].lane) }

    /// Where the top stands, and where the one after it; `.max` where there is none.
    var topKey: UInt64 { heads.first?.key ?? .max }
    var secondKey: UInt64 {
        min(heads.count > 1 ? heads[1].key : .max, heads.count > 2 ? heads[2].key : .max)
    }

    mutating func push(_ key: UInt64, _ pcpu: UInt16, _ lane: Int) {
        heads.append(Head(key: key, pcpu: pcpu, lane: Int32(lane)))
        var at = heads.count - 1
        while at > 0, heads[at] < heads[(at - 1) / 2] {
            heads.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    /// The lane on top stands at `key` now.
    mutating func move(to key: UInt64) {
        heads[0].key = key
        siftDown()
    }

    /// The lane on top is at its end.
    mutating func pop() {
        let last = heads.removeLast()
        if heads.isEmpty { return }
        heads[0] = last
        siftDown()
    }

    private mutating func siftDown() {
        let moving = heads[0]
        var at = 0
        while true {
            var child = 2 * at + 1
            guard child < heads.count else { break }
            if child + 1 < heads.count, heads[child + 1] < heads[child] { child += 1 }
            guard heads[child] < moving else { break }
            heads[at] = heads[child]
            at = child
        }
        heads[at] = moving
    }
}
