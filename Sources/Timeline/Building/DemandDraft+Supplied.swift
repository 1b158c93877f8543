import Host
import PMU
import Policy

extension DemandDraft {
    /// What the user says of host events: it settles what was inferred of those that are like it, and adds those that
    /// left no trace, as if they had been there from before.
    mutating func addSupplied() {
        for entry in builder.supplied?.events ?? [] {
            guard let config = builder.model.config(named: entry.event) else {
                remarks.append("\(entry.name): \(builder.model.name) has no event \(entry.event); it is left out")
                continue
            }
            for scope in scopes(of: entry) { supply(entry, config, scope) }
        }
    }

    /// In which lists the user says that a candidate's event is; nil where no entry, or one of either kind, is like it.
    func suppliedScope(_ candidate: HostEventInference.Candidate) -> PerfLists? {
        var lists: PerfLists = []
        for entry in builder.supplied?.events ?? [] {
            guard let config = builder.model.config(named: entry.event),
                DemandDraft.code(config) == DemandDraft.code(candidate.config)
            else { continue }
            if entry.owner == nil {
                if entry.pcpus?.contains(Int(candidate.pcpu)) ?? true { lists.formUnion(.cpu) }
            } else if threads(of: entry).contains(candidate.thread) {
                lists.formUnion(.task)
            }
        }
        return lists == .cpu || lists == .task ? lists : nil
    }

    private mutating func scopes(of entry: HostEventsFile.Entry) -> [Demand.HostEvent.Scope] {
        if entry.owner == nil {
            return (entry.pcpus ?? Array(0..<actors.pcpus)).filter { $0 < actors.pcpus }.map { .pcpu($0) }
        }
        let threads = threads(of: entry)
        if threads.isEmpty { remarks.append("\(entry.name): no thread of the trace is its owner; it is left out") }
        var scopes: [Demand.HostEvent.Scope] = []
        for thread in threads {
            if let vcpu = table.vcpu(of: thread, at: builder.start) {
                scopes.append(.vcpu(Int(vcpu)))
            } else {
                scopes.append(.task(task(of: thread, use: use(of: thread, for: entry))))
            }
        }
        return scopes
    }

    /// Of threads that had one id after another, the first with the owner's name.
    private func use(of thread: Int32, for entry: HostEventsFile.Entry) -> Int {
        guard case .comm(let comm) = entry.owner else { return 0 }
        return builder.attribution.uses(of: thread).firstIndex {
            builder.attribution.name(of: thread, at: $0) == comm
        } ?? 0
    }

    private func threads(of entry: HostEventsFile.Entry) -> [Int32] {
        switch entry.owner {
        case .thread(let thread): [thread]
        case .comm(let comm): builder.attribution.threads(named: comm)
        case nil: []
        }
    }

    private mutating func supply(_ entry: HostEventsFile.Entry, _ config: UInt64, _ scope: Demand.HostEvent.Scope) {
        let code = DemandDraft.code(config)
        let known = actors.hostEvents.indices.first { index in
            let event = actors.hostEvents[index]
            return event.scope == scope && DemandDraft.code(event.config) == code && !claimed.contains(index)
                && (entry.samplePeriod == nil || entry.samplePeriod == event.samplePeriod)
        }
        let index = known ?? actors.hostEvents.count
        if known == nil {
            actors.hostEvents.append(
                Demand.HostEvent(
                    name: entry.name, config: config | EventSelect.user | EventSelect.os, priority: .flexible,
                    exclusionKnown: false, scope: scope, samplePeriod: entry.samplePeriod ?? 0))
            var pcpu: Int32 = 0
            if case .pcpu(let number) = scope { pcpu = Int32(number) }
            add(0, -1, builder.start, pcpu, .hostInstall(event: Int32(index)))
        }
        claimed.insert(index)
        actors.hostEvents[index].name = entry.name
        if let priority = entry.priority {
            actors.hostEvents[index].priority = priority
            openPriorities.removeAll { $0 == index }
            actors.hostEvents[index].certainty = .seen
        }
        if let exclusion = entry.exclusion {
            actors.hostEvents[index].exclusion = exclusion
            actors.hostEvents[index].exclusionKnown = true
        }
    }

    private static func code(_ config: UInt64) -> UInt64 {
        EventSelect.bare(config) & ~(EventSelect.user | EventSelect.os)
    }
}
