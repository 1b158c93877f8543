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
public struct TrafficDriver<Output: TrafficOutput>: PMUSink {
    public var output: Output
    let layout: RegisterLayout
    private var events: [EventRegisters] = []
    private var pcpus: [PCPURegisters]

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
        /// Counters of exclude_host events: left out of the host's GLOBAL_CTRL.
        var guestCounters: UInt64 = 0
        var fixedControl: UInt64 = 0
        var writtenFixedControl: UInt64 = 0
    }

    public init(pcpus: Int, model: ProcessorModel, output: Output) {
        self.init(
            pcpus: pcpus,
            layout: RegisterLayout(
                flavour: model.flavour, gp: model.gp, fixed: model.fixed, width: model.width,
                fullWidthWrites: model.fullWidthWrites, maxPeriod: model.maxPeriod),
            output: output)
    }

    init(pcpus: Int, layout: RegisterLayout, output: Output) {
        self.layout = layout
        self.output = output
        self.pcpus = [PCPURegisters](repeating: PCPURegisters(), count: pcpus)
    }

    /// Events counted so far, up to the last time the event was stopped or read.
    public func count(of event: EventID) -> UInt64 { events[event].count }

    public mutating func created(event: EventID, spec: EventSpec) {
        var config = spec.config & ~EventSelect.enable
        if layout.flavour != .intel {
            if spec.exclusion == .host { config |= EventSelect.guestOnly }
            if spec.exclusion == .guest { config |= EventSelect.hostOnly }
        }
        events.append(
            EventRegisters(
                config: config, exclusion: spec.exclusion,
                period: PeriodState(samplePeriod: spec.samplePeriod, maxPeriod: layout.maxPeriod)))
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
                driver.output.access(
                    RegisterAccess(.rdmsr, driver.layout.eventSelect(counter), control | EventSelect.enable),
                    pcpu: pcpu)
                driver.write(driver.layout.eventSelect(counter), control, pcpu)
            }
        }
    }

    public mutating func sectionEnd(pcpu: Int) {
        switch layout.flavour {
        case .intel:
            if pcpus[pcpu].fixedControl != pcpus[pcpu].writtenFixedControl {
                pcpus[pcpu].writtenFixedControl = pcpus[pcpu].fixedControl
                write(MSR.fixedControl, pcpus[pcpu].fixedControl, pcpu)
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
        let counter = Counter(index: UInt8(index))
        let value = events[event].period.arm(maxPeriod: layout.maxPeriod) & layout.counterMask
        write(layout.counter(counter), value, pcpu)
        output.written(pcpu: pcpu, counter: counter, value: value)
        output.counts(pcpu: pcpu, counter: counter, event: event)
        pcpus[pcpu].running |= counter.bit
        let config = events[event].config
        if events[event].exclusion == .host { pcpus[pcpu].guestCounters |= counter.bit }
        if counter.isFixed {
            let shift = 4 * UInt64(counter.number)
            pcpus[pcpu].fixedControl &= ~(0xf << shift)
            pcpus[pcpu].fixedControl |= FixedControl.nibble(for: config) << shift
        } else {
            pcpus[pcpu].control[counter.number] = config
            if layout.flavour != .amdCoreExt { write(layout.eventSelect(counter), config | EventSelect.enable, pcpu) }
        }
    }

    public mutating func stop(pcpu: Int, event: EventID, counter index: Int) {
        let counter = Counter(index: UInt8(index))
        pcpus[pcpu].running &= ~counter.bit
        pcpus[pcpu].guestCounters &= ~counter.bit
        if counter.isFixed {
            pcpus[pcpu].fixedControl &= ~(0xf << (4 * UInt64(counter.number)))
        } else {
            write(layout.eventSelect(counter), events[event].config, pcpu)
        }
        drain(pcpu, event, counter)
        output.counts(pcpu: pcpu, counter: counter, event: nil)
    }

    public mutating func read(pcpu: Int, event: EventID, counter: Int) {
        drain(pcpu, event, Counter(index: UInt8(counter)))
    }

    private mutating func drain(_ pcpu: Int, _ event: EventID, _ counter: Counter) {
        let value = output.value(pcpu: pcpu, counter: counter)
        output.access(RegisterAccess(.rdpmc, counter.rdpmcOperand, value), pcpu: pcpu)
        let delta = (value &- events[event].period.armedAt) & layout.counterMask
        events[event].count &+= delta
        events[event].period.consumed(delta, now: value)
    }

    private mutating func write(_ address: UInt32, _ value: UInt64, _ pcpu: Int) {
        output.access(RegisterAccess(.wrmsr, address, value), pcpu: pcpu)
    }

    private mutating func forEachRunning(_ pcpu: Int, _ body: (inout Self, Counter) -> Void) {
        var bits = pcpus[pcpu].running
        while bits != 0 {
            body(&self, Counter(index: UInt8(bits.trailingZeroBitCount)))
            bits &= bits - 1
        }
    }
}
