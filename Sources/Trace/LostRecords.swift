/// Records the kernel made and the recorder never saw: where, how many, and when at the earliest and latest.
///
/// On its way to a verdict a loss passes four places: the file's checkpoints (`Checkpoint.swift`), the timeline's
/// taints (`TimelineBuilder+Finish.swift`), the series they concern (`TaintReach.swift`), and the rule that nothing
/// tainted is called the same (`SeriesDifference.swift`).
public struct LostRecords: Equatable, Sendable, Codable {
    public var pcpu: UInt16
    /// The tracepoint, where the source tells; nil where a ring is shared.
    public var kind: EventKind?
    /// Number of records, or nil where the source only says that some were lost.
    public var count: UInt64?
    /// The loss happened between these two times, ns of the trace's clock.
    public var earliest: UInt64
    public var latest: UInt64

    public init(pcpu: UInt16, kind: EventKind?, count: UInt64?, earliest: UInt64, latest: UInt64) {
        self.pcpu = pcpu
        self.kind = kind
        self.count = count
        self.earliest = earliest
        self.latest = latest
    }
}
