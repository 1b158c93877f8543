import Glibc
import Trace

/// What a recording cost its recorder.
public typealias RecorderCost = TraceMetadata.RecorderCost

extension RecorderCost {
    /// Measures from its creation on.
    struct Meter {
        var wakeUps: UInt64 = 0
        private let began = Self.cpuTime()
        private var windowCPU = Self.cpuTime()
        private var windowBegan = MonotonicClock.now()

        var cost: RecorderCost {
            var cost = RecorderCost()
            cost.cpuNanoseconds = Self.cpuTime() - began
            cost.wakeUps = wakeUps
            return cost
        }

        /// Per cent of one CPU over the last second or a little more; nil until a second has gone since the last
        /// answer.
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
