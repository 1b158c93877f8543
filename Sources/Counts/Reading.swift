/// A count together with how it is known.
///
/// `exact` carries one number; `bounded` an interval whose ends may be open (nil: no limit known on that side);
/// `unknown` nothing.
public struct Reading: Equatable, Sendable {
    public let mark: Mark
    /// The count, or the best guess inside the bounds, or nil where there is none.
    public let count: UInt64?
    /// The least the count can be, or nil where unknown.
    public let lo: UInt64?
    /// The most the count can be, or nil where unknown.
    public let hi: UInt64?

    public static func exact(_ count: UInt64) -> Reading { Reading(mark: .exact, count: count, lo: count, hi: count) }

    /// `lo` must not exceed `hi`, and `guess` must lie between them.
    public static func bounded(_ lo: UInt64?, _ hi: UInt64?, guess: UInt64? = nil) -> Reading {
        precondition(lo == nil || hi == nil || lo! <= hi!, "bounds \(lo!) ... \(hi!) are upside down")
        precondition(guess == nil || (lo ?? 0) <= guess! && guess! <= hi ?? .max, "guess outside the bounds")
        return Reading(mark: .bounded, count: guess, lo: lo, hi: hi)
    }

    public static let unknown = Reading(mark: .unknown, count: nil, lo: nil, hi: nil)

    /// Takes fields from outside (a file, JSON); nil if they contradict each other.
    public init?(checking mark: Mark, count: UInt64?, lo: UInt64?, hi: UInt64?) {
        switch mark {
        case .exact:
            guard let count, lo ?? count == count, hi ?? count == count else { return nil }
            self = .exact(count)
        case .bounded:
            if let lo, let hi, lo > hi { return nil }
            if let count, count < lo ?? 0 || count > hi ?? .max { return nil }
            self = Reading(mark: .bounded, count: count, lo: lo, hi: hi)
        case .unknown:
            guard count == nil, lo == nil, hi == nil else { return nil }
            self = .unknown
        }
    }

    private init(mark: Mark, count: UInt64?, lo: UInt64?, hi: UInt64?) {
        self.mark = mark
        self.count = count
        self.lo = lo
        self.hi = hi
    }
}
