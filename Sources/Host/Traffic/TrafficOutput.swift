import PMU
import Policy

/// The hardware behind a `TrafficDriver`: it takes register accesses and knows what the counters hold.
public protocol TrafficOutput {
    /// One register access the host makes on `pcpu`; reads carry the value they returned.
    mutating func access(_ access: RegisterAccess, pcpu: Int)
    /// The value `counter` holds now.
    mutating func value(pcpu: Int, counter: Counter) -> UInt64
    /// `counter` was written; counting goes on from there once it is enabled.
    mutating func written(pcpu: Int, counter: Counter, value: UInt64)
    /// An event was made; `counts` names it by its id from now on.
    mutating func created(event: EventID, spec: EventSpec)
    /// From now on `counter` counts for `source` (it holds the value written last), respectively no longer does.
    mutating func counts(pcpu: Int, counter: Counter, source: CountSource?)
    /// ns that `vcpu` has spent in guest mode up to now.
    func guestTime(vcpu: Int) -> UInt64
    /// Somebody was told no.
    mutating func refused(_ refusal: Refusal)
    /// The accesses that follow on `pcpu` are made in this context.
    mutating func context(pcpu: Int, _ context: InterruptContext)
}

extension TrafficOutput {
    public mutating func created(event: EventID, spec: EventSpec) {}
    public mutating func counts(pcpu: Int, counter: Counter, source: CountSource?) {}
    public func guestTime(vcpu: Int) -> UInt64 { 0 }
    public mutating func refused(_ refusal: Refusal) {}
    public mutating func context(pcpu: Int, _ context: InterruptContext) {}
}

/// What a physical counter counts for.
public enum CountSource: Sendable, Equatable {
    /// An event of the scheduler.
    case event(EventID)
    /// A loaded mediated guest's counter with this event select; it counts in guest mode only.
    case guest(vcpu: Int, config: UInt64)
}

/// Where a register access is made from, as far as a tracepoint's flags tell.
public enum InterruptContext: Sendable { case task, nmi }
