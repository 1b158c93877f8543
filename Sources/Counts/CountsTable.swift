/// The results of one replay: what every guest counter and host event counted under one policy, and what that cost.
///
/// A value: the same rows in any order make an equal table, so that the bytes written for it do not depend on threads
/// or hash seeds.
public struct CountsTable: Equatable, Sendable {
    /// The policy's name.
    public var policy: String
    /// What was replayed, as the user named it; nil where unknown. No part of any comparison.
    public var trace: String?
    /// First and last time of the trace, ns of its clock.
    public var start: UInt64
    public var end: UInt64
    /// One row per guest counter and host event.
    public let series: SeriesColumns
    /// What the counts were at checkpoints; nil where none were kept.
    public let checkpoints: Checkpoints?
    public internal(set) var operations: [OperationCounts]
    public let openLoop: [OpenLoopItem]
    public let displaced: [DisplacedEvent]
    public let taints: [Taint]
    public let notices: [Notice]

    /// - Parameters:
    ///   - series: in any order. Rows with an equal key are told apart by their order.
    ///   - checkpoints: `columns` in the order of `series` as given.
    public init(
        policy: String, trace: String? = nil, start: UInt64 = 0, end: UInt64 = 0, series rows: [Series],
        checkpoints: Checkpoints? = nil, operations: [OperationCounts] = [], openLoop: [OpenLoopItem] = [],
        displaced: [DisplacedEvent] = [], taints: [Taint] = [], notices: [Notice] = []
    ) {
        self.policy = policy
        self.trace = trace
        self.start = start
        self.end = end
        let order = SeriesColumns.canonicalOrder(rows)
        series = SeriesColumns(sorted: order.map { rows[$0] })
        self.checkpoints = checkpoints?.reordered(order)
        self.operations = operations.sorted { NaturalOrder.less($0.owner, $1.owner) }
        self.openLoop = openLoop.sorted { a, b in
            (a.time, a.owner ?? "", a.cause) < (b.time, b.owner ?? "", b.cause)
        }
        self.displaced = displaced.sorted { a, b in
            if a.owner != b.owner { return NaturalOrder.less(a.owner, b.owner) }
            return (a.pcpu ?? -1, a.since, a.event, a.lostNs, a.reason)
                < (b.pcpu ?? -1, b.since, b.event, b.lostNs, b.reason)
        }
        self.taints = taints.sorted { a, b in
            if (a.from, a.to) != (b.from, b.to) { return (a.from, a.to) < (b.from, b.to) }
            return (a.owner ?? "", a.pcpu ?? -1, a.counter ?? "", a.cause)
                < (b.owner ?? "", b.pcpu ?? -1, b.counter ?? "", b.cause)
        }
        self.notices = notices.sorted { a, b in (a.time, a.owner, a.what) < (b.time, b.owner, b.what) }
    }
}
