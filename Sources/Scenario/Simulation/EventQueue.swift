/// What a simulated host does next: a binary heap by time, in order of arrival where times are equal.
struct EventQueue<Payload: Sendable>: Sendable {
    private struct Entry {
        var time: UInt64
        var number: UInt64
        var payload: Payload
        func isBefore(_ other: Entry) -> Bool { (time, number) < (other.time, other.number) }
    }
    private var heap: [Entry] = []
    private var number: UInt64 = 0

    var nextTime: UInt64? { heap.first?.time }

    mutating func add(_ payload: Payload, at time: UInt64) {
        heap.append(Entry(time: time, number: number, payload: payload))
        number += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeFirst() -> (time: UInt64, payload: Payload)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                    if heap[child].isBefore(heap[least]) { least = child }
                }
                if least == parent { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return (first.time, first.payload)
    }
}
