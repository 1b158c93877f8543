import Host
import PMU
import Policy
import Trace

/// The PMUs of a simulated host: what counts on each physical counter, and the records that its accesses leave.
///
/// A counter's value is never advanced: it is worked out from the meters of the contexts it counts in whenever
/// somebody looks.
struct SimulatedHardware: TrafficOutput {
    /// ns since the recording began.
    var now: UInt64 = 0
    var recording: Recording = .on
    /// Records made and not yet written.
    var records: [TraceEvent] = []
    /// Events that happen at all, by `RatePhases.key(of:)`.
    let eventKeys: [UInt64]
    let counterMask: UInt64
    var pcpus: [PCPU]
    var guests: [ContextMeter]
    var ledger = Ledger()
    /// nil where nobody asked for it.
    var log: CountingLog?
    /// What the hardware needs of each event of the scheduler.
    var eventInfo: [EventInfo] = []
    var refusals: [Refusal] = []

    enum Recording { case on, off }

    struct EventInfo {
        var event: Int?
        var part: Part
        var config: UInt64
        /// The guest's counter that it stands for, nil for a host's event.
        var guest: (vcpu: Int, counter: Counter)?
    }

    /// In which modes a counter counts.
    enum Part { case host, guest, both }

    struct PCPU {
        var host: ContextMeter
        /// Guest mode's events on this pCPU up to the entry of `vcpu`.
        var guestBase: [UInt64]
        var guestTimeBase: UInt64 = 0
        /// The vCPU in guest mode, -1 in host mode.
        var vcpu = -1
        var enterCount: [UInt64]
        var enterTime: UInt64 = 0
        var pid: Int32 = 0
        var flags: UInt8 = 0
        var counters = [PhysicalCounter](repeating: PhysicalCounter(), count: 64)
        /// Counters that count, by bit.
        var running: UInt64 = 0
        /// The next counter to run out, if nothing changes before.
        var nextOverflow: UInt64 = .max
        var isOverflowStale = true
    }

    struct PhysicalCounter {
        var value: UInt64 = 0
        var base: UInt64 = 0
        var source: CountSource?
        var event: Int?
        var part = Part.both
    }

    init(pcpus count: Int, vcpus: Int, eventKeys: [UInt64], counterMask: UInt64) {
        self.eventKeys = eventKeys
        self.counterMask = counterMask
        let zeros = [UInt64](repeating: 0, count: eventKeys.count)
        var host = ContextMeter(events: eventKeys.count)
        host.start(at: 0)
        pcpus = (0..<count).map { _ in PCPU(host: host, guestBase: zeros, enterCount: zeros) }
        guests = (0..<vcpus).map { _ in ContextMeter(events: eventKeys.count) }
    }

    // MARK: - What the traffic driver asks

    mutating func access(_ access: RegisterAccess, pcpu: Int) {
        if recording == .on, access.instruction == .rdpmc, let counter = Counter(rdpmcOperand: access.address) {
            log?.read(pcpu * 64 + Int(counter.index)) { guests[$0].runningTime(at: now) }
        }
        let kind: EventKind =
            switch access.instruction {
            case .wrmsr: .writeMSR
            case .rdmsr: .readMSR
            case .rdpmc: .rdpmc
            }
        record(
            .host(
                kind, time: now, pcpu: UInt16(pcpu), pid: pcpus[pcpu].pid, flags: pcpus[pcpu].flags,
                register: access.address, value: access.value))
    }

    mutating func record(_ event: TraceEvent) {
        if recording == .on { records.append(event) }
    }

    mutating func value(pcpu: Int, counter: Counter) -> UInt64 { value(pcpu, Int(counter.index)) }

    mutating func written(pcpu: Int, counter: Counter, value: UInt64) {
        let index = Int(counter.index)
        pcpus[pcpu].counters[index].value = value
        if pcpus[pcpu].running >> UInt64(index) & 1 != 0 {
            pcpus[pcpu].counters[index].base = total(pcpu, pcpus[pcpu].counters[index])
        }
        pcpus[pcpu].isOverflowStale = true
    }

