/// What identifies a series in every table of the same trace, whatever the policy.
public struct SeriesKey: Hashable, Sendable {
    /// `guest:VM/VCPU` or `host:NAME`.
    public var owner: String
    /// The logical CPU where the event is bound to one, else nil.
    public var pcpu: Int?
    /// The guest's virtual counter, `gp0`, `fixed1`, ...; for hosts nil or the event's slot in its group.
    public var counter: String?
    /// perf's spelling or the config of the event, e.g. `cycles` or `cpu/event=0xc0,umask=0x0/`.
    public var event: String

    public init(owner: String, pcpu: Int? = nil, counter: String? = nil, event: String) {
        self.owner = owner
        self.pcpu = pcpu
        self.counter = counter
        self.event = event
    }
}

extension SeriesKey: Comparable {
    /// The canonical order of a table: guests before hosts, numbers inside names by value (`gp2` before `gp10`).
    public static func < (a: SeriesKey, b: SeriesKey) -> Bool {
        if a.owner != b.owner { return NaturalOrder.less(a.owner, b.owner) }
        if a.pcpu != b.pcpu { return (a.pcpu ?? -1) < (b.pcpu ?? -1) }
        if a.counter != b.counter { return NaturalOrder.less(a.counter ?? "", b.counter ?? "") }
        return NaturalOrder.less(a.event, b.event)
    }
}

extension SeriesKey: CustomStringConvertible {
    /// `guest:vm0/1 gp0 cycles`, `host:agent cpu 3 cycles`.
    public var description: String {
        var words = [owner]
        if let pcpu { words.append("cpu \(pcpu)") }
        if let counter { words.append(counter) }
        words.append(event)
        return words.joined(separator: " ")
    }
}

/// One guest counter or one host event under one policy: a row of the table. Times are nanoseconds.
public struct Series: Equatable, Sendable {
    public var key: SeriesKey
    public var reading: Reading
    /// Why the count is known as it is: empty for an exact count that needs no comment.
    public var reason: String
    /// Time during which the owner had the counter enabled.
    public var enabledNs: UInt64
    /// Time during which it really counted.
    public var runningNs: UInt64
    /// Time during which the guest believed that it counted, and it did not.
    public var silentNs: UInt64
    /// Time of host monitoring that the policy took away.
    public var blindNs: UInt64
    /// Of the running time of a guest's counter M, that on a physical counter other than M: harmless where the two are
    /// fungible; a guest's PEBS is off for it.
    public var crossMappedNs: UInt64
    /// A digest of the stretches in which it ran and of the event it ran as; nil where nobody tells. Over the same
    /// demand, equal stretches mean the same count, even where nobody knows how much that is.
    public var schedule: UInt64?

    public init(
        key: SeriesKey, reading: Reading, reason: String = "", enabledNs: UInt64 = 0, runningNs: UInt64 = 0,
        silentNs: UInt64 = 0, blindNs: UInt64 = 0, crossMappedNs: UInt64 = 0, schedule: UInt64? = nil
    ) {
        self.key = key
        self.reading = reading
        self.reason = reason
        self.enabledNs = enabledNs
        self.runningNs = runningNs
        self.silentNs = silentNs
        self.blindNs = blindNs
        self.crossMappedNs = crossMappedNs
        self.schedule = schedule
    }
}
