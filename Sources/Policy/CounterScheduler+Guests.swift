import PMU

/// Handing the whole PMU over around a guest, as mediated vPMU does (kernel/events/core.c,
/// `perf_load_guest_context()` and `perf_put_guest_context()`, Linux 7.x).
extension CounterScheduler {
    /// All host events go out, then `counters` (virtual = physical) count for the guest.
    public mutating func loadGuest(pcpu: Int, vcpu: Int, counters: UInt64) {
        guard pcpus[pcpu].loadedGuest < 0 else { return }
        let task = pcpus[pcpu].taskContext
        if !delegated(.loadGuest(pcpu: pcpu, vcpu: vcpu)), hasPMU(pcpu) {
            pmuDisable(pcpu)
            listsOut(pcpu, .all, pcpu)
            if task >= 0 { listsOut(task, .all, pcpu) }
            pmuEnable(pcpu)
        }
        pcpus[pcpu].loadedGuest = vcpu
        pcpus[pcpu].loadedCounters = counters
        sink.guestLoaded(pcpu: pcpu, vcpu: vcpu, counters: counters)
    }

    /// The guest's counters are saved; host events come back in the usual order.
    public mutating func putGuest(pcpu: Int) {
        let vcpu = pcpus[pcpu].loadedGuest
        guard vcpu >= 0 else { return }
        sink.guestPut(pcpu: pcpu, vcpu: vcpu, counters: pcpus[pcpu].loadedCounters)
        pcpus[pcpu].loadedGuest = -1
        pcpus[pcpu].loadedCounters = 0
        if delegated(.putGuest(pcpu: pcpu)) { return }
        guard hasPMU(pcpu) else { return }
        pmuDisable(pcpu)
        waitingIn(pcpu)
        pmuEnable(pcpu)
    }

    /// Whether perf has anything to do with the PMU on `pcpu`: without a context that ever had an event it does not
    /// touch it (`perf_ctx_disable()` walks the contexts' PMUs).
    @inline(__always)
    private func hasPMU(_ pcpu: Int) -> Bool {
        let task = pcpus[pcpu].taskContext
        return contexts[pcpu].hasPMU || task >= 0 && contexts[task].hasPMU
    }

    /// The loaded guest turned counters on or off by itself; from now on `counters` count.
    public mutating func changeLoadedGuest(pcpu: Int, counters: UInt64) {
        let vcpu = pcpus[pcpu].loadedGuest
        guard vcpu >= 0, pcpus[pcpu].loadedCounters != counters else { return }
        let before = pcpus[pcpu].loadedCounters
        pcpus[pcpu].loadedCounters = counters
        sink.guestChanged(pcpu: pcpu, vcpu: vcpu, from: before, to: counters)
    }

    /// The vCPU whose guest context is loaded on `pcpu`, nil if the host's is.
    @inline(__always)
    public func loadedGuest(pcpu: Int) -> Int? {
        pcpus[pcpu].loadedGuest >= 0 ? pcpus[pcpu].loadedGuest : nil
    }
}
