import Host
import PMU
import Policy
import Timeline

/// One holder that goes without a counter under one policy and has it under the other: what the machines know of it.
struct CounterCase {
    let timeline: Timeline
    let names: Names
    let difference: FirstDifference
    let subject: CounterHolder
    /// The counter that the subject has under the other policy.
    let counter: Counter
    /// The player under the policy that goes without, after and just before the decision, and the other one after it.
    let without: PolicyPlayer
    let earlier: PolicyPlayer
    let with: PolicyPlayer

    /// The subject's event under the policy that goes without, nil if the host made none.
    var event: EventID? { event(in: without) }

    private func event(in player: PolicyPlayer) -> EventID? {
        switch subject {
        case .host(let index): player.machine.hostEvent(index)
        case .guest(let vcpu, let counter): player.machine.event(vcpu: vcpu, counter: counter)
        }
    }

    private var spec: EventSpec? {
        if let event { return without.machine.scheduler.spec(of: event) }
        if let event = event(in: with) { return with.machine.scheduler.spec(of: event) }
        return nil
    }

    var eventName: String {
        if let spec { return timeline.model.eventName(of: spec.config) }
        switch subject {
        case .host(let index): return timeline.model.eventName(of: timeline.demand.actors.hostEvents[index].config)
        case .guest(let vcpu, let counter):
            guard !counter.isFixed, let slot = GuestRegisters.slot(of: counter) else { return counter.description }
            return timeline.model.eventName(of: with.machine.virtualPMU(vcpu: vcpu).registers.eventSelect[slot])
        }
    }

    var priorityName: String {
        guard let spec else { return "loaded with its guest" }
        let scope = if case .pcpu = spec.scope { "cpu" } else { "task" }
        return "\(scope)-\(spec.priority == .pinned ? "pinned" : "flexible")"
    }

    /// The counters its constraint allows.
    var allowed: [Counter] {
        let mask = spec?.constraint.mask ?? counter.bit
        return (0..<64).filter { mask >> UInt64($0) & 1 != 0 && $0 < 48 }.map { Counter(index: UInt8($0)) }
            .filter { mask & $0.bit & timeline.model.allCounters != 0 }
    }

    private func holder(_ player: PolicyPlayer, _ counter: Counter) -> CounterHolder? {
        CounterHolder(code: player.machine.scheduler.sink.holders[difference.pcpu << 6 | Int(counter.index)])
    }

    /// Another counter that the subject has instead.
    private var elsewhere: Counter? {
        (0..<48).map { Counter(index: UInt8($0)) }.first { $0 != counter && holder(without, $0) == subject }
    }

    private var refusal: (time: UInt64, refusal: Refusal)? {
        without.machine.scheduler.sink.refusals.last { entry in
            switch (entry.refusal.party, subject) {
            case (.hostEvent(let index), .host(let ours)): index == ours
            case (.vm(let vm), .guest(let vcpu, _)): timeline.demand.actors.vcpus[vcpu].vm == vm
            case (.guestCounter(let vcpu, let counter), .guest(let ours, let own)): vcpu == ours && counter == own
            default: false
            }
        }
    }

    private var group: [Demand.HostEvent] {
        guard case .host(let index) = subject else { return [] }
        let events = timeline.demand.actors.hostEvents
        let leader = events[index].leader ?? index
        return events.indices.filter { $0 == leader || events[$0].leader == leader }.map { events[$0] }
    }

    var mechanism: Explanation.Mechanism {
        if refusal != nil { return .refused }
        if let loaded = without.machine.scheduler.loadedGuest(pcpu: difference.pcpu) {
            if case .guest(let vcpu, _) = subject, vcpu == loaded { return .off }
            return .handedOver
        }
        if elsewhere != nil { return .otherCounter }
        guard let event else { return .noEvent }
        switch without.machine.scheduler.state(of: event) {
        case .error:
            let since = without.machine.scheduler.sink.errorSince[event]
            if since < difference.time { return .errorKept }
            if group.count > 1 { return .groupMisfit }
            return hadIt ? .displaced : isConstrained ? .constraint : .error
        case .inactive:
            if group.count > 1, !allHeld { return .groupMisfit }
            if hadIt { return .displaced }
            return isConstrained ? .constraint : .waiting
        case .active: return .waiting
        case .off, .exited: return .off
        }
    }

    /// Whether it had a counter just before the decision.
    private var hadIt: Bool { (0..<48).contains { holder(earlier, Counter(index: UInt8($0))) == subject } }

    /// Whether somebody else has every counter it may use.
    private var allHeld: Bool {
        allowed.allSatisfy { counter in holder(without, counter).map { $0 != subject } ?? false }
    }

    /// Whether only counters that it may not use are free.
    private var isConstrained: Bool {
        guard allHeld else { return false }
        let gp = (0..<timeline.model.gp).map { Counter(index: UInt8($0)) }
        return gp.contains { !allowed.contains($0) && holder(without, $0) == nil }
    }

    /// The mechanism in words.
    var account: String {
        let who = names.full(subject)
        let what = "\(who) asks for \(eventName) as a \(priorityName) event"
        let holders = allowed.map { counter in
            "\(counter) \(holder(without, counter).map { "held by \(names.full($0))" } ?? "free")"
        }
        let table = holders.joined(separator: ", ")
        switch mechanism {
        case .noEvent: return "\(who) has no event of the host behind it: nothing was made for it."
        case .refused: return "\(who) was refused with \(refusal!.refusal.reason.rawValue) at \(refusal!.time) ns."
        case .otherCounter: return "\(what) and gets \(elsewhere!) instead of \(counter)."
        case .errorKept:
            let since = event.map { without.machine.scheduler.sink.errorSince[$0] } ?? 0
            return
                "\(what). It did not fit at \(since) ns, went to ERROR, and stays there until somebody enables it again."
        case .error: return "\(what). It does not fit (\(table)) and goes to ERROR."
        case .displaced:
            let by = holder(without, counter).map(names.full) ?? "nobody"
            return "\(what) and loses its counter: \(counter) now belongs to \(by) (\(table))."
        case .waiting:
            let idle = allHeld ? "" : ", although one is free: nobody places it before the next rescheduling"
            return "\(what) and waits for its turn (\(table))\(idle)."
        case .groupMisfit:
            return
                "\(what) in a group of \(group.count) events, which must all be placed or none; they do not fit (\(table))."
        case .constraint:
            return
                "\(what), and its constraint leaves it \(allowed.map(\.description).joined(separator: ", ")) only (\(table))."
        case .handedOver:
            let guest = without.machine.scheduler.loadedGuest(pcpu: difference.pcpu).map { timeline.owner(vcpu: $0) }
            return
                "\(who) is out: the whole PMU of cpu \(difference.pcpu) belongs to \(guest ?? "a guest") while it runs."
        case .off: return "\(who) is off: its counter is not enabled, or its event is not."
        }
    }
}
