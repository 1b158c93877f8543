/// A piece of the file that cannot be read.
public struct TraceDamage: Equatable, Sendable {
    /// Bytes of the file.
    public var range: Range<UInt64>
    public var reason: String
    /// The pCPU whose events are missing and the times between which they lay, ns; nil where the index does not tell:
    /// then events of any pCPU and time may be missing.
    public var pcpu: UInt16?
    public var interval: ClosedRange<UInt64>?

    /// How many events are missing, where that is known.
    public var events: Int?

    public init(
        range: Range<UInt64>, reason: String, pcpu: UInt16? = nil, interval: ClosedRange<UInt64>? = nil,
        events: Int? = nil
    ) {
        self.range = range
        self.reason = reason
        self.pcpu = pcpu
        self.interval = interval
        self.events = events
    }
}

/// What to do about a piece that cannot be read.
public enum DamageHandling: Sendable {
    /// Throw, naming file and offset.
    case fail
    /// Go on without it, and report it.
    case skip
}
