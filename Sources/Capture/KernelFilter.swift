import Trace

/// What the kernel shall let through before a record is made.
struct KernelFilter: Equatable, Sendable {
    var registers: RegisterScope

    /// The filter expression for a tracepoint, nil when it needs none.
    ///
    /// The kernel looks at one comparison after the other, for each access of the host and its guests. So ranges are
    /// grouped by neighbourhood, and an access is compared with those of its own only.
    func expression(for kind: EventKind) -> String? {
        guard registers == .pmu, let field = kind.registerField else { return nil }
        return Self.neighbourhoods.map { ranges in
            let terms = ranges.map { Self.term(field, $0) }.joined(separator: " || ")
            guard ranges.count > 1, let first = ranges.map(\.lowerBound).min(),
                let last = ranges.map(\.upperBound).max()
            else { return terms }
            return "\(field) >= \(Self.hex(first)) && \(field) <= \(Self.hex(last)) && (\(terms))"
        }.map { "(\($0))" }.joined(separator: " || ")
    }

    /// AMD's registers, Intel's that every switch of a guest's tasks reaches, and the others of Intel's. What a host
    /// itself writes most lies between: its timer, its APIC, what it switches with each task.
    private static let neighbourhoods: [[ClosedRange<UInt32>]] = {
        let ranges = PMURegisters.ranges.sorted { $0.lowerBound < $1.lowerBound }
        return [
            ranges.filter { $0.lowerBound >= 0xc000_0000 }.reversed(),
            ranges.filter { $0.lowerBound < 0x600 },
            ranges.filter { (0x600..<0xc000_0000).contains($0.lowerBound) },
        ].filter { !$0.isEmpty }
    }()

    private static func term(_ field: String, _ range: ClosedRange<UInt32>) -> String {
        let (first, last) = (hex(range.lowerBound), hex(range.upperBound))
        return range.count == 1 ? "\(field) == \(first)" : "(\(field) >= \(first) && \(field) <= \(last))"
    }

    private static func hex(_ number: UInt32) -> String { "0x" + String(number, radix: 16) }
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
        default: nil
        }
    }
}
