/// The series of events that came into a GP counter of a vCPU lately: a guest that goes from task to task programs the
/// same ones over and over.
struct IncomerCache {
    private struct Entry {
        var event = EventBindings.none
        var series: Int32 = -1
    }

    /// Events that are kept for a counter, as a power of 2.
    private static let bits = 3
    private let entries: UnsafeMutablePointer<Entry>

    init(vcpus: Int) {
        let size = max(1, vcpus * EventBindings.slots) << IncomerCache.bits
        entries = .allocate(capacity: size)
        entries.initialize(repeating: Entry(), count: size)
    }

    func deallocate() { entries.deallocate() }

    @inline(__always)
    private func place(_ vcpu: Int, _ slot: Int, _ event: UInt64) -> Int {
        let hash = Int(truncatingIfNeeded: (event &* 0x9e37_79b9_7f4a_7c15) &>> UInt64(64 &- IncomerCache.bits))
        return (vcpu &* EventBindings.slots &+ slot) &<< IncomerCache.bits | hash
    }

    /// -1 where it is not kept.
    @inline(__always)
    func series(_ vcpu: Int, _ slot: Int, _ event: UInt64) -> Int32 {
        let first = place(vcpu, slot, event)
        if entries[first].event == event { return entries[first].series }
        return entries[first ^ 1].event == event ? entries[first ^ 1].series : -1
    }

    /// One that was kept there goes to the place next to it.
    func keep(_ series: Int32, _ vcpu: Int, _ slot: Int, _ event: UInt64) {
        let first = place(vcpu, slot, event)
        entries[first ^ 1] = entries[first]
        entries[first] = Entry(event: event, series: series)
    }
}
