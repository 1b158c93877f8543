import Counts
import Host
import Policy
import Replay
import Timeline

/// Finds the smallest set of host events without which no guest counter is silent.
///
/// Sets are tried in rising number of counters, and of those equally large in the order of the demand's events, the
/// watchdog last: the first that does is the smallest. Nothing is assumed about how a policy reacts: giving up more can
/// do worse, so no set is ruled out by another. Parts of the host between which nothing passes are searched by
/// themselves.
public struct Planner {
    private let timeline: Timeline
    private let rules: PolicyRules
    private let host: HostDemand
    private let mostTries: Int

    /// - Parameters:
    ///   - rules: the policy that the host keeps.
    ///   - sets: pCPUs that are configured alike, so that an event goes on all of them or stays on all; pCPUs in none
    ///     of them are left as they are. nil: every pCPU by itself.
    ///   - mostTries: sets tried for each part before the search settles for a set of which nothing can be kept.
    public init(_ timeline: Timeline, rules: PolicyRules, sets: [PCPUSet]? = nil, mostTries: Int = 20_000) {
        self.timeline = timeline
        self.rules = rules
        self.mostTries = mostTries
        host = HostDemand(timeline, sets: sets, rules: rules)
    }

    /// - Parameters:
    ///   - policies: whom to ask what they make of it.
    ///   - progress: called with the number of sets tried so far.
    public func plan(asking policies: [PolicyRules] = [], progress: (Int) -> Void = { _ in }) -> Plan {
        var parts: [Plan.Part] = []
        var given: Set<Int> = []
        var tried = 0
        for component in Set(host.componentOf).sorted() {
            let pcpus = host.componentOf.indices.filter { host.componentOf[$0] == component }
            let choices = host.choices.filter { $0.component == component }
            var search = PartSearch(
                timeline: timeline.without([], on: Set(pcpus)), rules: rules, choices: choices, mostTries: mostTries)
            guard let found = search.run(progress: { progress(tried + $0) }) else { continue }
            tried += search.tries
            for choice in found.chosen { given.formUnion(choices[choice].leaders) }
            parts.append(
                Plan.Part(
                    pcpus: pcpus, given: found.chosen.map { words(choices[$0]) }, silentNs: found.before,
                    silentNsAfter: found.after, choices: choices.count, tries: search.tries, proof: found.proof,
                    equals: found.equals))
        }
        let after = timeline.without(given)
        var plan = Plan(
            policy: rules.name, parts: parts,
            silentNs: Replayer.silence(timeline, under: rules).reduce(0, +),
            silentNsAfter: Replayer.silence(after, under: rules).reduce(0, +))
        plan.effects = policies.map { effect($0, after) }
        return plan
    }

    private func words(_ choice: HostDemand.Choice) -> Plan.Given {
        let events = timeline.demand.actors.hostEvents
        return Plan.Given(
            owners: choice.leaders.map { timeline.owner(hostEvent: $0) },
            event: timeline.model.eventName(of: events[choice.leaders[0]].config), pcpus: choice.pcpus,
            counters: choice.counters)
    }

    private func effect(_ policy: PolicyRules, _ after: Timeline) -> Plan.Effect {
        let tables = [timeline, after].map { Replayer.replay($0, under: policy, ticks: .own) }
        let silent = tables.map { Summary($0).silentNs }
        let lost = tables.map { $0.displaced.reduce(UInt64(0)) { $0 &+ $1.lostNs } }
        let refused = tables.map { table in
            table.openLoop.count { $0.cause.hasPrefix("perf_event_open answers") || $0.cause.contains("cannot start") }
        }
        return Plan.Effect(
            policy: policy.name, silentNs: silent[0], silentNsAfter: silent[1], hostLostNs: lost[0],
            hostLostNsAfter: lost[1], refusals: refused[0], refusalsAfter: refused[1])
    }
}
