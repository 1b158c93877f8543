import PMU
import Policy

/// Who has a physical counter: a host user's event, or a guest's virtual counter (emulated or mediated).
public enum CounterHolder: Hashable, Sendable {
    /// Index into the demand's host events.
    case host(Int)
    case guest(vcpu: Int, counter: Counter)

    init(_ owner: EventOwner) {
        self =
            switch owner {
            case .host(let index): .host(index)
            case .guest(let vcpu, let counter): .guest(vcpu: vcpu, counter: counter)
            }
    }

    /// A number for flat tables; 0 is nobody.
    var code: Int32 {
        switch self {
        case .host(let index): Int32(truncatingIfNeeded: index + 1) << 1
        case .guest(let vcpu, let counter): Int32(truncatingIfNeeded: vcpu << 6 | Int(counter.index)) << 1 | 1
        }
    }

    init?(code: Int32) {
        if code == 0 { return nil }
        self =
            code & 1 == 0
            ? .host(Int(code >> 1) - 1)
            : .guest(vcpu: Int(code >> 7), counter: Counter(index: UInt8(code >> 1 & 63)))
    }
}
