import Host
import PMU
import Policy
import Timeline

/// What a host owner could give up: the events of host users, bundled as one would turn them off. An event of one kind
/// on all pCPUs of a set is one choice; a group goes as a whole.
struct HostDemand {
    /// One thing to give up or to keep.
    struct Choice: Sendable {
        /// Indexes of the leaders in the demand's host events, rising.
        var leaders: [Int]
        /// Events that go with them, the leaders included.
        var counters: Int
        /// The pCPUs they count on, rising; empty for events of threads.
        var pcpus: [Int]
        /// The component whose guests it may bear on.
        var component: Int
    }

    private(set) var choices: [Choice] = []
    /// The component of each pCPU: pCPUs between which nothing passes are in different ones.
    private(set) var componentOf: [Int]
    let actors: Demand.Actors

    private struct Kind: Hashable {
        var unit: Int
        var name: String
        var config: UInt64
        var isPinned: Bool
        var exclusion: UInt8
        var members: Int
        var ordinal: Int
    }

    /// - Parameters:
    ///   - sets: pCPUs that are configured alike; a pCPU in none of them is left as it is. nil: each pCPU by itself.
    init(_ timeline: Timeline, sets: [PCPUSet]?, rules: PolicyRules) {
        actors = timeline.demand.actors
        var union = Union(actors.pcpus)
        HostDemand.join(&union, timeline, rules)
        for set in sets ?? [] {
            let members = (0..<actors.pcpus).filter { set.contains($0) }
            for (a, b) in zip(members, members.dropFirst()) { union.join(a, b) }
        }
        componentOf = (0..<actors.pcpus).map { union.root($0) }
        let homes = HostDemand.homes(timeline)
        var index: [Kind: Int] = [:]
        var seen: [Kind: [Int: Int]] = [:]
        let sizes = actors.hostEvents.reduce(into: [Int: Int]()) { sizes, event in
            if let leader = event.leader { sizes[leader, default: 1] += 1 }
        }
        for leader in HostDemand.order(actors) {
            let event = actors.hostEvents[leader]
            let members = sizes[leader] ?? 1
            guard let place = place(event.scope, leader, sets, homes) else { continue }
            var kind = Kind(
                unit: place.unit, name: HostDemand.bare(event.name), config: event.config,
                isPinned: event.priority == .pinned, exclusion: event.exclusion.rawValue, members: members, ordinal: 0)
            let first = kind
            kind.ordinal = seen[first, default: [:]][place.pcpu ?? -1, default: 0]
            seen[first, default: [:]][place.pcpu ?? -1, default: 0] += 1
            if let known = index[kind] {
                choices[known].leaders.append(leader)
                choices[known].counters += members
                if let pcpu = place.pcpu { choices[known].pcpus.append(pcpu) }
            } else {
                index[kind] = choices.count
                choices.append(
                    Choice(
                        leaders: [leader], counters: members, pcpus: place.pcpu.map { [$0] } ?? [],
                        component: componentOf[place.home]))
            }
        }
        for number in choices.indices {
            choices[number].leaders.sort()
            choices[number].pcpus.sort()
        }
    }

    /// Where an event belongs: the set (or a thread of its own), its pCPU, and a pCPU of its component.
    private func place(
        _ scope: Demand.HostEvent.Scope, _ leader: Int, _ sets: [PCPUSet]?, _ homes: Homes
    ) -> (unit: Int, pcpu: Int?, home: Int)? {
        switch scope {
        case .pcpu(let pcpu):
            guard (0..<actors.pcpus).contains(pcpu) else { return nil }
            guard let sets else { return (pcpu, pcpu, pcpu) }
            guard let set = sets.firstIndex(where: { $0.contains(pcpu) }) else { return nil }
            return (set, pcpu, pcpu)
        case .task(let task): return (-1 - leader, nil, homes.tasks[task] ?? 0)
        case .vcpu(let vcpu): return (-1 - leader, nil, homes.vcpus[vcpu] ?? 0)
        }
    }

    /// Leaders in the order in which one would rather give them up: the watchdog last.
    private static func order(_ actors: Demand.Actors) -> [Int] {
        let leaders = actors.hostEvents.indices.filter { actors.hostEvents[$0].leader == nil }
        return leaders.filter { actors.hostEvents[$0].name != Demand.watchdogName }
            + leaders.filter { actors.hostEvents[$0].name == Demand.watchdogName }
    }

