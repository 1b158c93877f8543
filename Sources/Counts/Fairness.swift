/// How evenly counter time was shared among series that asked for it.
public struct Fairness: Equatable, Sendable {
    /// The least and the greatest share, running over enabled, 0 ... 1.
    public var least: Double
    public var greatest: Double
    /// Jain's index of the shares: 1 where all are equal, 1/n where one has everything. 1 also where all shares are 0.
    public var jain: Double

    /// Nil where nobody asked for a counter.
    public init?(_ rows: some Sequence<Series>) {
        let shares = rows.filter { $0.enabledNs > 0 }.map { Double($0.runningNs) / Double($0.enabledNs) }
        guard let least = shares.min(), let greatest = shares.max() else { return nil }
        self.least = least
        self.greatest = greatest
        let (sum, squares) = shares.reduce((0.0, 0.0)) { ($0.0 + $1, $0.1 + $1 * $1) }
        jain = squares == 0 ? 1 : sum * sum / (Double(shares.count) * squares)
    }
}
