import PMU

/// A count with what is known of it, while it is being put together. Adding keeps it sound: the truth of the sum lies
/// between the sums of the ends.
struct CountBounds: Sendable, Equatable {
    var lo: UInt64 = 0
    var hi: UInt64 = 0
    /// The best guess, inside the bounds.
    var guess: UInt64 = 0
    var basis: Basis = .exact

    /// What the bounds rest on, the weakest part counting.
    enum Basis: Int, Sendable, Comparable {
        case exact
        /// Part of a stretch that was measured as a whole, or a gap between measurements of the same event.
        case neighbours
        /// Counters of a mediated guest, which are taken not to have been written unseen.
        case unwritten
        /// Half the slowest rate next to it, twice the fastest rate of the event that the trace shows.
        case pace
        /// Nothing but what the hardware can do.
        case physicalLimit

        static func < (a: Basis, b: Basis) -> Bool { a.rawValue < b.rawValue }
    }

    static func exact(_ count: UInt64) -> CountBounds { CountBounds(lo: count, hi: count, guess: count) }

    /// Of an event of which nothing was measured: the most that is counted in `ns` (`CountEstimator.limit`).
    @inline(__always)
    static func unmeasured(_ most: PhysicalLimit, over ns: UInt64) -> CountBounds {
        let (product, overflow) = most.perSecond.multipliedReportingOverflow(by: ns)
        let whole = overflow ? scaled(most.perSecond, ns, 1_000_000_000) : product / 1_000_000_000
        let (limit, isBeyond) = whole.addingReportingOverflow(most.atOnce + 1)
        return CountBounds(lo: 0, hi: isBeyond ? .max : limit, guess: 0, basis: .physicalLimit)
    }

    static func + (a: CountBounds, b: CountBounds) -> CountBounds {
        CountBounds(
            lo: add(a.lo, b.lo), hi: add(a.hi, b.hi), guess: add(a.guess, b.guess), basis: max(a.basis, b.basis))
    }

    private static func add(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}

/// `value * numerator / denominator` without overflow, rounded down; `.max` if the result does not fit.
func scaled(_ value: UInt64, _ numerator: UInt64, _ denominator: UInt64) -> UInt64 {
    guard denominator > 0 else { return 0 }
    let product = value.multipliedFullWidth(by: numerator)
    guard product.high < denominator else { return .max }
    return denominator.dividingFullWidth(product).quotient
}
