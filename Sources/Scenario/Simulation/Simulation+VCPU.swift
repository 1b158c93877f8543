import Host
import PMU
import Trace

extension Simulation {
    /// After a switch or after an exit that took time.
    mutating func enterAfterExit(_ vcpu: Int) {
        guard vcpus[vcpu].pcpu >= 0, !vcpus[vcpu].inGuest else { return }
        enterGuest(vcpu)
        guard let modes = vcpus[vcpu].plan.modes else { return }
        let jitter = vcpus[vcpu].plan.thread.jitterPercent
        let length = vcpus[vcpu].random.varied(modes.guest, percent: jitter)
        queue.add(.exit(vcpu: vcpu, generation: vcpus[vcpu].generation), at: now + length)
    }

    /// An exit that has nothing to do with the PMU.
    mutating func exitByItself(_ vcpu: Int) {
        guard vcpus[vcpu].inGuest, let modes = vcpus[vcpu].plan.modes else { return }
        let reason = exits.everyday[Int(vcpus[vcpu].random.below(UInt64(exits.everyday.count)))]
        leaveGuest(vcpu, reason: reason)
        let length = vcpus[vcpu].random.varied(modes.host, percent: vcpus[vcpu].plan.thread.jitterPercent)
        queue.add(.enter(vcpu: vcpu, generation: vcpus[vcpu].generation), at: now + length)
    }

    /// `vcpu_enter_guest()`: what waits for the entry comes before its record.
    mutating func enterGuest(_ vcpu: Int) {
        let pcpu = vcpus[vcpu].pcpu
        apply(.guestEnter(vcpu: Int32(vcpu)), pcpu: pcpu)
        // A guest that looks learns here that it got no counter.
        noteBelief(vcpu)
        hardware.record(
            .kvmEntry(
                time: now, pcpu: UInt16(pcpu), pid: threads[vcpus[vcpu].thread].plan.tid,
                vcpu: UInt32(vcpus[vcpu].index), rip: Simulation.guestRIP))
        hardware.enterGuest(vcpu, pcpu)
        vcpus[vcpu].inGuest = true
        planAction(vcpu)
    }

    mutating func leaveGuest(_ vcpu: Int, reason: UInt32) {
        guard vcpus[vcpu].inGuest else { return }
        let pcpu = vcpus[vcpu].pcpu
        vcpus[vcpu].inGuest = false
        vcpus[vcpu].actionGeneration += 1
        hardware.exitGuest(pcpu)
        hardware.record(
            .kvmExit(
                time: now, pcpu: UInt16(pcpu), pid: threads[vcpus[vcpu].thread].plan.tid,
                vcpu: UInt32(vcpus[vcpu].index), reason: reason, rip: Simulation.guestRIP, isa: exits.isa))
        apply(.guestExit(vcpu: Int32(vcpu), reentersFast: false), pcpu: pcpu)
    }

    /// Asks the guest for its next action and arranges for it.
    mutating func planAction(_ vcpu: Int) {
        vcpus[vcpu].actionGeneration += 1
        guard vcpus[vcpu].inGuest, let time = vcpus[vcpu].driver.nextTime() else { return }
        queue.add(.action(vcpu: vcpu, generation: vcpus[vcpu].actionGeneration), at: max(now, time))
    }

    mutating func act(_ vcpu: Int) {
        guard vcpus[vcpu].inGuest else { return }
        let action = vcpus[vcpu].driver.take(at: now)
        switch action {
        case .write(let register, let value): access(vcpu, register, writing: value)
        case .read(let register): access(vcpu, register, writing: nil)
        case .readPMC(let counter): readPMC(vcpu, counter)
        case .emulated(let isBranch):
            leaveGuest(vcpu, reason: exits.everyday[1])
            apply(.emulatedInstruction(vcpu: Int32(vcpu), branch: isBranch), pcpu: vcpus[vcpu].pcpu)
            enterGuest(vcpu)
        }
        planAction(vcpu)
    }

    private mutating func access(_ vcpu: Int, _ register: UInt32, writing value: UInt64?) {
        let leaves = machine.isIntercepted(register, vcpu: vcpu)
        if leaves { leaveGuest(vcpu, reason: value != nil ? exits.writeMSR : exits.readMSR) }
        noteBelief(vcpu)
        let pcpu = vcpus[vcpu].pcpu
        let kind: DemandOperation.Kind =
            if let value {
                .guestWrite(vcpu: Int32(vcpu), register: register, value: value, faulted: false)
            } else {
                .guestRead(vcpu: Int32(vcpu), register: register, faulted: false)
            }
        let answer = machine.apply(DemandOperation(time: now, pcpu: Int32(pcpu), kind: kind))
        noteNewEvents()
        noteBelief(vcpu)
        guard leaves else { return }
        var data = value ?? 0
        if case .value(let read) = answer { data = read }
        hardware.record(
            .kvmMSR(
                time: now, pcpu: UInt16(pcpu), pid: threads[vcpus[vcpu].thread].plan.tid, write: value != nil,
                register: register, data: data, exception: answer == .fault))
        enterGuest(vcpu)
    }

    private mutating func readPMC(_ vcpu: Int, _ counter: Counter) {
        let leaves = machine.isIntercepted(nil, vcpu: vcpu)
        if leaves { leaveGuest(vcpu, reason: exits.readPMC) }
        _ = machine.guestReadPMC(vcpu: vcpu, counter: counter)
        if leaves { enterGuest(vcpu) }
    }

    /// Something of the host happens on a pCPU whose vCPU may be in guest mode: it leaves, and comes back at once.
    mutating func interrupting(_ pcpu: Int, flags: UInt8 = 0x08, _ body: (inout Simulation) -> Void) {
        let vcpu = hardware.pcpus[pcpu].vcpu
        if vcpu >= 0 { leaveGuest(vcpu, reason: exits.interrupt) }
        hardware.pcpus[pcpu].flags |= flags
        body(&self)
        hardware.pcpus[pcpu].flags &= ~flags
        if vcpu >= 0 { enterGuest(vcpu) }
    }

    /// An address inside a Linux guest's kernel text.
    private static let guestRIP: UInt64 = 0xffff_ffff_8100_7a42
}
