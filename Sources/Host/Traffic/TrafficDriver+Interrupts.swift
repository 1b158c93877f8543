import PMU
import Policy

/// Counter interrupts: `intel_pmu_handle_irq()` (arch/x86/events/intel/core.c), `x86_pmu_handle_irq()`
/// (arch/x86/events/core.c), `amd_pmu_v2_handle_irq()` (arch/x86/events/amd/core.c); v6.12, in NMI context.
///
///     intel          w GLOBAL_CTRL=0 · r STATUS, w OVF_CTRL · rdpmc, w CTR · r STATUS · w GLOBAL_CTRL
///     amd_core_ext   each running, upward: rdpmc · the one that ran out: w CTR
///     amd_v2         w GLOBAL_CTL=0 · r STATUS · rdpmc, w CTR · w STATUS_CLR · w GLOBAL_CTL
extension TrafficDriver {
    public mutating func overflowed(pcpu: Int, event: EventID, counter index: Int) {
        let counter = Counter(index: UInt8(index))
        output.context(pcpu: pcpu, .nmi)
        switch layout.flavour {
        case .intel:
            write(MSR.globalControl, 0, pcpu)
            read(MSR.globalStatus, counter.bit, pcpu)
            write(MSR.globalOverflowControl, counter.bit, pcpu)
            reload(pcpu, event, counter)
            read(MSR.globalStatus, 0, pcpu)
            write(MSR.globalControl, layout.globalMask & ~pcpus[pcpu].guestCounters, pcpu)
        case .amdV2:
            write(MSR.amdGlobalControl, 0, pcpu)
            read(MSR.amdGlobalStatus, counter.bit, pcpu)
            reload(pcpu, event, counter)
            write(MSR.amdGlobalStatusClear, .max, pcpu)
            write(MSR.amdGlobalControl, layout.globalMask, pcpu)
        case .amdCoreExt:
            forEachRunning(pcpu) { driver, running in
                if running == counter {
                    driver.reload(pcpu, event, counter)
                } else {
                    driver.drain(pcpu, driver.pcpus[pcpu].holder[Int(running.index)], running)
                }
            }
        }
        output.context(pcpu: pcpu, .task)
    }

    private mutating func reload(_ pcpu: Int, _ event: EventID, _ counter: Counter) {
        drain(pcpu, event, counter)
        let value = events[event].period.arm(maxPeriod: layout.maxPeriod) & layout.counterMask
        write(layout.counter(counter), value, pcpu)
        output.written(pcpu: pcpu, counter: counter, value: value)
    }
}
