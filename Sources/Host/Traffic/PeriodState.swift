/// How far an event is from its next interrupt, and what its counter was armed with:
/// `x86_perf_event_set_period()`, arch/x86/events/core.c, v6.12. Units are events.
struct PeriodState: Sendable, Equatable {
    /// Events between interrupts; the longest period for an event that only counts.
    private(set) var period: Int64
    private(set) var left: Int64
    /// The counter's value when it was last written or read.
    private(set) var armedAt: UInt64 = 0

    init(samplePeriod: UInt64, maxPeriod: UInt64) {
        period = samplePeriod == 0 ? Int64(maxPeriod) : Int64(clamping: samplePeriod)
        left = period
    }

    mutating func replace(samplePeriod: UInt64, maxPeriod: UInt64) {
        period = samplePeriod == 0 ? Int64(maxPeriod) : Int64(clamping: samplePeriod)
        left = 0
    }

    /// The value to write into the counter, before it is cut to the counter's width.
    mutating func arm(maxPeriod: UInt64) -> UInt64 {
        if left <= -period { left = period }
        if left <= 0 { left += period }
        let armed = min(max(left, 2), Int64(maxPeriod))
        armedAt = UInt64(bitPattern: -armed)
        return armedAt
    }

    mutating func consumed(_ delta: UInt64, now value: UInt64) {
        left &-= Int64(truncatingIfNeeded: delta)
        armedAt = value
    }
}
