import PMU

/// Whoever wants to know who held which physical counter when, and how each counter fared meanwhile.
public protocol HoldingVisitor {
    /// `holder` had `counter` of `pcpu` from `from` to `to`, ns. Intervals of one counter come in rising time.
    mutating func held(pcpu: Int, counter: Counter, by holder: CounterHolder, from: UInt64, to: UInt64)
    /// A guest's virtual counter or a host event was in `state` from `from` to `to`.
    mutating func spent(_ holder: CounterHolder, in state: HoldingState, from: UInt64, to: UInt64)
}

/// What an enabled counter does. Time in which its owner is not there is none of these.
public enum HoldingState: Sendable, Equatable {
    case running
    /// In guest mode, and the guest believes that it counts, and it does not.
    case silent
    /// A host event whose pCPU belongs to a guest as a whole.
    case blind
    /// A host event without a counter.
    case waiting
}
