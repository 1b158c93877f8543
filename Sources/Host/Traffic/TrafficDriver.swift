import PMU
import Policy

/// From scheduling steps to the register accesses by which a real host's PMU driver carries them out.
///
/// The sequences are those of arch/x86/events/core.c, intel/core.c and amd/core.c, v6.12. Per flavour, one section:
///
///     intel          w GLOBAL_CTRL=0 · [w EVTSEL -EN, rdpmc | rdpmc] · w CTR, w EVTSEL +EN | w FIXED ·
///                    (w FIXED_CTR_CTRL if its image changed) · w GLOBAL_CTRL = all but exclude_host's counters
///     amd_core_ext   each running: r CTL, w CTL -EN · stop: w CTL -EN, rdpmc · start: w CTR · each running: w CTL +EN
///     amd_v2         w GLOBAL_CTL=0 · stop: w CTL -EN, rdpmc · start: w CTR, w CTL +EN · w GLOBAL_CTL = all
///
/// Interrupts are in `+Interrupts`, handing the PMU to a mediated guest in `+Mediated`.
public struct TrafficDriver<Output: TrafficOutput>: PMUSink {
    public var output: Output
    let layout: RegisterLayout
    let habits: TrafficHabits
    var events: [EventRegisters] = []
    var pcpus: [PCPURegisters]
    var guests: [GuestState] = []
    private var wantedTimers: [Int] = []

    /// What the driver keeps of an event: `struct hw_perf_event`.
    struct EventRegisters {
        var config: UInt64
        var exclusion: EventSpec.Exclusion
        var period: PeriodState
        var count: UInt64 = 0
    }

    struct PCPURegisters {
        /// The control value of each running GP counter, without EN.
        var control = [UInt64](repeating: 0, count: 32)
        var running: UInt64 = 0
        /// The event on each running counter.
        var holder = [EventID](repeating: -1, count: 64)
        /// Counters of exclude_host events: left out of the host's GLOBAL_CTRL.
        var guestCounters: UInt64 = 0
        var fixedControl: UInt64 = 0
        var writtenFixedControl: UInt64 = 0
    }

    public init(
        pcpus: Int, model: ProcessorModel, habits: TrafficHabits = TrafficHabits(), output: Output
    ) {
        self.init(
            pcpus: pcpus,
            layout: RegisterLayout(
                flavour: model.flavour, gp: model.gp, fixed: model.fixed, width: model.width,
                fullWidthWrites: model.fullWidthWrites, maxPeriod: model.maxPeriod),
            habits: habits, output: output)
    }

    init(pcpus: Int, layout: RegisterLayout, habits: TrafficHabits = TrafficHabits(), output: Output) {
        self.layout = layout
        self.habits = habits
        self.output = output
        self.pcpus = [PCPURegisters](repeating: PCPURegisters(), count: pcpus)
    }

    /// Metrics and last branch records have no counter of their own that is written or read.
    static var firstPseudoCounter: Int { 47 }

    /// Events counted so far, up to the last time the event was stopped or read.
    public func count(of event: EventID) -> UInt64 { events[event].count }
    public func guestTime(vcpu: Int) -> UInt64 { output.guestTime(vcpu: vcpu) }

    public mutating func created(event: EventID, spec: EventSpec) {
        output.created(event: event, spec: spec)
        var config = spec.config & ~EventSelect.enable
        if layout.flavour != .intel {
            if spec.exclusion == .host { config |= EventSelect.guestOnly }
            if spec.exclusion == .guest, habits.virtualization == .on { config |= EventSelect.hostOnly }
        }
        events.append(
            EventRegisters(
                config: config, exclusion: spec.exclusion,
                period: PeriodState(samplePeriod: spec.samplePeriod, maxPeriod: layout.maxPeriod)))
    }

    public mutating func refused(_ refusal: Refusal) { output.refused(refusal) }

    public mutating func rotationTimerWanted(pcpu: Int) { wantedTimers.append(pcpu) }

    /// The pCPUs on which a flexible group did not fit since the last call: their multiplexing timers must run.
    public mutating func takeWantedTimers() -> [Int] {
        if wantedTimers.isEmpty { return [] }
        defer { wantedTimers.removeAll(keepingCapacity: true) }
        return wantedTimers
    }

    public mutating func periodChanged(event: EventID, period: UInt64) {
        events[event].period.replace(samplePeriod: period, maxPeriod: layout.maxPeriod)
    }

    public mutating func sectionBegin(pcpu: Int) {
        switch layout.flavour {
        case .intel: write(MSR.globalControl, 0, pcpu)
        case .amdV2: write(MSR.amdGlobalControl, 0, pcpu)
        case .amdCoreExt:
            forEachRunning(pcpu) { driver, counter in
                let control = driver.pcpus[pcpu].control[counter.number]
                driver.read(driver.layout.eventSelect(counter), control | EventSelect.enable, pcpu)
                driver.write(driver.layout.eventSelect(counter), control, pcpu)
            }
            guard habits.overflowPolls == .shown else { return }
            forEachRunning(pcpu) { driver, counter in
                let value = driver.output.value(pcpu: pcpu, counter: counter)
                driver.read(driver.layout.counter(counter), value, pcpu)
            }
        }
    }

