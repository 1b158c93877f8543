/// The set of counters an event may use, as `x86_schedule_events()` (arch/x86/events/core.c) sees it.
public struct Constraint: Hashable, Sendable {
    /// Bit n: counter n may hold the event (0...31 GP, 32+n fixed and pseudo counters).
    public var mask: UInt64
    /// The number by which the solver orders events: usually the mask's population count. A large-increment pair on
    /// AMD Family 17h and later has 3 of 6 (`pair_constraint`, arch/x86/events/amd/core.c).
    public var weight: Int
    public var kind: Kind

    public enum Kind: UInt8, Sendable {
        case plain
        /// The placement is worth revisiting: the solver saves its state (`EVENT_CONSTRAINT_OVERLAP`).
        case overlap
        /// The event takes counter n and n+1 (`PERF_X86_EVENT_PAIR`).
        case pair
        /// The sibling hyper-thread must leave the counter alone (`PERF_X86_EVENT_EXCL`, Sandy Bridge to Haswell).
        case exclusive
    }

    public init(mask: UInt64, weight: Int? = nil, kind: Kind = .plain) {
        self.mask = mask
        self.weight = weight ?? mask.nonzeroBitCount
        self.kind = kind
    }

    /// No counter may hold the event.
    public static let impossible = Constraint(mask: 0)

    /// The constraint without the counters in `taken`, each taking one from the weight.
    public func without(_ taken: UInt64) -> Constraint {
        let gone = mask & taken
        return gone == 0 ? self : Constraint(mask: mask & ~gone, weight: weight - gone.nonzeroBitCount, kind: kind)
    }
}
