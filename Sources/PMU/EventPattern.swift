/// A set of events by code and, where it matters, unit mask: what a filter or a list of events names.
public struct EventPattern: Hashable, Sendable {
    /// What the vendor calls the event or family of events.
    public var name: String
    public var code: UInt64
    /// The bits of a config that must equal `code`.
    public var compare: UInt64

    public init(_ name: String, code: UInt64, compare: UInt64) {
        self.name = name
        self.code = code
        self.compare = compare
    }

    /// All unit masks of an event.
    static func event(_ name: String, _ code: UInt64) -> EventPattern {
        EventPattern(name, code: code & 0xff | (code & 0xf00) << 24, compare: EventSelect.amdEventMask)
    }

    /// One event and unit mask (`umask << 8 | event`).
    static func umask(_ name: String, _ code: UInt64) -> EventPattern {
        EventPattern(name, code: code, compare: EventSelect.amdEventMask | 0xff00)
    }

    @inlinable public func matches(_ config: UInt64) -> Bool { config & compare == code }
}
