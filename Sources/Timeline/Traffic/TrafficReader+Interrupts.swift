import PMU
import Trace

/// Counter interrupts: `x86_pmu_handle_irq()` and its vendors' own read each counter that overflowed and load its next
/// period (arch/x86/events/core.c, v6.12). They change no holder.
extension TrafficReader {
    mutating func readInInterrupt(_ event: TraceEvent, _ index: UInt64, _ p: Int, _ counter: Counter) {
        pcpus[p].readInPMI |= counter.bit
        measure(event, index, p, counter, value: event.value, .overflow)
    }

    /// An interrupt loads the next period; the counter's value before it is known if it was read just before.
    mutating func rearm(_ event: TraceEvent, _ index: UInt64, _ p: Int, _ counter: Counter, _ value: UInt64) {
        let n = Int(counter.index)
        if pcpus[p].readInPMI & counter.bit == 0 {
            measure(event, index, p, counter, value: nil, .overflow)
        }
        pcpus[p].readInPMI &= ~counter.bit
        if let holding = openHolding(p, counter) {
            interrupts.append(
                CounterInterrupt(
                    pcpu: Int32(p), counter: counter, time: event.time, event: index, holding: Int32(holding)))
        }
        pcpus[p].value[n] = value
        pcpus[p].valueTime[n] = event.time
        pcpus[p].valueEvent[n] = index
        pcpus[p].valueKnown |= counter.bit
    }
}
