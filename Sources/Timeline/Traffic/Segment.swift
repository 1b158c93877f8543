/// A stretch of time over which the trace shows what one counter counted: between two values that were written to
/// it or read from it.
public struct Segment: Sendable, Equatable {
    /// Index into the reader's holdings.
    public var holding: Int32
    /// ns of the trace's clock.
    public var from: UInt64
    public var to: UInt64
    /// Events counted, modulo the counter's width; nil where the value at the end was not shown.
    public var delta: UInt64?
    /// Indexes of the trace events that began and ended it.
    public var firstEvent: UInt64
    public var event: UInt64
    public var ending: Ending

    public enum Ending: UInt8, Sendable {
        /// The event was stopped.
        case stop
        /// The counter was read and went on.
        case read
        /// The counter overflowed and was armed anew.
        case overflow
    }
}
