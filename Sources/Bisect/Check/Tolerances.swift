import Counts

/// The rules in force for one check: the baseline's, then those of the command line.
public struct Tolerances: Equatable, Sendable {
    public var rules: [ToleranceRule]

    public init(_ rules: [ToleranceRule] = []) { self.rules = rules }

    /// What one series is compared with.
    public func options(for series: Series, policy: String, owners: [String] = []) -> DiffOptions {
        let fitting = rules.filter { $0.fits(series, policy: policy) }
        return DiffOptions(
            tolerance: fitting.last { $0.counts != nil }?.counts ?? Tolerance.none,
            timeTolerance: fitting.last { $0.times != nil }?.times ?? Tolerance.none, owners: owners)
    }
}
