import Glibc

/// The clock of a recording, `CLOCK_MONOTONIC` in nanoseconds: the same on all CPUs.
enum MonotonicClock {
    static func now() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// Nanoseconds since 1970 at the clock's 0.
    static func wallClockAtZero() -> UInt64 { read(CLOCK_REALTIME) &- now() }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
