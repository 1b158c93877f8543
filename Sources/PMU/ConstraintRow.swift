/// One row of a constraint table: which configs it speaks of, and the counters it leaves them.
///
/// Matching is `constraint_match()` of arch/x86/events/perf_event.h (v6.12): `(config & compare) - code <= size`.
public struct ConstraintRow: Sendable {
    public var code: UInt64
    public var size: UInt64
    public var compare: UInt64
    public var mask: UInt64
    public var kind: Constraint.Kind
    public var weight: Int?
    /// The counters with hyper-threading off, where the row differs.
    public var maskWithoutHT: UInt64?

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

    /// A row for a fixed counter: event, umask, edge, invert, counter mask and the TSX bits must all match; an event
    /// code other than 0 may use every GP counter as well (`intel_pmu_check_event_constraints()`, v6.12).
    public static func fixed(_ code: UInt64, _ number: Int, gp: UInt64) -> ConstraintRow {
        let all: UInt64 =
            0xffff | EventSelect.edge | EventSelect.invert | 0xff00_0000 | EventSelect.inTX
            | EventSelect.inTXCheckpointed
        return ConstraintRow(
            code: code, size: 0, compare: all, mask: Counter.fixed(number).bit | (code & 0xff != 0 ? gp : 0),
            kind: .plain)
    }

    public init(
        code: UInt64, size: UInt64, compare: UInt64, mask: UInt64, kind: Constraint.Kind, weight: Int? = nil
    ) {
        self.code = code
        self.size = size
        self.compare = compare
        self.mask = mask
        self.kind = kind
        self.weight = weight
    }

    @inlinable public func matches(_ config: UInt64) -> Bool { (config & compare) &- code <= size }
}
