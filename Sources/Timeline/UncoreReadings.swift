import PMU
import Trace

/// What the counters of uncore PMUs were seen to count. They are PMUs of their own (an interconnect's, a cache
/// slice's), whose registers no guest and no policy of ours touches: what a recording shows of them holds under every
/// policy.
public struct UncoreReadings: Sendable {
    /// One counter on the pCPU that reads it, from the first read to the last.
    public struct Counter: Sendable, Equatable {
        public var pcpu: UInt16
        public var register: UInt32
        /// ns of the trace's clock.
        public var from: UInt64
        public var to: UInt64
        /// Events between the two reads.
        public var count: UInt64
        var last: UInt64
        public var reads = 1
    }

    /// By pCPU, then register.
    public private(set) var counters: [Counter] = []
    private var index: [UInt64: Int] = [:]
    /// Width of the counters in both vendors' uncore drivers.
    private static let mask: UInt64 = (1 << 48) - 1

    mutating func take(_ event: TraceEvent) {
        guard event.kind == .readMSR, UncoreRegister.isCounter(event.register) else { return }
        let key = UInt64(event.pcpu) << 32 | UInt64(event.register)
        guard let number = index[key] else {
            index[key] = counters.count
            counters.append(
                Counter(
                    pcpu: event.pcpu, register: event.register, from: event.time, to: event.time, count: 0,
                    last: event.value))
            return
        }
        counters[number].count &+= (event.value &- counters[number].last) & UncoreReadings.mask
        counters[number].last = event.value
        counters[number].to = event.time
        counters[number].reads += 1
    }

    mutating func finish() {
        counters.sort { ($0.pcpu, $0.register) < ($1.pcpu, $1.register) }
        index = [:]
    }
}
