import PMU
import Policy

extension HostMachine {
    /// `perf_event_open()` for a leader and its siblings, and one enable.
    mutating func hostInstall(_ leader: Int) {
        guard actors.hostEvents.indices.contains(leader), hostEvents[leader].event == nil else { return }
        let members = group(of: leader)
        for member in members {
            if let reason = reasonToRefuse(member) ?? (canHold(members) ? nil : .invalid) {
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
            if let counter = actors.hostEvents[member].counterBefore {
                scheduler.remember(event, counter: Int(counter.index))
            }
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

    private func group(of leader: Int) -> [Int] { [leader] + (siblings[leader] ?? []) }

    mutating func hostRemove(_ leader: Int) {
        guard let event = hostEvent(leader) else { return }
        scheduler.remove(event)
        for member in group(of: leader) where hostEvents[member].event != nil {
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

    /// `validate_group()`: whether a PMU without other events has counters for all.
    private func canHold(_ members: [Int]) -> Bool {
        guard members.count > 1 else { return true }
        let constraints = members.map { model.constraint(for: actors.hostEvents[$0].config) }
        let pairs = constraints.count { $0.kind == .pair }
        return members.count <= model.gp + model.fixed
            && CounterSolver.place(constraints, gpmax: model.gp - pairs).unplaced == 0
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
