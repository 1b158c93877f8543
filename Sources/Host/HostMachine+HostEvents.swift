import PMU
import Policy

extension HostMachine {
    /// `perf_event_open()` for a leader and its siblings, and one enable.
    mutating func hostInstall(_ leader: Int) {
        guard actors.hostEvents.indices.contains(leader), hostEvents[leader].event == nil else { return }
        let members =
            [leader] + actors.hostEvents.indices.filter { $0 != leader && actors.hostEvents[$0].leader == leader }
        for member in members {
            if let reason = reasonToRefuse(member) {
                for member in members where !hostEvents[member].refused {
                    hostEvents[member].refused = true
                    scheduler.sink.refused(Refusal(party: .hostEvent(member), reason: reason))
                }
                return
            }
        }
        var refusal: Refusal.Reason?
        for member in members {
            hostEvents[member].refused = false
            let event = scheduler.create(
                spec(ofHostEvent: member), leader: member == leader ? nil : hostEvents[leader].event)
            hostEvents[member].event = event
            refusal = refusal ?? scheduler.refusal(of: event)
        }
        if let refusal {
            for member in members {
                hostEvents[member] = HostEventState(event: nil, refused: true)
                scheduler.sink.refused(Refusal(party: .hostEvent(member), reason: refusal))
            }
            return
        }
        for member in members where actors.hostEvents[member].exclusion != .guest { eventsCountingGuests += 1 }
        if let event = hostEvents[leader].event { scheduler.install(event) }
    }

    mutating func hostRemove(_ leader: Int) {
        guard let event = hostEvent(leader) else { return }
        scheduler.remove(event)
        for member in actors.hostEvents.indices
        where member == leader || actors.hostEvents[member].leader == leader {
            guard hostEvents[member].event != nil else { continue }
            hostEvents[member].event = nil
            if actors.hostEvents[member].exclusion != .guest { eventsCountingGuests -= 1 }
        }
    }

    @inline(__always)
    private func reasonToRefuse(_ index: Int) -> Refusal.Reason? {
        if mediatedVMs > 0, rules.hostVisibility == .refuses, actors.hostEvents[index].exclusion != .guest {
            return .notSupported
        }
        return model.constraint(for: actors.hostEvents[index].config).mask == 0 ? .invalid : nil
    }

    @inline(__always)
    private func spec(ofHostEvent index: Int) -> EventSpec {
        let event = actors.hostEvents[index]
        let scope: EventSpec.Scope =
            switch event.scope {
            case .pcpu(let pcpu): .pcpu(pcpu)
            case .task(let task): .task(hostTasks[task])
            case .vcpu(let vcpu): .task(vcpus[vcpu].task)
            }
        return EventSpec(
            config: event.config & ~EventSelect.enable | EventSelect.interrupt,
            constraint: model.constraint(for: event.config), priority: event.priority, scope: scope,
            exclusion: event.exclusion, samplePeriod: event.samplePeriod, owner: .host(index))
    }
}
