import Host
import Policy
import Timeline

/// Between the memo and the machine: what the memo alone knows is put into force there.
extension CellMemo {
    /// The machine follows, and what it is like on `pcpu` is no longer known.
    func giveUp(_ replayer: inout Replayer, _ pcpu: Int) {
        follow(&replayer, pcpu)
        places[pcpu].cell = -1
    }

    /// What the memo knows of a pCPU is put into the machine.
    func follow(_ replayer: inout Replayer, _ pcpu: Int) {
        let place = places[pcpu]
        guard place.isAhead else { return }
        places[pcpu].isAhead = false
        restore(place.cell, &replayer, vcpu: place.vcpu >= 0 ? Int(place.vcpu) : nil, pcpu: pcpu)
    }

    /// What it knows of a vCPU that is on no pCPU.
    func follow(_ replayer: inout Replayer, parked vcpu: Int) {
        guard parked[vcpu].isAhead else { return }
        parked[vcpu].isAhead = false
        restore(parked[vcpu].cell, &replayer, vcpu: vcpu, pcpu: nil)
    }

    /// What the operations that the machine did not see have cost is charged to the vCPU.
    func book(_ replayer: inout Replayer, _ vcpu: Int) {
        for (number, cost) in costs.enumerated() {
            let times = hits[vcpu * mostCosts + number]
            if times == 0 { continue }
            hits[vcpu * mostCosts + number] = 0
            replayer.machine.scheduler.sink.decisions += times * cost.decisions
            replayer.machine.scheduler.sink.hostDecisions += times * cost.hostDecisions
            replayer.machine.scheduler.sink.writesByScheduler += times * cost.writesByScheduler
            replayer.machine.scheduler.sink.guestDecisions[vcpu] += times * cost.guestDecisions
            replayer.machine.scheduler.sink.guestMigrations[vcpu] += times * cost.guestMigrations
            replayer.machine.addCost(cost.operations, times: times, vcpu: vcpu)
        }
    }
}