    /// `cycles@cpu3` as `cycles`.
    static func bare(_ name: String) -> String {
        guard let at = name.range(of: "@cpu", options: .backwards), Int(name[at.upperBound...]) != nil else {
            return name
        }
        return String(name[..<at.lowerBound])
    }

    private struct Homes {
        var tasks: [Int: Int] = [:]
        var vcpus: [Int: Int] = [:]
    }

    private static func homes(_ timeline: Timeline) -> Homes {
        var homes = Homes()
        for operation in timeline.demand.operations {
            guard case .taskSwitch(let thread) = operation.kind else { continue }
            switch thread {
            case .vcpu(let vcpu): homes.vcpus[Int(vcpu)] = homes.vcpus[Int(vcpu)] ?? Int(operation.pcpu)
            case .hostTask(let task): homes.tasks[Int(task)] = homes.tasks[Int(task)] ?? Int(operation.pcpu)
            case .other: break
            }
        }
        return homes
    }

    /// Joins pCPUs that something passes between: a thread that moves, hyper-threads that share counters, and rules
    /// that look at the whole host.
    private static func join(_ union: inout Union, _ timeline: Timeline, _ rules: PolicyRules) {
        let actors = timeline.demand.actors
        let looksEverywhere = rules.allGuestRules.contains {
            $0.access == .mediated || $0.availability == .freeAtPowerOn
        }
        if looksEverywhere { for pcpu in 1..<max(1, actors.pcpus) { union.join(0, pcpu) } }
        for (pcpu, sibling) in actors.siblings.enumerated()
        where timeline.model.rules.contains(.hyperthreadErratum) && (0..<actors.pcpus).contains(sibling) {
            union.join(pcpu, sibling)
        }
        var last: [Int: Int] = [:]
        for operation in timeline.demand.operations {
            let pcpu = Int(operation.pcpu)
            guard (0..<actors.pcpus).contains(pcpu), let thread = HostDemand.thread(operation.kind, actors) else {
                continue
            }
            if let before = last[thread] { union.join(before, pcpu) }
            last[thread] = pcpu
        }
    }

    private static func thread(_ kind: DemandOperation.Kind, _ actors: Demand.Actors) -> Int? {
        switch kind {
        case .taskSwitch(.vcpu(let vcpu)), .guestEnter(let vcpu), .guestExit(let vcpu, _),
            .guestWrite(let vcpu, _, _, _), .guestRead(let vcpu, _, _), .guestReadPMC(let vcpu):
            Int(vcpu)
        case .taskSwitch(.hostTask(let task)): actors.vcpus.count + Int(task)
        default: nil
        }
    }

    private struct Union {
        private var parent: [Int]
        init(_ count: Int) { parent = Array(0..<count) }

        mutating func root(_ node: Int) -> Int {
            var node = node
            while parent[node] != node {
                parent[node] = parent[parent[node]]
                node = parent[node]
            }
            return node
        }

        mutating func join(_ a: Int, _ b: Int) {
            let (a, b) = (root(a), root(b))
            if a != b { parent[max(a, b)] = min(a, b) }
        }
    }
}

extension Timeline {
    /// The same host without the events that `leaders` lead, seen on `pcpus` alone (nil: on all).
    func without(_ leaders: Set<Int>, on pcpus: Set<Int>? = nil) -> Timeline {
        var copy = self
        let events = demand.actors.hostEvents
        func isGone(_ event: Int32) -> Bool {
            let event = Int(event)
            guard events.indices.contains(event) else { return false }
            return leaders.contains(events[event].leader ?? event)
        }
        copy.demand.operations = demand.operations.filter { operation in
            switch operation.kind {
            case .hostInstall(let event), .hostEnable(let event), .hostDisable(let event), .hostRemove(let event),
                .hostPeriod(let event, _), .hostRead(let event):
                if isGone(event) { return false }
            case .overflow(.host(let event)): if isGone(Int32(event)) { return false }
            case .vmCreate, .vmDestroy: return true
            default: break
            }
            return pcpus?.contains(Int(operation.pcpu)) ?? true
        }
        copy.readings = []
        return copy
    }
}
