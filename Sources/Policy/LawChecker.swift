import PMU

/// Watches a policy's steps on their way to another listener and notes every law they break.
///
/// It believes nothing but the steps themselves: who holds which counter is kept from `start` and `stop`, and compared
/// with what the states say. Whoever owns the clock sets `now` before each operation and calls `finish()` at the end.
public struct LawChecker<Base: PMUSink>: PMUSink {
    public var base: Base
    /// ns of the trace's clock.
    public var now: UInt64 = 0
    /// What was broken, the first `maxViolations` of it.
    public internal(set) var violations: [LawViolation] = []
    /// How many violations there were.
    public internal(set) var violationCount = 0
    /// A digest of all steps: the same operations must give the same.
    public internal(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

    public static var maxViolations: Int { 100 }

    /// The rules of each vCPU's VM; vCPUs beyond the end follow the policy's common rules.
    public var guestRules: [GuestRules] = []
    /// Whether a guest may not have such an event at all (its VM's event filter, socket-level events), nil where nobody
    /// says.
    public var forbids: (@Sendable (EventSpec) -> Bool)?

    let rules: PolicyRules
    let gp: Int
    let fixed: Int
    var events: [Watched] = []
    var pcpus: [PCPU]
    /// Events that their owners turned on in this operation.
    var enabledNow: Set<EventID> = []

    /// What is known of an event.
    struct Watched {
        var spec: EventSpec
        var leader: EventID
        var siblings: [EventID] = []
        var state = EventState.off
        var counter = -1
        var pcpu = -1
        var startedAt: UInt64 = 0
        var changedAt: UInt64 = 0
        var running: UInt64 = 0
        var active: UInt64 = 0
        var waiting: UInt64 = 0
        var error: UInt64 = 0
        var enabled: UInt64 = 0
    }

    struct PCPU {
        var holders = [EventID](repeating: -1, count: 64)
        var isStopped = false
        var loadedGuest = -1
        /// Events whose state or counter changed since the section began.
        var touched: [EventID] = []
        /// The same of the section before, whose groups are judged once the operation is over: a member that is
        /// removed goes out in a section and is gone only after it.
        var touchedBefore: [EventID] = []
    }

    /// - Parameters:
    ///   - pcpus: number of logical host CPUs.
    ///   - gp, fixed: the counters of each.
    public init(pcpus: Int, gp: Int, fixed: Int, rules: PolicyRules, base: Base) {
        self.base = base
        self.rules = rules
        self.gp = gp
        self.fixed = fixed
        self.pcpus = [PCPU](repeating: PCPU(), count: pcpus)
    }

    public mutating func created(event: EventID, spec: EventSpec) {
        if event != events.count { broken(.exists, -1, event, -1, "event ids rise by one") }
        events.append(Watched(spec: spec, leader: event))
        note(1, UInt64(event), spec.config, spec.constraint.mask)
        base.created(event: event, spec: spec)
    }

    public mutating func grouped(event: EventID, leader: EventID) {
        guard known(event, 0), known(leader, 0) else { return }
        events[event].leader = leader
        events[leader].siblings.append(event)
        note(2, UInt64(event), UInt64(leader))
        base.grouped(event: event, leader: leader)
    }

    public mutating func sectionBegin(pcpu: Int) {
        guard known(pcpu: pcpu) else { return }
        judgeGroups(pcpu)
        if pcpus[pcpu].isStopped { broken(.insideSection, pcpu, -1, -1, "a section begins inside another") }
        pcpus[pcpu].isStopped = true
        note(3, UInt64(pcpu))
        base.sectionBegin(pcpu: pcpu)
    }

    public mutating func sectionEnd(pcpu: Int) {
        guard known(pcpu: pcpu) else { return }
        if !pcpus[pcpu].isStopped { broken(.insideSection, pcpu, -1, -1, "a section ends that never began") }
        pcpus[pcpu].isStopped = false
        for event in pcpus[pcpu].touched { judge(event, pcpu) }
        pcpus[pcpu].touchedBefore = pcpus[pcpu].touched
        pcpus[pcpu].touched = []
        note(4, UInt64(pcpu))
        base.sectionEnd(pcpu: pcpu)
    }

    public mutating func start(pcpu: Int, event: EventID, counter: Int) {
        guard known(pcpu: pcpu), known(event, pcpu), known(counter: counter, pcpu, event) else { return }
        note(5, UInt64(pcpu), UInt64(event), UInt64(counter))
        if !pcpus[pcpu].isStopped { broken(.insideSection, pcpu, event, counter, "started while the PMU runs") }
        judgePlace(event, counter, pcpu)
        let isPair = events[event].spec.constraint.kind == .pair
        for held in counter...(isPair ? counter + 1 : counter) where held < 64 {
            let holder = pcpus[pcpu].holders[held]
            if holder >= 0, holder != event {
                broken(.oneHolder, pcpu, event, held, "event \(holder) holds it")
            }
            pcpus[pcpu].holders[held] = event
        }
        if events[event].counter >= 0, events[event].counter != counter {
            broken(.oneHolder, pcpu, event, counter, "it holds counter \(events[event].counter) already")
        }
        events[event].counter = counter
        events[event].pcpu = pcpu
        events[event].startedAt = now
        pcpus[pcpu].touched.append(event)
        base.start(pcpu: pcpu, event: event, counter: counter)
    }

    public mutating func stop(pcpu: Int, event: EventID, counter: Int) {
        guard known(pcpu: pcpu), known(event, pcpu), known(counter: counter, pcpu, event) else { return }
        note(6, UInt64(pcpu), UInt64(event), UInt64(counter))
        if !pcpus[pcpu].isStopped { broken(.insideSection, pcpu, event, counter, "stopped while the PMU runs") }
        if events[event].counter != counter {
            broken(.oneHolder, pcpu, event, counter, "stopped, but it does not hold it")
        } else {
            events[event].running += now - events[event].startedAt
        }
        for held in 0..<64 where pcpus[pcpu].holders[held] == event { pcpus[pcpu].holders[held] = -1 }
        events[event].counter = -1
        pcpus[pcpu].touched.append(event)
        base.stop(pcpu: pcpu, event: event, counter: counter)
    }

    public mutating func read(pcpu: Int, event: EventID, counter: Int) {
        guard known(pcpu: pcpu), known(event, pcpu) else { return }
        note(7, UInt64(pcpu), UInt64(event), UInt64(counter))
        if events[event].counter != counter {
            broken(.oneHolder, pcpu, event, counter, "read, but it does not hold it")
        }
        base.read(pcpu: pcpu, event: event, counter: counter)
    }

    public mutating func periodChanged(event: EventID, period: UInt64) {
        note(8, UInt64(event), period)
        base.periodChanged(event: event, period: period)
    }

    public mutating func stateChanged(pcpu: Int?, event: EventID, from: EventState, to: EventState) {
        guard known(event, pcpu ?? 0) else { return }
        note(9, UInt64(event), UInt64(bitPattern: Int64(to.rawValue)))
        if to == .error, events[event].spec.priority == .flexible {
            broken(.onlyPinnedFail, pcpu ?? -1, event, -1, "a flexible event went to ERROR")
        }
        let isEnd = to == .exited || to == .error || enabledNow.contains(event)
        if rules.pinnedMisfit == .sticky, events[event].state == .error, !isEnd {
            broken(.stickyError, pcpu ?? -1, event, -1, "went from ERROR to \(to) though nobody enabled it")
        }
        settle(event)
        events[event].state = to
        if let pcpu, known(pcpu: pcpu) { pcpus[pcpu].touched.append(event) }
        base.stateChanged(pcpu: pcpu, event: event, from: from, to: to)
    }

    public mutating func guestLoaded(pcpu: Int, vcpu: Int, counters: UInt64) {
        guard known(pcpu: pcpu) else { return }
        note(10, UInt64(pcpu), UInt64(vcpu), counters)
        for counter in 0..<64 where pcpus[pcpu].holders[counter] >= 0 {
            broken(
                .guestAlone, pcpu, pcpus[pcpu].holders[counter], counter, "still held when vCPU \(vcpu) took the PMU")
        }
        pcpus[pcpu].loadedGuest = vcpu
        base.guestLoaded(pcpu: pcpu, vcpu: vcpu, counters: counters)
    }

    public mutating func guestPut(pcpu: Int, vcpu: Int, counters: UInt64) {
        guard known(pcpu: pcpu) else { return }
        note(11, UInt64(pcpu), UInt64(vcpu), counters)
        pcpus[pcpu].loadedGuest = -1
        base.guestPut(pcpu: pcpu, vcpu: vcpu, counters: counters)
    }

    public mutating func guestChanged(pcpu: Int, vcpu: Int, from: UInt64, to: UInt64) {
        note(12, UInt64(pcpu), UInt64(vcpu), to)
        base.guestChanged(pcpu: pcpu, vcpu: vcpu, from: from, to: to)
    }

    /// The state of an event whose state before is known to the checker alone.
    public mutating func changeState(pcpu: Int?, event: EventID, to state: EventState) {
        guard known(event, pcpu ?? 0) else { return }
        if let pcpu, !known(pcpu: pcpu) { return }
        stateChanged(pcpu: pcpu, event: event, from: events[event].state, to: state)
    }

    public mutating func enabling(event: EventID) {
        enabledNow.insert(event)
        base.enabling(event: event)
    }

    public mutating func rotationTimerWanted(pcpu: Int) {
        guard known(pcpu: pcpu) else { return }
        note(13, UInt64(pcpu))
        base.rotationTimerWanted(pcpu: pcpu)
    }

    public mutating func guestRegisters(vcpu: Int, registers: GuestRegisters) {
        base.guestRegisters(vcpu: vcpu, registers: registers)
    }

    public mutating func overflowed(pcpu: Int, event: EventID, counter: Int) {
        note(14, UInt64(pcpu), UInt64(event), UInt64(counter))
        base.overflowed(pcpu: pcpu, event: event, counter: counter)
    }

    public mutating func guestEnabledChanged(vcpu: Int, mask: UInt64) {
        note(15, UInt64(vcpu), mask)
        base.guestEnabledChanged(vcpu: vcpu, mask: mask)
    }

    public mutating func guestTold(vcpu: Int, counters: UInt64, how: GuestRules.Telling, notice: GuestRules.Notice) {
        note(16, UInt64(vcpu), counters)
        base.guestTold(vcpu: vcpu, counters: counters, how: how, notice: notice)
    }

    public mutating func refused(_ refusal: Refusal) {
        note(17)
        base.refused(refusal)
    }

    public func count(of event: EventID) -> UInt64 { base.count(of: event) }
    public func guestTime(vcpu: Int) -> UInt64 { base.guestTime(vcpu: vcpu) }
    public mutating func guestCount(vcpu: Int, counter: Int) -> UInt64 {
        base.guestCount(vcpu: vcpu, counter: counter)
    }

    /// An operation is over: no section may be open, and groups are judged.
    public mutating func endOperation() {
        enabledNow.removeAll(keepingCapacity: true)
        for pcpu in pcpus.indices {
            judgeGroups(pcpu)
            if pcpus[pcpu].isStopped { broken(.insideSection, pcpu, -1, -1, "the section is still open") }
        }
    }

    /// Settles the books at `now`: times must add up. Answers whether no law was broken.
    @discardableResult
    public mutating func finish() -> Bool {
        for pcpu in pcpus.indices { judgeGroups(pcpu) }
        for event in events.indices {
            settle(event)
            if events[event].counter >= 0 {
                events[event].running += now - events[event].startedAt
                events[event].startedAt = now
            }
            let watched = events[event]
            if watched.running != watched.active {
                broken(
                    .timeConserved, watched.pcpu, event, watched.counter,
                    "held a counter for \(watched.running) ns, was ACTIVE for \(watched.active) ns")
            }
            if watched.active + watched.waiting + watched.error != watched.enabled {
                broken(.timeConserved, watched.pcpu, event, watched.counter, "times do not add up")
            }
        }
        return violationCount == 0
    }
}
