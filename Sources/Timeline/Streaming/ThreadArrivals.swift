/// A thread leaves one pCPU before it arrives on another. Where both happened at one time the merged order does not
/// tell: what the thread did on the old pCPU up to its departure goes before the switch to it.
///
/// Takes events batch by batch; no batch ends between two events of one time.
struct ThreadArrivals {
    /// The pCPU on which each thread was seen last, and not seen to leave.
    private var current: [Int32: UInt16] = [:]
    /// The thread seen last on each pCPU; where `since` is the present `changes`, `current` says so already.
    private var last: ContiguousArray<(thread: Int32, since: UInt64)> = []
    private var changes: UInt64 = 1

    /// The events that belong before another one: their places in `raw`, and the other one's index.
    mutating func places(of raw: ArraySlice<TimelineBuilder.RawEvent>) -> [Int: UInt64] {
        var places: [Int: UInt64] = [:]
        for number in raw.indices {
            let event = raw[number]
            if event.kind != .switched {
                if places.isEmpty || places[number] == nil { note(event) }
                continue
            }
            changes += 1
            if places[number] == nil, event.thread != 0, current[event.thread] == event.pcpu {
                current[event.thread] = nil
            }
            guard event.other != 0 else { continue }
            if let old = current[event.other], old != event.pcpu {
                var block: [Int] = []
                var next = number + 1
                while next < raw.endIndex, raw[next].time == event.time {
                    let later = raw[next]
                    if later.pcpu == old {
                        block.append(next)
                        if later.kind == .switched, later.thread == event.other {
                            for place in block { places[place] = event.index }
                            break
                        }
                    }
                    next += 1
                }
            }
            current[event.other] = event.pcpu
        }
        return places
    }

    private mutating func note(_ event: TimelineBuilder.RawEvent) {
        let pcpu = Int(event.pcpu)
        while last.count <= pcpu { last.append((0, 0)) }
        if last[pcpu].thread == event.thread, last[pcpu].since == changes { return }
        if current.updateValue(event.pcpu, forKey: event.thread) != event.pcpu { changes += 1 }
        last[pcpu] = (event.thread, changes)
    }
}