    mutating func created(event: EventID, spec: EventSpec) {
        let part: Part =
            switch spec.exclusion {
            case .none: .both
            case .host: .guest
            case .guest: .host
            }
        var guest: (vcpu: Int, counter: Counter)?
        if case .guest(let vcpu, let counter) = spec.owner { guest = (vcpu, counter) }
        eventInfo.append(EventInfo(event: index(of: spec.config), part: part, config: spec.config, guest: guest))
    }

    mutating func counts(pcpu: Int, counter: Counter, source: CountSource?) {
        let index = Int(counter.index)
        if let old = pcpus[pcpu].counters[index].source {
            let value = value(pcpu, index)
            let total = total(pcpu, pcpus[pcpu].counters[index])
            if let vcpu = guest(old) { log?.stop(pcpu * 64 + index, at: guests[vcpu].runningTime(at: now)) }
            ledger.stop(old, counter: counter, pcpu: pcpu, count: total, time: time(pcpu, old))
            pcpus[pcpu].counters[index].value = value
        }
        pcpus[pcpu].counters[index].source = source
        pcpus[pcpu].running &= ~(1 << UInt64(index))
        pcpus[pcpu].isOverflowStale = true
        guard let source else { return }
        pcpus[pcpu].running |= 1 << UInt64(index)
        switch source {
        case .event(let id):
            pcpus[pcpu].counters[index].event = eventInfo[id].event
            pcpus[pcpu].counters[index].part = eventInfo[id].part
        case .guest(_, let config):
            let counts = counter.isFixed || config & (EventSelect.user | EventSelect.os) != 0
            pcpus[pcpu].counters[index].event = counts ? eventKeys.firstIndex(of: RatePhases.key(of: config)) : nil
            pcpus[pcpu].counters[index].part = .guest
        }
        let total = total(pcpu, pcpus[pcpu].counters[index])
        pcpus[pcpu].counters[index].base = total
        noteStart(source, counter, pcpu)
        ledger.start(source, counter: counter, pcpu: pcpu, count: total, time: time(pcpu, source))
    }

    /// The vCPU whose counter a source is, nil for a host's.
    private func guest(_ source: CountSource) -> Int? {
        switch source {
        case .event(let id): eventInfo[id].guest?.vcpu
        case .guest(let vcpu, _): vcpu
        }
    }

    private mutating func noteStart(_ source: CountSource, _ counter: Counter, _ pcpu: Int) {
        guard log != nil, let vcpu = guest(source) else { return }
        let (virtual, config): (Counter, UInt64) =
            switch source {
            case .event(let id): (eventInfo[id].guest?.counter ?? counter, eventInfo[id].config)
            case .guest(_, let config): (counter, config)
            }
        log?.start(
            pcpu * 64 + Int(counter.index), vcpu: vcpu, counter: virtual, event: RatePhases.key(of: config),
            at: guests[vcpu].runningTime(at: now))
    }

    mutating func context(pcpu: Int, _ context: InterruptContext) {
        let nmi: UInt8 = 0x40
        pcpus[pcpu].flags = context == .nmi ? pcpus[pcpu].flags | nmi : pcpus[pcpu].flags & ~nmi
    }

    func guestTime(vcpu: Int) -> UInt64 { guests[vcpu].runningTime(at: now) }

    mutating func refused(_ refusal: Refusal) {
        if !refusals.contains(refusal) { refusals.append(refusal) }
    }

    private func index(of config: UInt64) -> Int? {
        guard config & (EventSelect.user | EventSelect.os) != 0 else { return nil }
        return eventKeys.firstIndex(of: RatePhases.key(of: config))
    }

    // MARK: - Modes and counts

    mutating func enterGuest(_ vcpu: Int, _ pcpu: Int) {
        pcpus[pcpu].host.stop(at: now)
        guests[vcpu].start(at: now)
        pcpus[pcpu].vcpu = vcpu
        for event in eventKeys.indices { pcpus[pcpu].enterCount[event] = guests[vcpu].count(event, at: now) }
        pcpus[pcpu].enterTime = now
        pcpus[pcpu].isOverflowStale = true
    }

    mutating func exitGuest(_ pcpu: Int) {
        let vcpu = pcpus[pcpu].vcpu
        guests[vcpu].stop(at: now)
        for event in eventKeys.indices {
            pcpus[pcpu].guestBase[event] += guests[vcpu].count(event, at: now) - pcpus[pcpu].enterCount[event]
        }
        pcpus[pcpu].guestTimeBase += now - pcpus[pcpu].enterTime
        pcpus[pcpu].vcpu = -1
        pcpus[pcpu].host.start(at: now)
        pcpus[pcpu].isOverflowStale = true
    }

