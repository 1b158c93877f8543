import Host
import PMU
import Policy
import Timeline

/// The first decision by which two policies differ: after it, another holder has a physical counter.
public struct FirstDifference: Equatable, Sendable {
    /// ns of the trace's clock.
    public var time: UInt64
    /// Index of the operation in the demand; for a tick of the multiplexing timer, of the operation that follows it.
    public var operation: Int
    /// What set it off: an operation, or the timer.
    public var trigger: Trigger
    /// Number of the trace event behind the operation, in merged order; nil for a tick.
    public var event: UInt64?
    public var pcpu: Int
    /// The physical counter.
    public var counter: Counter
    /// Who has it under policy A and B from then on, nil where it is free.
    public var a: CounterHolder?
    public var b: CounterHolder?

    public enum Trigger: Equatable, Sendable { case operation, tick }
}
