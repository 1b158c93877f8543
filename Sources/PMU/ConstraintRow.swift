/// One row of a constraint table: which configs it speaks of, and the counters it leaves them.
///
/// Matching is `constraint_match()` of arch/x86/events/perf_event.h (v6.12): `(config & compare) - code <= size`.
public struct ConstraintRow: Hashable, Sendable {
    public var code: UInt64
    public var size: UInt64
    public var compare: UInt64
    public var mask: UInt64
    public var kind: Constraint.Kind
    /// The weight where it is not the mask's population count.
    public var weight: Int?
    /// What AMD Family 15h asks of the unit mask beside the event code.
    public var umaskRule: UmaskRule
    public var reach: Reach

    /// Conditions on the unit mask that no `compare` can state (`amd_get_event_constraints_f15h()`,
    /// arch/x86/events/amd/core.c, v6.12).
    public enum UmaskRule: UInt8, Sendable {
        case any
        /// Both halves of the unit mask have a bit set.
        case bothHalves
        case severalBits
        case atMostOneBit

        @inlinable func holds(_ config: UInt64) -> Bool {
            let umask = config >> 8 & 0xff
            return switch self {
            case .any: true
            case .bothHalves: umask & 0xf0 != 0 && umask & 0x0f != 0
            case .severalBits: umask.nonzeroBitCount > 1
            case .atMostOneBit: umask.nonzeroBitCount <= 1
            }
        }
    }

    /// Whether the row's counters are all, or every GP counter of the model comes on top: a fixed counter's event may
    /// use a GP counter as well unless its code is a pseudo encoding (`intel_pmu_check_event_constraints()`,
    /// arch/x86/events/intel/core.c, v6.12).
    public enum Reach: UInt8, Sendable { case listed, listedAndGP }

    /// What a fixed counter's row compares: event, umask, edge, invert, counter mask and the TSX bits
    /// (`FIXED_EVENT_FLAGS`, arch/x86/events/perf_event.h, v6.12).
    static let fixedCompare: UInt64 =
        0xffff | EventSelect.edge | EventSelect.invert | 0xff00_0000 | EventSelect.inTX | EventSelect.inTXCheckpointed

    /// What precise rows compare beside event and umask (`X86_ALL_EVENT_FLAGS`, arch/x86/events/perf_event.h, v6.12).
    static let flagsCompare: UInt64 = fixedCompare & ~0xffff | EventSelect.any | EventSelect.pinControl

    /// A row for all umasks of `event`.
    public static func event(_ event: UInt64, _ mask: UInt64, kind: Constraint.Kind = .plain) -> ConstraintRow {
        ConstraintRow(code: event, size: 0, compare: 0xff, mask: mask, kind: kind)
    }

    /// A row for the events `first...last`, all umasks.
    public static func events(_ first: UInt64, _ last: UInt64, _ mask: UInt64) -> ConstraintRow {
        ConstraintRow(code: first, size: last - first, compare: 0xff, mask: mask, kind: .plain)
    }

    /// A row for one event and umask (`umask << 8 | event`).
    public static func umask(_ code: UInt64, _ mask: UInt64) -> ConstraintRow {
        ConstraintRow(code: code, size: 0, compare: 0xffff, mask: mask, kind: .plain)
    }

    /// A precise row: event, umask and no edge, invert, counter mask or TSX bit.
    public static func plainUmask(_ code: UInt64, _ mask: UInt64) -> ConstraintRow {
        ConstraintRow(code: code, size: 0, compare: 0xffff | flagsCompare, mask: mask, kind: .plain)
    }

    /// A precise row for all umasks of `event` without edge, invert, counter mask or TSX bit.
    public static func plainEvent(_ event: UInt64, _ mask: UInt64) -> ConstraintRow {
        ConstraintRow(code: event, size: 0, compare: 0xff | flagsCompare, mask: mask, kind: .plain)
    }

    /// A row for every config.
    public static func everything(_ mask: UInt64) -> ConstraintRow {
        ConstraintRow(code: 0, size: 0, compare: 0, mask: mask, kind: .plain)
    }

    /// A row for fixed counter `number`; an event code other than 0 may use every GP counter as well.
    public static func fixed(_ code: UInt64, _ number: Int) -> ConstraintRow {
        ConstraintRow(
            code: code, size: 0, compare: fixedCompare, mask: Counter.fixed(number).bit, kind: .plain,
            reach: code & 0xff != 0 ? .listedAndGP : .listed)
    }

    /// A row for the topdown metric whose pseudo counter is 48 + `number` (`METRIC_EVENT_CONSTRAINT`).
    public static func metric(_ code: UInt64, _ number: Int) -> ConstraintRow {
        ConstraintRow(code: code, size: 0, compare: fixedCompare, mask: 1 << UInt64(48 + number), kind: .plain)
    }

    /// A row for AMD's 12-bit event code.
    public static func amdEvent(
        _ code: UInt64, _ mask: UInt64, kind: Constraint.Kind = .plain, weight: Int? = nil, umask: UmaskRule = .any
    ) -> ConstraintRow {
        ConstraintRow(
            code: code & 0xff | (code & 0xf00) << 24, size: 0, compare: EventSelect.amdEventMask, mask: mask,
            kind: kind, weight: weight, umaskRule: umask)
    }

    /// A row for AMD's event types `first...last`: bits 7:4 of the event code.
    public static func amdTypes(_ first: UInt64, _ last: UInt64, _ mask: UInt64) -> ConstraintRow {
        ConstraintRow(code: first, size: last - first, compare: 0xf0, mask: mask, kind: .plain)
    }

    public init(
        code: UInt64, size: UInt64, compare: UInt64, mask: UInt64, kind: Constraint.Kind, weight: Int? = nil,
        umaskRule: UmaskRule = .any, reach: Reach = .listed
    ) {
        self.code = code
        self.size = size
        self.compare = compare
        self.mask = mask
        self.kind = kind
        self.weight = weight
        self.umaskRule = umaskRule
        self.reach = reach
    }

    @inlinable public func matches(_ config: UInt64) -> Bool {
        (config & compare) &- code <= size && umaskRule.holds(config)
    }
}

extension ConstraintRow: CustomStringConvertible {
    /// The row as a table prints it: `event 0xd0`, `events 0x60...0x8b`, `event 0xc0 umask 0x01` and so on.
    public var description: String {
        let event = "0x" + String(code & 0xff | code >> 24 & 0xf00, radix: 16)
        if compare == 0 { return "any event" }
        let name =
            size > 0
            ? "events \(event)...0x" + String((code + size) & 0xff, radix: 16)
            : compare & 0xff00 != 0 ? "event \(event) umask 0x" + String(code >> 8 & 0xff, radix: 16) : "event \(event)"
        return compare & ConstraintRow.fixedCompare == ConstraintRow.fixedCompare
            ? name + ", no edge, inv, cmask or TSX bit" : name
    }
}
