import Host
import PMU
import Policy

extension Simulation {
    /// The next counter that runs out, if nothing happens before.
    mutating func nextOverflow() -> (time: UInt64, pcpu: Int)? {
        var first: (time: UInt64, pcpu: Int)?
        for pcpu in run.indices {
            let time = hardware.nextOverflow(pcpu)
            if time < first?.time ?? .max { first = (time, pcpu) }
        }
        return first
    }

    /// The counters of `pcpu` that run out now interrupt. A guest is left for it: behind an emulated counter an NMI of
    /// the host's, for a loaded guest's own counter an interrupt of its own vector.
    mutating func handleOverflow(_ pcpu: Int) {
        let vcpu = hardware.pcpus[pcpu].vcpu
        var overflowed: UInt64 = 0
        var exit = exits.nmi
        for index in hardware.countersRunningOut(pcpu, at: now) {
            switch hardware.pcpus[pcpu].counters[index].source {
            case .event(let id):
                let owner = machine.scheduler.spec(of: id).owner
                let before = hardware.pcpus[pcpu].counters[index].value
                apply(.overflow(owner: owner), pcpu: pcpu)
                if hardware.pcpus[pcpu].counters[index].value == before { hardware.settleOverflow(pcpu, index) }
                if case .guest(_, let counter) = owner { overflowed |= interruptBit(vcpu, counter) }
            case .guest(let loaded, _):
                let counter = Counter(index: UInt8(index))
                hardware.settleOverflow(pcpu, index)
                machine.mediatedOverflow(vcpu: loaded, counter: counter)
                overflowed |= interruptBit(vcpu, counter)
                exit = exits.interrupt
            case nil: break
            }
        }
        guard vcpu >= 0 else { return }
        leaveGuest(vcpu, reason: exit)
        if overflowed != 0 {
            vcpus[vcpu].interrupts.append(hardware.guests[vcpu].runningTime(at: now))
            vcpus[vcpu].driver.interrupted(overflowed, at: now)
        }
        enterGuest(vcpu)
    }

    /// The counter's bit if the guest asked for its interrupt.
    private func interruptBit(_ vcpu: Int, _ counter: Counter) -> UInt64 {
        guard vcpu >= 0, let slot = GuestRegisters.slot(of: counter) else { return 0 }
        let registers = machine.virtualPMU(vcpu: vcpu).registers
        let asks =
            counter.isFixed
            ? registers.fixedField(counter.number) & 0x8 != 0
            : registers.eventSelect[slot] & EventSelect.interrupt != 0
        return asks ? counter.bit : 0
    }
}