    public mutating func sectionEnd(pcpu: Int) {
        switch layout.flavour {
        case .intel:
            if pcpus[pcpu].fixedControl != pcpus[pcpu].writtenFixedControl {
                writeFixedControl(pcpu)
            }
            write(MSR.globalControl, layout.globalMask & ~pcpus[pcpu].guestCounters, pcpu)
        case .amdV2: write(MSR.amdGlobalControl, layout.globalMask, pcpu)
        case .amdCoreExt:
            forEachRunning(pcpu) { driver, counter in
                let control = driver.pcpus[pcpu].control[counter.number]
                driver.write(driver.layout.eventSelect(counter), control | EventSelect.enable, pcpu)
            }
        }
    }

    public mutating func start(pcpu: Int, event: EventID, counter index: Int) {
        if index >= TrafficDriver.firstPseudoCounter { return }
        let counter = Counter(index: UInt8(index))
        let value = events[event].period.arm(maxPeriod: layout.maxPeriod) & layout.counterMask
        write(layout.counter(counter), value, pcpu)
        output.written(pcpu: pcpu, counter: counter, value: value)
        output.counts(pcpu: pcpu, counter: counter, source: .event(event))
        pcpus[pcpu].running |= counter.bit
        pcpus[pcpu].holder[index] = event
        let config = events[event].config
        if events[event].exclusion == .host { pcpus[pcpu].guestCounters |= counter.bit }
        if counter.isFixed {
            let shift = 4 * UInt64(counter.number)
            pcpus[pcpu].fixedControl &= ~(0xf << shift)
            pcpus[pcpu].fixedControl |= FixedControl.nibble(for: config) << shift
            writeFixedControlAtOnce(pcpu)
        } else {
            pcpus[pcpu].control[counter.number] = config
            if layout.flavour != .amdCoreExt { write(layout.eventSelect(counter), config | EventSelect.enable, pcpu) }
        }
    }

    public mutating func stop(pcpu: Int, event: EventID, counter index: Int) {
        if index >= TrafficDriver.firstPseudoCounter { return }
        let counter = Counter(index: UInt8(index))
        pcpus[pcpu].running &= ~counter.bit
        pcpus[pcpu].guestCounters &= ~counter.bit
        if counter.isFixed {
            pcpus[pcpu].fixedControl &= ~(0xf << (4 * UInt64(counter.number)))
            writeFixedControlAtOnce(pcpu)
        } else {
            write(layout.eventSelect(counter), events[event].config, pcpu)
            if layout.flavour == .amdV2, habits.overflowPolls == .shown { read(MSR.amdGlobalStatus, 0, pcpu) }
        }
        drain(pcpu, event, counter)
        output.counts(pcpu: pcpu, counter: counter, source: nil)
        pcpus[pcpu].holder[index] = -1
    }

    public mutating func read(pcpu: Int, event: EventID, counter: Int) {
        if counter >= TrafficDriver.firstPseudoCounter { return }
        drain(pcpu, event, Counter(index: UInt8(counter)))
    }

    private mutating func writeFixedControl(_ pcpu: Int) {
        pcpus[pcpu].writtenFixedControl = pcpus[pcpu].fixedControl
        write(MSR.fixedControl, pcpus[pcpu].fixedControl, pcpu)
    }

    private mutating func writeFixedControlAtOnce(_ pcpu: Int) {
        guard habits.fixedControl == .immediate else { return }
        read(MSR.fixedControl, pcpus[pcpu].writtenFixedControl, pcpu)
        writeFixedControl(pcpu)
    }

    mutating func drain(_ pcpu: Int, _ event: EventID, _ counter: Counter) {
        let value = output.value(pcpu: pcpu, counter: counter)
        output.access(RegisterAccess(.rdpmc, counter.rdpmcOperand, value), pcpu: pcpu)
        let delta = (value &- events[event].period.armedAt) & layout.counterMask
        events[event].count &+= delta
        events[event].period.consumed(delta, now: value)
    }

    mutating func read(_ address: UInt32, _ value: UInt64, _ pcpu: Int) {
        output.access(RegisterAccess(.rdmsr, address, value), pcpu: pcpu)
    }

    mutating func write(_ address: UInt32, _ value: UInt64, _ pcpu: Int) {
        output.access(RegisterAccess(.wrmsr, address, value), pcpu: pcpu)
    }

    mutating func forEachRunning(_ pcpu: Int, _ body: (inout Self, Counter) -> Void) {
        var bits = pcpus[pcpu].running
        while bits != 0 {
            body(&self, Counter(index: UInt8(bits.trailingZeroBitCount)))
            bits &= bits - 1
        }
    }
}
