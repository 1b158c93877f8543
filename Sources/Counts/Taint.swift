/// An interval in which the trace cannot be trusted about something; nil fields mean "all of them".
public struct Taint: Hashable, Sendable, Codable {
    public var owner: String?
    public var pcpu: Int?
    public var counter: String?
    /// ns of the trace's clock, both inclusive.
    public var from: UInt64
    public var to: UInt64
    public var cause: String

    public init(owner: String?, pcpu: Int?, counter: String?, from: UInt64, to: UInt64, cause: String) {
        self.owner = owner
        self.pcpu = pcpu
        self.counter = counter
        self.from = from
        self.to = to
        self.cause = cause
    }
}
