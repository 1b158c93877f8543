/// The open blocks of a writer: events that wait, per pCPU, in flat memory.
struct PendingBlocks: ~Copyable {
    struct Slot {
        var events: UnsafeMutablePointer<TraceEvent>?
        var capacity = 0
        var count = 0
        var firstTime: UInt64 = 0
        /// The latest time of the blocks taken before.
        var previous: UInt64 = 0
        var latest: UInt64 = 0
    }

    private let eventsPerBlock: Int
    private var slots: UnsafeMutablePointer<Slot>
    private var slotCount: Int
    /// Bytes of the events that wait.
    private(set) var bytes = 0
    /// Events ever appended, and the latest time of any.
    var eventCount: UInt64 = 0
    var latest: UInt64 = 0
    /// Nothing can be appended any more.
    var isClosed = false
    /// Buffers with room for a whole block that nobody uses, `spareBytes` at most.
    private var spare: [UnsafeMutablePointer<TraceEvent>] = []

    private let spareBytes: Int

    init(eventsPerBlock: Int, spareBytes: Int) {
        self.eventsPerBlock = eventsPerBlock
        self.spareBytes = spareBytes
        slotCount = 16
        slots = .allocate(capacity: slotCount)
        slots.initialize(repeating: Slot(), count: slotCount)
    }

    deinit {
        for i in 0..<slotCount { slots[i].events?.deallocate() }
        for memory in spare { memory.deallocate() }
        slots.deallocate()
    }

    /// How many events wait on a pCPU, and the time of the first.
    struct Fill {
        var count: Int
        var firstTime: UInt64
    }

    /// nil where none waits.
    func fill(of pcpu: UInt16) -> Fill? {
        guard Int(pcpu) < slotCount, slots[Int(pcpu)].count > 0 else { return nil }
        return Fill(count: slots[Int(pcpu)].count, firstTime: slots[Int(pcpu)].firstTime)
    }

    /// Adds 1 or more events of one pCPU, for which its block has room; `latest` is the greatest of their times.
    mutating func append(_ events: UnsafePointer<TraceEvent>, count: Int, latest time: UInt64) -> Fill {
        let pcpu = Int(events.pointee.pcpu)
        if pcpu >= slotCount { growSlots(pcpu) }
        let slot = slots + pcpu
        while slot.pointee.count + count > slot.pointee.capacity { grow(slot) }
        if slot.pointee.count == 0 { slot.pointee.firstTime = events.pointee.time }
        (slot.pointee.events! + slot.pointee.count).update(from: events, count: count)
        slot.pointee.count &+= count
        slot.pointee.latest = max(slot.pointee.latest, time)
        latest = max(latest, time)
        eventCount &+= UInt64(count)
        bytes &+= count &* MemoryLayout<TraceEvent>.stride
        return Fill(count: slot.pointee.count, firstTime: slot.pointee.firstTime)
    }

    /// Adds an event.
    @inline(__always)
    mutating func append(_ event: TraceEvent) -> Fill {
        let pcpu = Int(event.pcpu)
        if pcpu >= slotCount { growSlots(pcpu) }
        let slot = slots + pcpu
        if slot.pointee.count == slot.pointee.capacity { grow(slot) }
        if slot.pointee.count == 0 { slot.pointee.firstTime = event.time }
        slot.pointee.events![slot.pointee.count] = event
        slot.pointee.count &+= 1
        if event.time > slot.pointee.latest { slot.pointee.latest = event.time }
        if event.time > latest { latest = event.time }
        eventCount &+= 1
        bytes &+= MemoryLayout<TraceEvent>.stride
        return Fill(count: slot.pointee.count, firstTime: slot.pointee.firstTime)
    }

    private mutating func growSlots(_ pcpu: Int) {
        let count = max(slotCount * 2, (pcpu + 16) & ~15)
        let grown = UnsafeMutablePointer<Slot>.allocate(capacity: count)
        grown.initialize(repeating: Slot(), count: count)
        grown.update(from: slots, count: slotCount)
        slots.deallocate()
        slots = grown
        slotCount = count
    }

    private mutating func grow(_ slot: UnsafeMutablePointer<Slot>) {
        if slot.pointee.capacity == 0, let whole = spare.popLast() {
            slot.pointee.events = whole
            slot.pointee.capacity = eventsPerBlock
            return
        }
        let capacity = min(max(64, slot.pointee.capacity * 4), max(64, eventsPerBlock))
        let grown = LargeMemory.allocate(TraceEvent.self, capacity)
        if let old = slot.pointee.events {
            grown.moveInitialize(from: old, count: slot.pointee.count)
            old.deallocate()
        }
        slot.pointee.events = grown
        slot.pointee.capacity = capacity
    }

    /// The pCPUs with waiting events, rising.
    var waiting: [UInt16] { (0..<slotCount).filter { slots[$0].count > 0 }.map { UInt16($0) } }

    func firstTime(of pcpu: UInt16) -> UInt64 { slots[Int(pcpu)].firstTime }

    /// The pCPU with the most waiting events; the lowest of equals.
    var fullest: UInt16? {
        var best: Int?
        for i in 0..<slotCount where slots[i].count > (best.map { slots[$0].count } ?? 0) { best = i }
        return best.map { UInt16($0) }
    }

    /// The earliest first time of what waits.
    var earliest: UInt64? {
        var least: UInt64?
        for i in 0..<slotCount where slots[i].count > 0 { least = min(least ?? .max, slots[i].firstTime) }
        return least
    }

    /// The waiting events of a pCPU, the caller's until it recycles them.
    mutating func take(_ pcpu: UInt16) -> CutBlock? {
        let slot = slots + Int(pcpu)
        guard slot.pointee.count > 0, let events = slot.pointee.events else { return nil }
        let taken = UnsafeBufferPointer(start: events, count: slot.pointee.count)
        let block = CutBlock(
            events: taken, isWhole: slot.pointee.capacity >= eventsPerBlock, previous: slot.pointee.previous)
        bytes -= slot.pointee.count * MemoryLayout<TraceEvent>.stride
        slot.pointee.count = 0
        slot.pointee.capacity = 0
        slot.pointee.events = nil
        slot.pointee.previous = slot.pointee.latest
        return block
    }

    /// Gives back what `take` gave. Buffers with room for a whole block wait for the next one.
    mutating func recycle(_ block: CutBlock) {
        let memory = UnsafeMutablePointer(mutating: block.events.baseAddress!)
        if block.isWhole, (spare.count + 1) * eventsPerBlock * MemoryLayout<TraceEvent>.stride <= spareBytes {
            spare.append(memory)
        } else {
            memory.deallocate()
        }
    }
}
