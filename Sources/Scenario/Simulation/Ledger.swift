import Host
import PMU
import Policy

/// The true account: what every event and every mediated guest counter counted, from the rates alone.
struct Ledger: Sendable {
    struct Total: Sendable {
        var count: UInt64 = 0
        var running: UInt64 = 0
    }

    /// A mediated guest's counter with the event it counted.
    struct GuestKey: Hashable, Sendable {
        var vcpu: Int
        var counter: Counter
        var event: UInt64
    }

    private(set) var events: [Total] = []
    private(set) var guests: [GuestKey: Total] = [:]
    private var open: [OpenKey: Total] = [:]

    private struct OpenKey: Hashable {
        var pcpu: Int
        var counter: Counter
    }

    /// `source` counts on `counter` from now on; `count` and `time` are the present values of its meters.
    mutating func start(_ source: CountSource, counter: Counter, pcpu: Int, count: UInt64, time: UInt64) {
        open[OpenKey(pcpu: pcpu, counter: counter)] = Total(count: count, running: time)
    }

    mutating func stop(_ source: CountSource, counter: Counter, pcpu: Int, count: UInt64, time: UInt64) {
        guard let began = open.removeValue(forKey: OpenKey(pcpu: pcpu, counter: counter)) else { return }
        let counted = count - began.count
        let ran = time - began.running
        switch source {
        case .event(let id):
            while events.count <= id { events.append(Total()) }
            events[id].count += counted
            events[id].running += ran
        case .guest(let vcpu, let config):
            let key = GuestKey(vcpu: vcpu, counter: counter, event: RatePhases.key(of: config))
            guests[key, default: Total()].count += counted
            guests[key, default: Total()].running += ran
        }
    }
}
