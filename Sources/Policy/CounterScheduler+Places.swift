import PMU

/// Where an event may go: what its own constraint leaves, less what the policy reserves for others and what the
/// sibling hyper-thread bars.
extension CounterScheduler {
    /// The event as the policy lets it in: guests' priority and choice of counter, and what host events may see.
    @inline(__always)
    public func shaped(_ spec: EventSpec) -> EventSpec {
        var spec = spec
        switch spec.owner {
        case .guest(let vcpu, let counter):
            let rules = guestRules(vcpu)
            if rules.priority == .flexible { spec.priority = .flexible }
            if rules.choice == .exact {
                let all = (1 << UInt64(limits.gp)) - 1 | ((1 << UInt64(limits.fixed)) - 1 as UInt64) << 32
                spec.constraint = Constraint(mask: counter.bit & all, kind: spec.constraint.kind)
            }
        case .host:
            if blindsHost, spec.exclusion == .none { spec.exclusion = .guest }
        }
        return spec
    }

    @inline(__always)
    func guestRules(_ vcpu: Int) -> GuestRules {
        guestRules.indices.contains(vcpu) ? guestRules[vcpu] : rules.guest
    }

    @inline(__always)
    func isUltimate(_ owner: EventOwner) -> Bool {
        guard hasUltimate, case .guest(let vcpu, _) = owner else { return false }
        return guestRules(vcpu).priority == .ultimate
    }

    static func shares(of rules: PolicyRules, limits: Limits, pcpu: Int) -> (host: UInt64, guests: UInt64) {
        guard let reservation = rules.reservations.first(where: { $0.pcpus.contains(pcpu) }) else {
            return (.max, .max)
        }
        return (
            reservation.counters(for: .host(0), gp: limits.gp, fixed: limits.fixed),
            reservation.counters(for: .guest(vcpu: 0, counter: .gp(0)), gp: limits.gp, fixed: limits.fixed)
        )
    }

    /// The counters `event` may use on `pcpu` at the moment.
    @inline(__always)
    func constraint(of event: EventID, on pcpu: Int) -> Constraint {
        let sibling = pcpus[pcpu].sibling
        guard !allowed.isEmpty || sibling >= 0 else { return events[event].spec.constraint }
        var barred: UInt64 = 0
        if !allowed.isEmpty {
            switch events[event].spec.owner {
            case .host: barred = ~allowed[pcpu].host
            case .guest: barred = ~allowed[pcpu].guests
            }
        }
        let constraint = events[event].spec.constraint
        if sibling >= 0 { barred |= countersBarred(by: sibling, isExclusive: constraint.kind == .exclusive) }
        return constraint.without(constraint.kind == .pair ? barred | barred >> 1 : barred)
    }

    /// `intel_get_excl_constraints()`: an exclusive event of the sibling bars its counter to everybody, any event of
    /// it to an exclusive one.
    private func countersBarred(by sibling: Int, isExclusive: Bool) -> UInt64 {
        var barred: UInt64 = 0
        for (position, event) in pcpus[sibling].list.enumerated() {
            let counter = pcpus[sibling].assigned[position]
            guard counter >= 0, isExclusive || events[event].spec.constraint.kind == .exclusive else { continue }
            barred |= 1 << UInt64(counter)
        }
        return barred
    }

    /// GP placements the solver may make on `pcpu`: half of them while either thread of a core with the erratum has an
    /// exclusive event (`x86_schedule_events()`).
    @inline(__always)
    func gpmax(_ pcpu: Int) -> Int {
        let sibling = pcpus[pcpu].sibling
        guard sibling >= 0 else { return limits.gpmax }
        let isExclusive = { (event: EventID) in events[event].spec.constraint.kind == .exclusive }
        return pcpus[pcpu].list.contains(where: isExclusive) || pcpus[sibling].list.contains(where: isExclusive)
            ? limits.gpmax / 2 : limits.gpmax
    }

    /// The physical counters that host events hold on `pcpu`.
    public func countersHeldByHost(pcpu: Int) -> UInt64 {
        var mask: UInt64 = 0
        for event in events where event.state == .active && event.lastPCPU == pcpu && event.counter >= 0 {
            if case .host = event.spec.owner { mask |= 1 << UInt64(event.counter) }
        }
        return mask
    }
}
