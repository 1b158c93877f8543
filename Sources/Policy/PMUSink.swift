import PMU

/// Who listens to a scheduler: a driver that turns the steps into register traffic, an integrator that counts,
/// a checker of laws.
///
/// The steps arrive in the order in which the kernel performs them; time is the listener's business. All have empty
/// defaults, so that a listener implements what it needs.
public protocol PMUSink {
    /// perf core made an event; the steps that follow name it by its id.
    mutating func created(event: EventID, spec: EventSpec)
    /// The event made last is a member of `leader`'s group.
    mutating func grouped(event: EventID, leader: EventID)
    /// The pCPU's PMU is stopped for changes (outermost `perf_pmu_disable()`).
    mutating func sectionBegin(pcpu: Int)
    /// The PMU runs again (outermost `perf_pmu_enable()`); all changes are in force.
    mutating func sectionEnd(pcpu: Int)
    /// `event` holds `counter` and is armed with its remaining period.
    mutating func start(pcpu: Int, event: EventID, counter: Int)
    /// `event` no longer counts on `counter`; its value has been read out.
    mutating func stop(pcpu: Int, event: EventID, counter: Int)
    /// The running event's counter is read.
    mutating func read(pcpu: Int, event: EventID, counter: Int)
    /// The sample period of an event was replaced: the remainder starts over.
    mutating func periodChanged(event: EventID, period: UInt64)
    /// perf core's state of an event changed. `pcpu` is where, nil when its task is not running.
    mutating func stateChanged(pcpu: Int?, event: EventID, from: EventState, to: EventState)
    /// The owner of `event` turns it on; what follows is the policy's answer.
    mutating func enabling(event: EventID)
    /// A flexible group did not fit: the multiplexing timer of the pCPU must run.
    mutating func rotationTimerWanted(pcpu: Int)
    /// A mediated guest's counters are loaded; `counters` are those that count from now on, virtual = physical.
    mutating func guestLoaded(pcpu: Int, vcpu: Int, counters: UInt64)
    /// The mediated guest's counters are saved and the PMU is the host's again.
    mutating func guestPut(pcpu: Int, vcpu: Int, counters: UInt64)
    /// A loaded guest turned counters on or off by itself, without a register access of the host. A listener that
    /// does not care for the difference sees a put and a load.
    mutating func guestChanged(pcpu: Int, vcpu: Int, from: UInt64, to: UInt64)
    /// The registers a mediated guest is about to be loaded with, event filter applied.
    mutating func guestRegisters(vcpu: Int, registers: GuestRegisters)
    /// The counter of a running event reached its interrupt on `counter`: read out and armed anew in NMI context.
    mutating func overflowed(pcpu: Int, event: EventID, counter: Int)
    /// From now on the guest believes that exactly the virtual counters in `mask` count.
    mutating func guestEnabledChanged(vcpu: Int, mask: UInt64)
    /// The guest was told that it cannot have the virtual counters in `counters`, and looked or did not.
    mutating func guestTold(vcpu: Int, counters: UInt64, how: GuestRules.Telling, notice: GuestRules.Notice)
    /// Somebody was told no; what was refused takes no further part.
    mutating func refused(_ refusal: Refusal)
    /// Events that `event` has counted since its creation, up to the last stop or read.
    func count(of event: EventID) -> UInt64
    /// ns that `vcpu` has spent in guest mode up to now; 0 where the listener keeps no clock.
    func guestTime(vcpu: Int) -> UInt64
    /// Events that a mediated guest's counter has counted while loaded, in total up to now.
    mutating func guestCount(vcpu: Int, counter: Int) -> UInt64
}

extension PMUSink {
    public mutating func created(event: EventID, spec: EventSpec) {}
    public mutating func grouped(event: EventID, leader: EventID) {}
    public mutating func sectionBegin(pcpu: Int) {}
    public mutating func sectionEnd(pcpu: Int) {}
    public mutating func start(pcpu: Int, event: EventID, counter: Int) {}
    public mutating func stop(pcpu: Int, event: EventID, counter: Int) {}
    public mutating func read(pcpu: Int, event: EventID, counter: Int) {}
    public mutating func periodChanged(event: EventID, period: UInt64) {}
    public mutating func stateChanged(pcpu: Int?, event: EventID, from: EventState, to: EventState) {}
    public mutating func enabling(event: EventID) {}
    public mutating func rotationTimerWanted(pcpu: Int) {}
    public mutating func guestLoaded(pcpu: Int, vcpu: Int, counters: UInt64) {}
    public mutating func guestPut(pcpu: Int, vcpu: Int, counters: UInt64) {}
    public mutating func guestChanged(pcpu: Int, vcpu: Int, from: UInt64, to: UInt64) {
        guestPut(pcpu: pcpu, vcpu: vcpu, counters: from)
        guestLoaded(pcpu: pcpu, vcpu: vcpu, counters: to)
    }
    public mutating func guestRegisters(vcpu: Int, registers: GuestRegisters) {}
    public mutating func overflowed(pcpu: Int, event: EventID, counter: Int) {}
    public mutating func guestEnabledChanged(vcpu: Int, mask: UInt64) {}
    public mutating func guestTold(vcpu: Int, counters: UInt64, how: GuestRules.Telling, notice: GuestRules.Notice) {}
    public mutating func refused(_ refusal: Refusal) {}
    public func count(of event: EventID) -> UInt64 { 0 }
    public func guestTime(vcpu: Int) -> UInt64 { 0 }
    public mutating func guestCount(vcpu: Int, counter: Int) -> UInt64 { 0 }
}
