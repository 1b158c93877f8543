import Counts
import Host
import Policy
import Timeline

/// What a replay's rows have in common, looked up once for all of them.
struct RowCircumstances {
    let peers: HostPeers
    /// Which host events are pinned is a guess, and something did not fit.
    let guessesMatter: Bool
    /// Why guests' demand for counters, which differs from the recorded, leaves open what host events count; by how
    /// firmly these hold their counters.
    fileprivate let otherGuests: [HostStanding: String]

    func otherGuests(beside standing: HostStanding) -> String? { otherGuests[standing] }
}

/// How firmly a host event holds its counter.
enum HostStanding: CaseIterable {
    /// Only a guest that comes before everybody takes it.
    case first
    /// Guests' events may take it.
    case contested
}

extension Replayer {
    func circumstances() -> RowCircumstances {
        let sink = machine.scheduler.sink
        let peers = HostPeers(timeline.demand.actors.hostEvents) { index in
            let state = sink.series[Int(sink.hostSeries[index])]
            return HostPeers.Fate(
                ran: state.runningNs > 0, waited: state.runningNs < state.enabledNs && refusals[index] == nil)
        }
        var causes: [HostStanding: String] = [:]
        for standing in HostStanding.allCases { causes[standing] = otherGuests(beside: standing) }
        return RowCircumstances(peers: peers, guessesMatter: guessesMatter, otherGuests: causes)
    }

    func standing(of event: Demand.HostEvent) -> HostStanding {
        guard case .pcpu = event.scope else { return .contested }
        return event.priority == .pinned && event.certainty != .ambiguous && rules.arbitration == .priority
            ? .first : .contested
    }

    /// Host events whose priority is a guess make a difference where not everything fits.
    private var guessesMatter: Bool {
        if recordedTicks { return false }
        guard timeline.demand.actors.hostEvents.contains(where: { $0.certainty == .ambiguous }) else { return false }
        return machine.scheduler.sink.series.contains { one in
            if case .host(let index) = one.owner, refusals[index] != nil { return false }
            return one.runningNs < one.enabledNs
        }
    }

    /// Guests that had no such PMU when recorded may want counters that host events then lose.
    private func otherGuests(beside standing: HostStanding) -> String? {
        let diverged = Dictionary(openLoop.map { ($0.owner, $0.cause) }, uniquingKeysWith: { first, _ in first })
        for vcpu in timeline.demand.actors.vcpus.indices {
            let own = guestRules(vcpu: vcpu)
            guard own.access == .emulated, standing == .contested || own.priority == .ultimate else { continue }
            if recordedRules(vcpu: vcpu).access == .none {
                return "depends on what guests would do with a PMU, which they did not have when recorded"
            }
            let owner = timeline.owner(vcpu: vcpu)
            if let cause = diverged[owner] { return "depends on what \(owner) would have done: \(cause)" }
        }
        return nil
    }
}
