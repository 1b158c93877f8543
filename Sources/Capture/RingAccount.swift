import Trace

/// What became of the records of one ring: how many the kernel made, how many were read, how many are reported lost.
public struct RingAccount: Equatable, Sendable {
    public var pcpu: Int
    /// Records that the kernel made, with or without room in the ring: by the events' own counts, or by the ring's.
    public var made: UInt64
    /// One entry for each tracepoint of the ring.
    public var tracepoints: [Tracepoint]
    /// Lost records that the kernel reported for the ring without naming the tracepoint.
    public var lostOfUnknownKind: UInt64

    public struct Tracepoint: Equatable, Sendable {
        public var kind: EventKind
        /// The event's own count, hits after its filter; nil where the source counts by ring only.
        public var made: UInt64?
        public var read: UInt64
        public var lost: UInt64
    }

    public var read: UInt64 { tracepoints.reduce(0) { $0 + $1.read } }
    public var lost: UInt64 { tracepoints.reduce(lostOfUnknownKind) { $0 + $1.lost } }

    /// Whether every record that was made is accounted for.
    public var balances: Bool { read + lost == made }
}
