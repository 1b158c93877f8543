/// How often each event has happened in one context (a pCPU's host mode, a vCPU's guest mode) since the beginning.
///
/// The count of an event is the floor of its rate's integral over the time the context was running: an integer-valued
/// function of time, so that counts over adjacent intervals add up exactly.
struct ContextMeter: Sendable {
    static let second: UInt128 = 1_000_000_000

    /// Events per second now, by event index.
    private var rates: [UInt64]
    /// Events times 10^9, up to `since`.
    private var integral: [UInt128]
    private var since: UInt64 = 0
    private(set) var isRunning = false
    /// Time the context was running, up to `since`.
    private var ran: UInt64 = 0

    init(events: Int) {
        rates = [UInt64](repeating: 0, count: events)
        integral = [UInt128](repeating: 0, count: events)
    }

    mutating func start(at time: UInt64) {
        settle(to: time)
        isRunning = true
    }

    mutating func stop(at time: UInt64) {
        settle(to: time)
        isRunning = false
    }

    mutating func setRate(_ event: Int, _ rate: UInt64, at time: UInt64) {
        settle(to: time)
        rates[event] = rate
    }

    private mutating func settle(to time: UInt64) {
        if isRunning {
            ran += time - since
            for event in rates.indices { integral[event] += UInt128(rates[event]) * UInt128(time - since) }
        }
        since = time
    }

    func count(_ event: Int, at time: UInt64) -> UInt64 {
        var sum = integral[event]
        if isRunning { sum += UInt128(rates[event]) * UInt128(time - since) }
        return UInt64(sum / ContextMeter.second)
    }

    func runningTime(at time: UInt64) -> UInt64 { isRunning ? ran + time - since : ran }

    /// The first time after `time` at which the count has grown by `growth` if nothing changes; nil if it never does.
    func time(of event: Int, growth: UInt64, after time: UInt64) -> UInt64? {
        guard isRunning, rates[event] > 0 else { return nil }
        let target = UInt128(count(event, at: time) + growth) * ContextMeter.second
        let missing = target - integral[event]
        let rate = UInt128(rates[event])
        let delta = (missing + rate - 1) / rate
        guard delta < UInt128(1) << 62 else { return nil }
        return since + UInt64(delta)
    }
}
