import Host
import PMU
import Policy
import Trace

/// Counters that count at one steady rate, each in the modes its event asks for, and a recorder beside them: the
/// hardware under a composed trace. What events really happened is not the reduction's business; when they were counted
/// is.
struct SteadyHardware: TrafficOutput {
    /// ns per event.
    static let nsPerEvent: UInt64 = 1024

    var now: UInt64 = 0
    var records: [TraceEvent] = []
    /// What happened before the trace leaves no records.
    var isRecording = true
    private let counterMask: UInt64
    private var pcpus: [PCPU]
    private var exclusions: [EventSpec.Exclusion] = []

    struct PCPU {
        var pid: Int32 = 0
        var flags: UInt8 = 0
        var isInGuest = false
        var guestNs: UInt64 = 0
        var hostNs: UInt64 = 0
        var since: UInt64 = 0
        var counters = [PhysicalCounter](repeating: PhysicalCounter(), count: 64)
    }

    struct PhysicalCounter {
        var value: UInt64 = 0
        var base: UInt64 = 0
        var counts: EventSpec.Exclusion?
    }

    init(pcpus: Int, counterMask: UInt64) {
        self.counterMask = counterMask
        self.pcpus = [PCPU](repeating: PCPU(), count: pcpus)
    }

    mutating func setPID(_ pid: Int32, pcpu: Int) { pcpus[pcpu].pid = pid }
    /// Whether accesses of `pcpu` are made in an interrupt, as the records' flags tell (0x08, hard irq).
    mutating func setInInterrupt(_ isIn: Bool, pcpu: Int) {
        pcpus[pcpu].flags = isIn ? pcpus[pcpu].flags | 0x08 : pcpus[pcpu].flags & ~0x08
    }
    func pid(_ pcpu: Int) -> Int32 { pcpus[pcpu].pid }
    func isInGuest(_ pcpu: Int) -> Bool { pcpus[pcpu].isInGuest }

    mutating func setMode(inGuest: Bool, pcpu: Int) {
        passTime(pcpu)
        pcpus[pcpu].isInGuest = inGuest
    }

    mutating func record(_ event: TraceEvent) { if isRecording { records.append(event) } }

    mutating func access(_ access: RegisterAccess, pcpu: Int) {
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

    mutating func value(pcpu: Int, counter: Counter) -> UInt64 {
        passTime(pcpu)
        let one = pcpus[pcpu].counters[Int(counter.index)]
        guard let part = one.counts else { return one.value }
        return (one.value &+ total(pcpu, part) &- one.base) & counterMask
    }

    mutating func written(pcpu: Int, counter: Counter, value: UInt64) {
        passTime(pcpu)
        let index = Int(counter.index)
        pcpus[pcpu].counters[index].value = value
        if let part = pcpus[pcpu].counters[index].counts { pcpus[pcpu].counters[index].base = total(pcpu, part) }
    }

    mutating func created(event: EventID, spec: EventSpec) { exclusions.append(spec.exclusion) }

    mutating func counts(pcpu: Int, counter: Counter, source: CountSource?) {
        let index = Int(counter.index)
        pcpus[pcpu].counters[index].value = value(pcpu: pcpu, counter: counter)
        switch source {
        case .event(let event)?: pcpus[pcpu].counters[index].counts = exclusions[event]
        case .guest?: pcpus[pcpu].counters[index].counts = .host
        case nil: pcpus[pcpu].counters[index].counts = nil
        }
        if let part = pcpus[pcpu].counters[index].counts { pcpus[pcpu].counters[index].base = total(pcpu, part) }
    }

    mutating func context(pcpu: Int, _ context: InterruptContext) {
        pcpus[pcpu].flags = context == .nmi ? pcpus[pcpu].flags | 0x40 : pcpus[pcpu].flags & ~0x40
    }

    private mutating func passTime(_ pcpu: Int) {
        let passed = now - pcpus[pcpu].since
        if pcpus[pcpu].isInGuest { pcpus[pcpu].guestNs += passed } else { pcpus[pcpu].hostNs += passed }
        pcpus[pcpu].since = now
    }

    private func total(_ pcpu: Int, _ part: EventSpec.Exclusion) -> UInt64 {
        let (host, guest) = (pcpus[pcpu].hostNs / Self.nsPerEvent, pcpus[pcpu].guestNs / Self.nsPerEvent)
        return part == .host ? guest : part == .guest ? host : host + guest
    }
}
