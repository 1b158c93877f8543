/// A moment at which the policy would have changed what guest or host does next; what depends on it later is at best
/// bounded.
public struct OpenLoopItem: Equatable, Sendable, Codable {
    /// ns of the trace's clock.
    public var time: UInt64
    /// `guest:VM/VCPU` or `host:NAME`, nil where it concerns everybody.
    public var owner: String?
    public var cause: String

    public init(time: UInt64, owner: String?, cause: String) {
        self.time = time
        self.owner = owner
        self.cause = cause
    }
}
