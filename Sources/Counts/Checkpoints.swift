/// What each series had counted at certain times, so that a difference can be dated.
///
/// Flat and row-major: the value of series `s` at `times[k]` is `counts[s * times.count + k]`, cumulative since the
/// start of the trace. Where a series has no exact count its best guess stands, or 0.
public struct Checkpoints: Equatable, Sendable {
    /// ns of the trace's clock, rising.
    public let times: [UInt64]
    /// Cumulative counts; `times.count` per series.
    public let counts: [UInt64]
    /// Cumulative silent time, ns; `times.count` per series.
    public let silentNs: [UInt64]

    public init(times: [UInt64], counts: [UInt64], silentNs: [UInt64]) {
        precondition(counts.count == silentNs.count, "\(counts.count) counts but \(silentNs.count) silent times")
        precondition(
            times.isEmpty ? counts.isEmpty : counts.count.isMultiple(of: times.count),
            "\(counts.count) counts are no multiple of \(times.count) checkpoints")
        self.times = times
        self.counts = counts
        self.silentNs = silentNs
    }

    /// The number of series the columns hold.
    public var seriesCount: Int { times.isEmpty ? 0 : counts.count / times.count }

    func reordered(_ order: [Int]) -> Checkpoints {
        precondition(times.isEmpty || seriesCount == order.count, "\(seriesCount) columns for \(order.count) series")
        func pick(_ column: [UInt64]) -> [UInt64] {
            guard !times.isEmpty else { return [] }
            return order.flatMap { column[$0 * times.count..<($0 + 1) * times.count] }
        }
        return Checkpoints(times: times, counts: pick(counts), silentNs: pick(silentNs))
    }
}

extension Checkpoints: Codable {
    enum CodingKeys: String, CodingKey { case times, counts, silentNs }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let times = try container.decode([UInt64].self, forKey: .times)
        let counts = try container.decode([UInt64].self, forKey: .counts)
        let silentNs = try container.decode([UInt64].self, forKey: .silentNs)
        guard counts.count == silentNs.count,
            times.isEmpty ? counts.isEmpty : counts.count.isMultiple(of: times.count)
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .counts, in: container,
                debugDescription:
                    "\(times.count) times do not go with \(counts.count) counts and \(silentNs.count) silentNs")
        }
        self.init(times: times, counts: counts, silentNs: silentNs)
    }
}
