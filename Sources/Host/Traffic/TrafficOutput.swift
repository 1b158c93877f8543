import PMU

/// The hardware behind a `TrafficDriver`: it takes register accesses and knows what the counters hold.
public protocol TrafficOutput {
    /// One register access the host makes on `pcpu`; reads carry the value they returned.
    mutating func access(_ access: RegisterAccess, pcpu: Int)
    /// The value `counter` holds now. `isRunning` says whether it has counted since it was written.
    mutating func value(pcpu: Int, counter: Counter) -> UInt64
    /// `counter` was written; counting goes on from there once it is enabled.
    mutating func written(pcpu: Int, counter: Counter, value: UInt64)
    /// From now on `event` counts on `counter` (it holds the value written last), respectively no longer does.
    mutating func counts(pcpu: Int, counter: Counter, event: Int?)
}

extension TrafficOutput {
    public mutating func counts(pcpu: Int, counter: Counter, event: Int?) {}
}
