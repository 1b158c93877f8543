import Glibc

/// What a recording cost its recorder; the kernel's part, paid by whoever made the records, is not in it.
public struct RecorderCost: Equatable, Sendable, Codable {
    /// CPU time of the recorder's process, user and system, ns.
    public var cpuNanoseconds: UInt64 = 0
    /// Times it woke up.
    public var wakeUps: UInt64 = 0

    /// Measures from its creation on.
    struct Meter {
        var wakeUps: UInt64 = 0
        private let began = Self.cpuTime()
        private var windowCPU = Self.cpuTime()
        private var windowBegan = MonotonicClock.now()

        var cost: RecorderCost { RecorderCost(cpuNanoseconds: Self.cpuTime() - began, wakeUps: wakeUps) }

        /// Per cent of one CPU over the last second or a little more; nil until a second has gone since the last answer.
        mutating func percentOfLastSecond() -> Double? {
            let now = MonotonicClock.now()
            guard now - windowBegan >= 1_000_000_000 else { return nil }
            let cpu = Self.cpuTime()
            defer { (windowCPU, windowBegan) = (cpu, now) }
            return Double(cpu - windowCPU) * 100 / Double(now - windowBegan)
        }

        private static func cpuTime() -> UInt64 {
            var time = timespec()
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        }
    }
}
