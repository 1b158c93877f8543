import PMU
import Policy

extension HostMachine {
    /// `context_switch()`: perf takes the old thread's events out and the new one's in, then KVM's preempt notifier
    /// runs for a vCPU's thread.
    mutating func switchThread(_ pcpu: Int, to thread: DemandOperation.Thread) {
        giveBackPMU(pcpu)
        if currentVCPU[pcpu] >= 0 {
            vcpus[currentVCPU[pcpu]].pcpu = -1
            vcpus[currentVCPU[pcpu]].inRunLoop = false
            currentVCPU[pcpu] = -1
        }
        if currentHostTask[pcpu] >= 0 {
            hostTaskPCPU[currentHostTask[pcpu]] = -1
            currentHostTask[pcpu] = -1
        }
        switch thread {
        case .vcpu(let number) where vcpus.indices.contains(Int(number)):
            let vcpu = Int(number)
            if vcpus[vcpu].pcpu >= 0 { leave(vcpu) }
            vcpus[vcpu].pcpu = pcpu
            currentVCPU[pcpu] = vcpu
            scheduler.switchTask(pcpu: pcpu, to: vcpus[vcpu].task)
            loadVCPU(vcpu, pcpu)
        case .hostTask(let number) where hostTasks.indices.contains(Int(number)):
            let old = hostTaskPCPU[Int(number)]
            if old >= 0 {
                scheduler.switchTask(pcpu: old, to: nil)
                currentHostTask[old] = -1
            }
            hostTaskPCPU[Int(number)] = pcpu
            currentHostTask[pcpu] = Int(number)
            scheduler.switchTask(pcpu: pcpu, to: hostTasks[Int(number)])
        default: scheduler.switchTask(pcpu: pcpu, to: nil)
        }
    }

    /// A thread that turns up elsewhere without having been seen to leave.
    private mutating func leave(_ vcpu: Int) {
        let old = vcpus[vcpu].pcpu
        giveBackPMU(old)
        scheduler.switchTask(pcpu: old, to: nil)
        currentVCPU[old] = -1
        vcpus[vcpu].pcpu = -1
    }

    /// `kvm_arch_vcpu_load()` after a real sched-out: counters that were not used in the last slice may lose their
    /// events at the next entry.
    private mutating func loadVCPU(_ vcpu: Int, _ pcpu: Int) {
        if vcpus[vcpu].pmu.backed != 0 {
            vcpus[vcpu].needsCleanup = true
            vcpus[vcpu].requested = true
        }
        if kvm.entries == .hidden { handleRequests(vcpu) }
        if keepsPMU(vcpu) { takePMU(vcpu, pcpu) }
    }

    /// Whether the PMU stays with a mediated guest from one switch of its thread to the next.
    @inline(__always)
    private func keepsPMU(_ vcpu: Int) -> Bool {
        kvm.entries == .hidden || guestRules(vcpu).handover == .timeSlice
    }

    /// `vcpu_enter_guest()`: pending requests first, then a mediated PMU changes hands. After an exit that the fast
    /// path answered neither happens.
    mutating func enter(_ vcpu: Int, _ pcpu: Int) {
        if vcpus[vcpu].inRunLoop { return }
        handleRequests(vcpu)
        takePMU(vcpu, pcpu)
        if !isMediated(vcpu) { scheduler.notice(.enterGuest(pcpu: pcpu, vcpu: vcpu)) }
        vcpus[vcpu].inRunLoop = true
    }

    mutating func exit(_ vcpu: Int, _ pcpu: Int, reentersFast: Bool) {
        if reentersFast { return }
        vcpus[vcpu].inRunLoop = false
        if !isMediated(vcpu) { scheduler.notice(.exitGuest(pcpu: pcpu, vcpu: vcpu)) }
        if !keepsPMU(vcpu) { giveBackPMU(pcpu) }
    }

    /// The multiplexing timer of `pcpu` fires. Its interrupt takes a vCPU out of guest mode: a ceded PMU comes back to
    /// the host (`kvm_mediated_pmu_put()`, before interrupts are let in), events take turns, and the vCPU enters again.
    ///
    /// Whether anybody waits shows only then, as events that a guest pushed out do not (`__pmu_ctx_sched_out()`).
    /// `perf_mux_hrtimer_handler()` (kernel/events/core.c, v6.12) stops where nobody does.
    ///
    /// - Returns: whether the timer goes on.
    public mutating func fireMuxTimer(pcpu: Int) -> Bool {
        guard mayRotate(pcpu: pcpu) else { return false }
        let vcpu = currentVCPU[pcpu]
        let leaves = vcpu >= 0 && vcpus[vcpu].inRunLoop
        if leaves { exit(vcpu, pcpu, reentersFast: false) }
        let isNecessary = scheduler.rotateNecessary(pcpu: pcpu) != (false, false)
        if isNecessary { scheduler.rotate(pcpu: pcpu) }
        if leaves { enter(vcpu, pcpu) }
        return isNecessary
    }

    /// Whether a tick of the multiplexing timer of `pcpu` might find somebody who waits, once the PMU is the host's.
    public func mayRotate(pcpu: Int) -> Bool {
        scheduler.loadedGuest(pcpu: pcpu) != nil || scheduler.rotateNecessary(pcpu: pcpu) != (false, false)
    }

    /// What was asked for by an access or an interrupt, where no entry will show.
    mutating func handleRequestsIfEntriesAreHidden(_ vcpu: Int) {
        if kvm.entries == .hidden { handleRequests(vcpu) }
    }

    mutating func takeOffline(_ pcpu: Int) {
        scheduler.notice(.offline(pcpu: pcpu))
        switchThread(pcpu, to: .other)
        for index in hostEvents.indices where actors.hostEvents[index].scope == .pcpu(pcpu) {
            if actors.hostEvents[index].leader == nil { hostRemove(index) }
        }
    }
}