    /// The value a counter holds now.
    func value(_ pcpu: Int, _ index: Int) -> UInt64 {
        let counter = pcpus[pcpu].counters[index]
        guard counter.source != nil else { return counter.value }
        return (counter.value &+ total(pcpu, counter) &- counter.base) & counterMask
    }

    private func total(_ pcpu: Int, _ counter: PhysicalCounter) -> UInt64 {
        guard let event = counter.event else { return 0 }
        switch counter.part {
        case .host: return pcpus[pcpu].host.count(event, at: now)
        case .guest: return guestTotal(pcpu, event)
        case .both: return pcpus[pcpu].host.count(event, at: now) + guestTotal(pcpu, event)
        }
    }

    private func guestTotal(_ pcpu: Int, _ event: Int) -> UInt64 {
        let vcpu = pcpus[pcpu].vcpu
        guard vcpu >= 0 else { return pcpus[pcpu].guestBase[event] }
        return pcpus[pcpu].guestBase[event] + guests[vcpu].count(event, at: now) - pcpus[pcpu].enterCount[event]
    }

    /// The clock by which a source's running time is told: guest mode's for what guests count, else the wall's.
    private func time(_ pcpu: Int, _ source: CountSource) -> UInt64 {
        switch source {
        case .event(let id) where eventInfo[id].part == .guest: return guestTime(pcpu)
        case .event: return now
        case .guest: return guestTime(pcpu)
        }
    }

    private func guestTime(_ pcpu: Int) -> UInt64 {
        pcpus[pcpu].guestTimeBase + (pcpus[pcpu].vcpu >= 0 ? now - pcpus[pcpu].enterTime : 0)
    }

    // MARK: - Overflows

    /// The first time at which a counter of `pcpu` runs out if nothing changes before, `.max` if none does.
    mutating func nextOverflow(_ pcpu: Int) -> UInt64 {
        guard pcpus[pcpu].isOverflowStale else { return pcpus[pcpu].nextOverflow }
        var first = UInt64.max
        forEachRunning(pcpu) { index in
            if let time = overflowTime(pcpu, index) { first = min(first, time) }
        }
        pcpus[pcpu].nextOverflow = first
        pcpus[pcpu].isOverflowStale = false
        return first
    }

    /// The counters of `pcpu` that run out at `time`, which is the present.
    func countersRunningOut(_ pcpu: Int, at time: UInt64) -> [Int] {
        var indexes: [Int] = []
        // A counter that has just passed zero holds less than one tick's events.
        forEachRunning(pcpu) { index in
            let counter = pcpus[pcpu].counters[index]
            let grown = total(pcpu, counter) - counter.base
            let missing = counterMask &+ 1 &- counter.value
            if grown >= missing, counter.value != 0 || grown > 0 { indexes.append(index) }
        }
        return indexes
    }

    /// Takes note that a counter went past zero: from here on it counts up from what it holds.
    mutating func settleOverflow(_ pcpu: Int, _ index: Int) {
        pcpus[pcpu].counters[index].value = value(pcpu, index)
        pcpus[pcpu].counters[index].base = total(pcpu, pcpus[pcpu].counters[index])
        pcpus[pcpu].isOverflowStale = true
    }

    private func overflowTime(_ pcpu: Int, _ index: Int) -> UInt64? {
        let counter = pcpus[pcpu].counters[index]
        guard let event = counter.event else { return nil }
        let grown = total(pcpu, counter) - counter.base
        let missing = counterMask &+ 1 &- counter.value
        guard grown < missing else { return now }
        if pcpus[pcpu].vcpu >= 0 {
            return counter.part == .host
                ? nil : guests[pcpus[pcpu].vcpu].time(of: event, growth: missing - grown, after: now)
        }
        return counter.part == .guest ? nil : pcpus[pcpu].host.time(of: event, growth: missing - grown, after: now)
    }

    private func forEachRunning(_ pcpu: Int, _ body: (Int) -> Void) {
        var bits = pcpus[pcpu].running
        while bits != 0 {
            body(bits.trailingZeroBitCount)
            bits &= bits - 1
        }
    }
}
