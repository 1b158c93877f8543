import PMU

/// How often each event happens in a context, over time: steps at given times, in events per second.
public struct RatePhases: Sendable, Equatable {
    public struct Phase: Sendable, Equatable {
        /// ns from the beginning of the recording.
        public var from: UInt64
        /// Events per second by config without privilege and control bits; an event that a phase does not name keeps
        /// its rate.
        public var rates: [UInt64: UInt64]

        public init(from: UInt64, rates: [UInt64: UInt64]) {
            self.from = from
            self.rates = rates
        }
    }

    /// Rising in `from`; the first is at 0.
    public var phases: [Phase]

    public init(phases: [Phase] = []) { self.phases = phases }

    /// What tells one event from another: everything but privileges, enable and interrupt bits.
    public static func key(of config: UInt64) -> UInt64 {
        EventSelect.bare(config) & ~(EventSelect.user | EventSelect.os)
    }
}
