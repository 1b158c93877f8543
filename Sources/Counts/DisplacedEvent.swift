/// A host event that the policy took its counter from, or never gave it one.
public struct DisplacedEvent: Equatable, Sendable, Codable {
    /// `host:NAME`.
    public var owner: String
    public var pcpu: Int?
    public var event: String
    /// ns of the trace's clock when it first went without.
    public var since: UInt64
    /// ns in total that it went without.
    public var lostNs: UInt64
    public var reason: String

    public init(owner: String, pcpu: Int?, event: String, since: UInt64, lostNs: UInt64, reason: String) {
        self.owner = owner
        self.pcpu = pcpu
        self.event = event
        self.since = since
        self.lostNs = lostNs
        self.reason = reason
    }
}
