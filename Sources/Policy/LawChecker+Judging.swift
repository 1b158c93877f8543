import PMU

extension LawChecker {
    mutating func judgePlace(_ event: EventID, _ counter: Int, _ pcpu: Int) {
        let spec = events[event].spec
        if spec.constraint.mask >> UInt64(counter) & 1 == 0 {
            broken(.constraint, pcpu, event, counter, "it may use \(Counter.list(spec.constraint.mask))")
        }
        if pcpus[pcpu].loadedGuest >= 0 {
            broken(.guestAlone, pcpu, event, counter, "vCPU \(pcpus[pcpu].loadedGuest) holds the PMU")
        }
        if let reservation = rules.reservations.first(where: { $0.pcpus.contains(pcpu) }),
            reservation.counters(for: spec.owner, gp: gp, fixed: fixed) >> UInt64(counter) & 1 == 0
        {
            broken(.reservation, pcpu, event, counter, "the counter is reserved for others")
        }
        guard case .guest(let vcpu, let virtual) = spec.owner else { return }
        let guest = guestRules.indices.contains(vcpu) ? guestRules[vcpu] : rules.guest
        if guest.choice == .exact, Int(virtual.index) != counter {
            broken(.exactCounter, pcpu, event, counter, "virtual counter \(virtual) must be physical \(virtual)")
        }
        if let forbids, forbids(spec) {
            broken(.filter, pcpu, event, counter, "vCPU \(vcpu) may not have the event on \(virtual)")
        }
    }

    /// The PMU runs again: what the state says must be so.
    mutating func judge(_ event: EventID, _ pcpu: Int) {
        let watched = events[event]
        if watched.pcpu >= 0, watched.pcpu != pcpu, watched.counter >= 0 { return }
        if (watched.state == .active) != (watched.counter >= 0) {
            broken(
                .activeHolds, pcpu, event, watched.counter,
                "\(watched.state) and \(watched.counter >= 0 ? "holds a counter" : "holds no counter")")
        }
    }

    /// Groups that the last section touched are on whole or off whole.
    mutating func judgeGroups(_ pcpu: Int) {
        for event in pcpus[pcpu].touchedBefore {
            let leader = events[event].leader
            let isOn = events[leader].state == .active
            for sibling in events[leader].siblings {
                let state = events[sibling].state
                guard isOn ? state == .inactive : state == .active else { continue }
                broken(.wholeGroup, pcpu, sibling, -1, "\(state) while its leader \(leader) is \(events[leader].state)")
            }
        }
        pcpus[pcpu].touchedBefore.removeAll(keepingCapacity: true)
    }

    /// Books the time since the event's last change of state.
    mutating func settle(_ event: EventID) {
        let elapsed = now - events[event].changedAt
        events[event].changedAt = now
        switch events[event].state {
        case .active: events[event].active += elapsed
        case .inactive: events[event].waiting += elapsed
        case .error: events[event].error += elapsed
        case .off, .exited: return
        }
        events[event].enabled += elapsed
    }

    mutating func known(_ event: EventID, _ pcpu: Int) -> Bool {
        if events.indices.contains(event) { return true }
        broken(.exists, pcpu, event, -1, "no such event")
        return false
    }

    mutating func known(pcpu: Int) -> Bool {
        if pcpus.indices.contains(pcpu) { return true }
        broken(.exists, pcpu, -1, -1, "no such pCPU")
        return false
    }

    mutating func known(counter: Int, _ pcpu: Int, _ event: EventID) -> Bool {
        let exists = (0..<gp).contains(counter) || (32..<32 + fixed).contains(counter) || (48..<64).contains(counter)
        if !exists { broken(.exists, pcpu, event, counter, "no such counter") }
        return exists
    }

    mutating func broken(_ law: Law, _ pcpu: Int, _ event: EventID, _ counter: Int, _ detail: String) {
        violationCount += 1
        guard violations.count < Self.maxViolations else { return }
        violations.append(
            LawViolation(law: law, time: now, pcpu: pcpu, event: event, counter: counter, detail: detail))
    }

    /// FNV-1a over the step's numbers.
    mutating func note(_ kind: UInt64, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0) {
        mix(kind)
        mix(a)
        mix(b)
        mix(c)
    }

    mutating func mix(_ value: UInt64) {
        digest = (digest ^ value) &* 0x100_0000_01b3
        digest ^= digest >> 29
    }
}
