import Host
import PMU

/// An operation of a guest, as far as what it does depends on it: what is written to a counter does not matter where nothing counts.
struct Question {
    var vcpu: Int32
    /// Kind, flags and register.
    var what: UInt64
    var value: UInt64

    private enum Kind: UInt64 { case write, read, readPMC, enter, exit }

    /// An entry or an exit, from which guest mode's clocks are told.
    var isTransition: Bool { what & 7 >= Kind.enter.rawValue }

    /// nil for what is no guest's operation.
    @inline(__always)
    init?(_ operation: DemandOperation, _ values: ValueRegisters) {
        switch operation.kind {
        case .guestWrite(let vcpu, let register, let value, let faulted):
            self.vcpu = vcpu
            what = Kind.write.rawValue | (faulted ? 8 : 0) | UInt64(register) << 32
            self.value = values.contains(register) ? value & ~values.held : value
        case .guestRead(let vcpu, let register, let faulted):
            self.vcpu = vcpu
            what = Kind.read.rawValue | (faulted ? 8 : 0) | UInt64(register) << 32
            value = 0
        case .guestReadPMC(let vcpu): (self.vcpu, what, value) = (vcpu, Kind.readPMC.rawValue, 0)
        case .guestEnter(let vcpu): (self.vcpu, what, value) = (vcpu, Kind.enter.rawValue, 0)
        case .guestExit(let vcpu, let fast):
            (self.vcpu, what, value) = (vcpu, Kind.exit.rawValue | (fast ? 8 : 0), 0)
        default: return nil
        }
    }
}

/// Registers that hold a counter's value, whichever vendor's.
struct ValueRegisters {
    /// Bits that every guest's counters have: a value beyond them may be refused.
    let held: UInt64
    private let low: [Bool]
    private let high: [Bool]

    init(held: UInt64) {
        self.held = held
        low = (0..<8192).map { ValueRegisters.isValue(UInt32($0), .intel) }
        high = (0..<1024).map { ValueRegisters.isValue(0xc001_0000 + UInt32($0), .amdCoreExt) }
    }

    private static func isValue(_ register: UInt32, _ flavour: Flavour) -> Bool {
        switch RegisterName(address: register, flavour: flavour) {
        case .counter, .fullWidthCounter: true
        default: false
        }
    }

    @inline(__always)
    func contains(_ register: UInt32) -> Bool {
        if register < 8192 { return low[Int(register)] }
        let place = register &- 0xc001_0000
        return place < 1024 && high[Int(place)]
    }
}

/// What an operation does to a cell.
struct Answer {
    var what: UInt64 = 0
    var value: UInt64 = 0
    var cell: Int32 = -1
    var next: Int32 = -1
    var cost: Int32 = 0
    var firstStep: Int32 = 0
    var stepCount: Int32 = 0
}

/// Answers by cell and question, in flat memory with open addressing.
struct AnswerTable {
    private var memory: FlatMemory
    private(set) var count = 0

    private final class FlatMemory {
        let base: UnsafeMutablePointer<Answer>
        let mask: Int
        init(capacity: Int) {
            base = .allocate(capacity: capacity)
            base.initialize(repeating: Answer(), count: capacity)
            mask = capacity - 1
        }
        deinit { base.deallocate() }
    }

    private var base: UnsafeMutablePointer<Answer>
    private var mask: Int

    init() {
        memory = FlatMemory(capacity: 1 << 12)
        base = memory.base
        mask = memory.mask
    }

    /// Where the answer is, or would be.
    @inline(__always)
    func slot(of cell: Int32, _ question: Question) -> Int {
        var hash = question.what ^ (question.value &* 0x9e37_79b9_7f4a_7c15)
        hash = (hash ^ UInt64(UInt32(bitPattern: cell)) &* 0xd6e8_feb8_6659_fd93) &* 0xff51_afd7_ed55_8ccd
        var slot = Int(truncatingIfNeeded: hash >> 32) & mask
        while base[slot].cell >= 0 {
            if base[slot].cell == cell, base[slot].what == question.what, base[slot].value == question.value { break }
            slot = (slot &+ 1) & mask
        }
        return slot
    }

    @inline(__always)
    func isFull(_ slot: Int) -> Bool { base[slot].cell >= 0 }

    @inline(__always)
    subscript(slot: Int) -> Answer { base[slot] }

    mutating func insert(
        _ cell: Int32, _ question: Question, next: Int32, cost: Int32, firstStep: Int32, stepCount: Int32
    ) {
        if 2 * count > mask { grow() }
        let slot = slot(of: cell, question)
        if base[slot].cell < 0 { count += 1 }
        base[slot] = Answer(
            what: question.what, value: question.value, cell: cell, next: next, cost: cost, firstStep: firstStep,
            stepCount: stepCount)
    }

    private mutating func grow() {
        let old = memory
        memory = FlatMemory(capacity: 2 * (old.mask + 1))
        base = memory.base
        mask = memory.mask
        for slot in 0...old.mask where old.base[slot].cell >= 0 {
            let one = old.base[slot]
            var question = Question(one)
            question.vcpu = 0
            base[self.slot(of: one.cell, question)] = one
        }
    }
}

extension Question {
    fileprivate init(_ answer: Answer) { (vcpu, what, value) = (0, answer.what, answer.value) }
}
