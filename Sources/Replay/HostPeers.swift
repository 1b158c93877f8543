import Host
import PMU

/// Host events beside one another: which share a place, which of those nothing tells apart, and how they fared.
struct HostPeers {
    /// How one host event fared.
    struct Fate {
        /// It held a counter for a while.
        var ran: Bool
        /// It was let in, and lacked a counter for a while.
        var waited: Bool
    }

    /// All host events of one pCPU or thread.
    private struct Place {
        var hasGuess = false
        var waited = false
    }

    /// All host events that count the same in one place.
    private struct Alike {
        var number = 0
        var ran = false
    }

    private struct Event: Hashable {
        var scope: Demand.HostEvent.Scope
        var config: UInt64

        init(_ event: Demand.HostEvent) {
            scope = event.scope
            config = EventSelect.bare(event.config)
        }
    }

    private var places: [Demand.HostEvent.Scope: Place] = [:]
    private var alike: [Event: Alike] = [:]

    init(_ hosts: [Demand.HostEvent], fate: (Int) -> Fate) {
        for (index, host) in hosts.enumerated() {
            let fate = fate(index)
            places[host.scope, default: Place()].hasGuess = hasGuess(beside: host) || host.certainty == .ambiguous
            places[host.scope, default: Place()].waited = waited(beside: host) || fate.waited
            alike[Event(host), default: Alike()].number += 1
            alike[Event(host), default: Alike()].ran = ran(like: host) || fate.ran
        }
    }

    /// Whether it is a guess of one of its place, itself among them, whether it is pinned.
    func hasGuess(beside host: Demand.HostEvent) -> Bool { places[host.scope]?.hasGuess ?? false }

    /// Whether one of its place, itself among them, waited for a counter.
    func waited(beside host: Demand.HostEvent) -> Bool { places[host.scope]?.waited ?? false }

    /// Whether others count the same where it does: which of them a counter's traffic was about is not certain.
    func hasTwin(_ host: Demand.HostEvent) -> Bool { (alike[Event(host)]?.number ?? 0) > 1 }

    /// Whether it or one that counts the same where it does held a counter.
    func ran(like host: Demand.HostEvent) -> Bool { alike[Event(host)]?.ran ?? false }
}
