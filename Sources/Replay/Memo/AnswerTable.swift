/// What an operation does to a cell.
struct Answer {
    var cell: Int32 = -1
    /// The question's number.
    var number: Int32 = -1
    var next: Int32 = -1
    /// The vCPU's own cell where it is switched out.
    var parked: Int32 = -1
    var cost: Int32 = 0
    var firstStep: Int32 = 0
    var stepCount: Int32 = 0
    /// Where the answer lies that was asked for after this one last time: it often is the next one again.
    var follower: Int32 = 0
    /// Counters that come into use; with `replacesUsed` they are all that are.
    var used: UInt64 = 0

    static let replacesUsed: UInt64 = 1 << 63

    /// The counters in use after it.
    @inline(__always)
    func used(before: UInt64) -> UInt64 {
        used & ~Answer.replacesUsed | (used & Answer.replacesUsed != 0 ? 0 : before)
    }
}

/// Answers by cell and question, in flat memory: in the order in which they were learnt, in which they are often asked
/// for again, and found by open addressing.
struct AnswerTable {
    private var memory: FlatMemory
    private(set) var count = 0

    private final class FlatMemory {
        let base: UnsafeMutablePointer<Answer>
        /// Where each answer lies, -1 for none: twice as many as there is room for.
        let slots: UnsafeMutablePointer<Int32>
        let capacity: Int
        var mask: Int { 2 * capacity - 1 }

        init(capacity: Int) {
            self.capacity = capacity
            base = .allocate(capacity: capacity)
            base.initialize(repeating: Answer(), count: capacity)
            slots = .allocate(capacity: 2 * capacity)
            slots.initialize(repeating: -1, count: 2 * capacity)
        }

        deinit {
            base.deallocate()
            slots.deallocate()
        }
    }

    private var base: UnsafeMutablePointer<Answer>
    private var slots: UnsafeMutablePointer<Int32>
    private var mask: Int

    init() {
        memory = FlatMemory(capacity: 1 << 11)
        (base, slots, mask) = (memory.base, memory.slots, memory.mask)
    }

    @inline(__always)
    private static func hash(_ cell: Int32, _ number: Int32) -> Int {
        let word = UInt64(UInt32(bitPattern: cell)) << 32 | UInt64(UInt32(bitPattern: number))
        return Int(truncatingIfNeeded: ((word ^ word &>> 29) &* 0xd6e8_feb8_6659_fd93) &>> 34)
    }

    /// The answer for a cell to the question of a number, nil where it is not known; good until one is inserted.
    @inline(__always)
    func answer(_ cell: Int32, _ number: Int32) -> UnsafeMutablePointer<Answer>? {
        var slot = AnswerTable.hash(cell, number) & mask
        while slots[slot] >= 0 {
            let one = base + Int(slots[slot])
            if one.pointee.cell == cell, one.pointee.number == number { return one }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    /// The same, when the answer at `last` was the one before: looked for where the next one was last time.
    @inline(__always)
    func answer(
        _ cell: Int32, _ number: Int32, after last: UnsafeMutablePointer<Answer>?
    ) -> UnsafeMutablePointer<Answer>? {
        guard let last else { return answer(cell, number) }
        let guess = base + Int(last.pointee.follower)
        if guess.pointee.cell == cell, guess.pointee.number == number { return guess }
        guard let found = answer(cell, number) else { return nil }
        last.pointee.follower = Int32(truncatingIfNeeded: found - base)
        return found
    }

    mutating func insert(_ answer: Answer) {
        if let known = self.answer(answer.cell, answer.number) {
            known.pointee = answer
            return
        }
        if count == memory.capacity { grow() }
        base[count] = answer
        place(count)
        count += 1
    }

    private func place(_ number: Int) {
        var slot = AnswerTable.hash(base[number].cell, base[number].number) & mask
        while slots[slot] >= 0 { slot = (slot &+ 1) & mask }
        slots[slot] = Int32(number)
    }

    private mutating func grow() {
        let old = memory
        memory = FlatMemory(capacity: 2 * old.capacity)
        (base, slots, mask) = (memory.base, memory.slots, memory.mask)
        base.update(from: old.base, count: count)
        for number in 0..<count { place(number) }
    }
}
