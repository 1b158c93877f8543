/// A table in a few numbers. Times are nanoseconds summed over series.
public struct Summary: Equatable, Sendable {
    /// Series of guests by mark.
    public var exact = 0
    public var bounded = 0
    public var unknown = 0
    /// Of the guests.
    public var enabledNs: UInt64 = 0
    public var runningNs: UInt64 = 0
    public var silentNs: UInt64 = 0
    /// Of the host's events.
    public var hostEnabledNs: UInt64 = 0
    public var blindNs: UInt64 = 0
    /// Different host events (by owner, pCPU and event) that went without a counter.
    public var displaced = 0
    public var interceptedAccesses: UInt64 = 0
    public var eventsCreated: UInt64 = 0
    public var registerWrites: UInt64 = 0
    public var openLoop = 0

    public init(_ table: CountsTable) {
        for row in table.series {
            if row.key.isGuest {
                switch row.reading.mark {
                case .exact: exact += 1
                case .bounded: bounded += 1
                case .unknown: unknown += 1
                }
                enabledNs &+= row.enabledNs
                runningNs &+= row.runningNs
                silentNs &+= row.silentNs
            } else {
                hostEnabledNs &+= row.enabledNs
                blindNs &+= row.blindNs
            }
        }
        struct Lost: Hashable {
            var owner: String
            var pcpu: Int?
            var event: String
        }
        displaced = Set(table.displaced.map { Lost(owner: $0.owner, pcpu: $0.pcpu, event: $0.event) }).count
        for one in table.operations {
            interceptedAccesses &+= one.interceptedAccesses
            eventsCreated &+= one.eventsCreated
            registerWrites &+= one.registerWrites
        }
        openLoop = table.openLoop.count
    }

    /// Adds the numbers of another table.
    public mutating func add(_ other: Summary) {
        exact += other.exact
        bounded += other.bounded
        unknown += other.unknown
        enabledNs &+= other.enabledNs
        runningNs &+= other.runningNs
        silentNs &+= other.silentNs
        hostEnabledNs &+= other.hostEnabledNs
        blindNs &+= other.blindNs
        displaced += other.displaced
        interceptedAccesses &+= other.interceptedAccesses
        eventsCreated &+= other.eventsCreated
        registerWrites &+= other.registerWrites
        openLoop += other.openLoop
    }
}

extension SeriesKey {
    /// Whether the owner is a vCPU; else it is a host event.
    public var isGuest: Bool { owner.hasPrefix("guest:") }
}

extension Series {
    /// The counter reported itself as working for some time, and counted for none of it.
    public var isWhollySilent: Bool { enabledNs > 0 && silentNs >= enabledNs }
}
