import Host
import PMU

/// An operation of a guest, as far as what it does depends on it: what is written to a counter does not matter where
/// nothing counts, and of an event select only which of the counter's events it names (`EventBindings`), or what an
/// event is like that is none of them.
struct Question {
    var vcpu: Int32
    /// Kind, flags, number of the event and register.
    var what: UInt64
    var value: UInt64
    /// The GP counter whose event select is written, -1 for none, and the event.
    var slot: Int32 = -1
    var event = EventBindings.none
    /// By which an answer is found (`QuestionNumbers`); -1 where it has none.
    var number: Int32 = -1

    enum Kind: UInt64 { case write, read, readPMC, switchOut, switchIn, enter, exit }

    /// In `what`: the event goes by its number.
    static let isNamed: UInt64 = 1 << 8

    /// An entry or an exit, from which guest mode's clocks are told.
    @inline(__always)
    var isTransition: Bool { what & 7 >= Kind.enter.rawValue }

    var isWrite: Bool { what & 7 == Kind.write.rawValue }

    /// About a vCPU's thread being switched.
    init(_ kind: Kind, vcpu: Int, value: UInt64) { (self.vcpu, what, self.value) = (Int32(vcpu), kind.rawValue, value) }

    /// nil for what is no guest's operation.
    @inline(__always)
    init?(_ operation: DemandOperation, _ registers: CounterRegisters) {
        switch operation.kind {
        case .guestWrite(let vcpu, let register, let value, let faulted):
            self.vcpu = vcpu
            what = Kind.write.rawValue | (faulted ? 8 : 0) | UInt64(register) << 32
            self.value = value
            let role = registers.role(of: register)
            if role == CounterRegisters.holdsValue {
                self.value = value & ~registers.held
            } else {
                slot = Int32(role)
            }
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

/// Numbers of questions. One that is asked with the number of an event has as many as a counter has events, and one
/// more.
struct QuestionNumbers {
    private var numbers: [Words: Int32] = [:]
    private var next = QuestionNumbers.firstFree

    private struct Words: Hashable {
        var what: UInt64
        var value: UInt64
    }

    /// Questions that are numbered.
    static let most = 1 << 18
    private static let firstFree: Int32 = 1
    /// A switch to a vCPU whose cell is known: numbers from here on, by that cell.
    private static let firstSwitch: Int32 = 1 << 24

    /// The number of a question without that of its event, -1 where there are too many.
    mutating func number(of asked: Question) -> Int32 {
        if asked.what == Question.Kind.switchIn.rawValue { return QuestionNumbers.firstSwitch + Int32(asked.value) }
        let words = Words(what: asked.what, value: asked.value)
        if let known = numbers[words] { return known }
        guard numbers.count < QuestionNumbers.most else { return -1 }
        numbers[words] = next
        defer { next += Int32(EventBindings.most + 1) }
        return next
    }
}

/// An event select as a question has it: the event, and a word for its control bits and what is asked of the event.
struct NamedSelect {
    var event: UInt64
    /// 0 where the code itself must be known.
    var word: UInt64
}

/// What the registers of counters are for, whichever vendor's.
struct CounterRegisters {
    static let nothing: Int8 = -1
    static let holdsValue: Int8 = -2

    /// Bits that every guest's counters have: a value beyond them may be refused.
    let held: UInt64
    private let low: [Int8]
    private let high: [Int8]

    init(held: UInt64, flavour: Flavour) {
        self.held = held
        low = (0..<8192).map { CounterRegisters.role(UInt32($0), flavour) }
        high = (0..<1024).map { CounterRegisters.role(0xc001_0000 + UInt32($0), flavour) }
    }

    private static func role(_ register: UInt32, _ flavour: Flavour) -> Int8 {
        for vendor in [Flavour.intel, .amdCoreExt] {
            switch RegisterName(address: register, flavour: vendor) {
            case .counter, .fullWidthCounter: return holdsValue
            case .eventSelect(let counter) where (vendor == .intel) == (flavour == .intel):
                return GuestRegisters.slot(of: counter).map { Int8($0) } ?? nothing
            default: continue
            }
        }
        return nothing
    }

    /// The bits of the value of a write that are asked about.
    func openBits(_ asked: Question) -> UInt64 {
        role(of: UInt32(truncatingIfNeeded: asked.what >> 32)) == CounterRegisters.holdsValue ? ~held : .max
    }

    /// The slot of the GP counter that the register is the event select of, or one of the above.
    @inline(__always)
    func role(of register: UInt32) -> Int8 {
        if register < 8192 { return low[Int(register)] }
        let place = register &- 0xc001_0000
        return place < 1024 ? high[Int(place)] : CounterRegisters.nothing
    }
}
