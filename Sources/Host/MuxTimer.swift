/// When the multiplexing timer fires: on a grid of its interval, counted from the clock's zero.
///
/// `perf_mux_hrtimer_restart()` (kernel/events/core.c, v6.12) forwards a timer that began at 0 past the present, so
/// all pCPUs tick together, and a timer that starts again keeps the beat.
public struct MuxTimer: Sendable, Equatable {
    /// ns between ticks.
    public var interval: UInt64
    public init(interval: UInt64) { self.interval = max(1, interval) }

    /// The first tick after `time`; `.max` where the clock ends before it.
    public func tick(after time: UInt64) -> UInt64 {
        let (tick, overflow) = (time / interval + 1).multipliedReportingOverflow(by: interval)
        return overflow ? .max : tick
    }
}
