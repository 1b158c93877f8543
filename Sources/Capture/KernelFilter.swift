import Trace

/// What the kernel shall let through before a record is made.
struct KernelFilter: Equatable, Sendable {
    var registers: RegisterScope

    /// The filter expression for a tracepoint, nil when it needs none.
    func expression(for kind: EventKind) -> String? {
        guard registers == .pmu, let field = kind.registerField else { return nil }
        return PMURegisters.ranges.map { range in
            let (first, last) = ("0x" + String(range.lowerBound, radix: 16), "0x" + String(range.upperBound, radix: 16))
            return range.count == 1 ? "\(field) == \(first)" : "(\(field) >= \(first) && \(field) <= \(last))"
        }.joined(separator: " || ")
    }
}

/// Which register accesses a recording takes.
public enum RegisterScope: Sendable, Equatable {
    /// Those of the core PMU.
    case pmu
    /// All.
    case all
}

extension EventKind {
    /// The tracepoint's field that names a register, or nil where none does (in `msr:rdpmc` it is a counter's number).
    fileprivate var registerField: String? {
        switch self {
        case .kvmMSR: "ecx"
        case .writeMSR, .readMSR: "msr"
        case .kvmEntry, .kvmExit, .rdpmc, .schedSwitch: nil
        }
    }
}
