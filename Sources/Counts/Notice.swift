/// A moment at which, and the way in which, a guest was told about its counters.
public struct Notice: Equatable, Sendable, Codable {
    /// ns of the trace's clock.
    public var time: UInt64
    public var owner: String
    public var what: String

    public init(time: UInt64, owner: String, what: String) {
        self.time = time
        self.owner = owner
        self.what = what
    }
}
