import PMU
import Policy
import Trace

/// AMD: each counter's own control register, and GLOBAL_CTL around it from PerfMonV2 on; sequences of
/// `amd_pmu_disable_all()`, `amd_pmu_enable_all()`, `amd_pmu_v2_enable_event()` and `x86_pmu_stop()`,
/// arch/x86/events/amd/core.c and core.c, v6.12.
extension TrafficReader {
    private static func split(_ control: UInt64) -> (config: UInt64, exclusion: EventSpec.Exclusion) {
        let config = control & ~(EventSelect.enable | EventSelect.guestOnly | EventSelect.hostOnly)
        if control & EventSelect.guestOnly != 0 { return (config, .host) }
        return (config, control & EventSelect.hostOnly != 0 ? .guest : .none)
    }

    /// Without global control a section begins when an active counter's control is read to be cleared, or with the
    /// first arm while none is active, and ends after EN was written to every counter left.
    mutating func takeCoreExt(_ event: TraceEvent, _ index: UInt64, _ p: Int) {
        if pcpus[p].section >= 0, !event.inNMI, sections[Int(pcpus[p].section)].thread != event.pid {
            closeSection(p)
        }
        if event.kind == .rdpmc {
            amdRDPMC(event, index, p)
            return
        }
        switch RegisterName(address: event.register, flavour: .amdCoreExt) {
        case .eventSelect(let counter) where event.kind == .readMSR:
            // The kernel clears a counter's EN by reading the control first.
            if event.inNMI { return }
            if pcpus[p].section < 0 || pcpus[p].enabled != 0 || pcpus[p].disabled & counter.bit != 0 {
                beginSection(event, index, p)
            }
            if openHolding(p, counter) == nil, event.value & EventSelect.enable != 0 {
                let (config, exclusion) = TrafficReader.split(event.value)
                adopt(p, counter, config: config, exclusion: exclusion, known: true, thread: event.pid, index: index)
            }
        case .eventSelect(let counter) where event.kind == .writeMSR:
            if event.inNMI { return }
            if event.value & EventSelect.enable != 0 {
                coreExtEnable(event, index, p, counter)
            } else {
                if pcpus[p].section < 0 || pcpus[p].enabled != 0 { beginSection(event, index, p) }
                if pcpus[p].disabled & counter.bit != 0 { pcpus[p].stopping |= counter.bit }
                pcpus[p].disabled |= counter.bit
                sections[Int(pcpus[p].section)].lastEvent = index
            }
        case .counter(let counter) where event.kind == .writeMSR:
            amdCounter(event, index, p, counter)
        default: break
        }
    }

    private mutating func coreExtEnable(_ event: TraceEvent, _ index: UInt64, _ p: Int, _ counter: Counter) {
        if pcpus[p].section < 0 { return }
        let (config, exclusion) = TrafficReader.split(event.value)
        pcpus[p].enabled |= counter.bit
        sections[Int(pcpus[p].section)].lastEvent = index
        if let holding = openHolding(p, counter) {
            if holdings[holding].begin.section == pcpus[p].section {
                holdings[holding].config = config
                holdings[holding].exclusion = exclusion
                if exclusion == .host { holdings[holding].lists = .taskPinned }
            } else {
                holdings[holding].exclusion = exclusion
            }
        } else {
            adopt(p, counter, config: config, exclusion: exclusion, known: true, thread: event.pid, index: index)
        }
    }

    mutating func takeV2(_ event: TraceEvent, _ index: UInt64, _ p: Int) {
        pcpus[p].justStopped = false
        if event.kind == .rdpmc {
            amdRDPMC(event, index, p)
            return
        }
        // A read of GLOBAL_STATUS tells nothing: every stop polls it (`amd_pmu_check_overflow()`,
        // arch/x86/events/amd/core.c, v6.12), an interrupt's or not.
        if event.kind == .readMSR { return }
        switch RegisterName(address: event.register, flavour: .amdV2) {
        case .globalControl:
            if event.value == 0 {
                if event.inNMI {
                    pcpus[p].inPMI = true
                } else {
                    pcpus[p].inPMI = false
                    beginSection(event, index, p)
                    pcpus[p].justStopped = true
                }
            } else if pcpus[p].inPMI {
                pcpus[p].inPMI = false
            } else if pcpus[p].section >= 0 {
                reloadPending(event, index, p)
                sections[Int(pcpus[p].section)].lastEvent = index
                closeSection(p)
            }
        case .eventSelect(let counter):
            if event.inNMI || pcpus[p].section < 0 { return }
            let (config, exclusion) = TrafficReader.split(event.value)
            if event.value & EventSelect.enable != 0 {
                if pcpus[p].pendingBits & counter.bit == 0, let holding = openHolding(p, counter) {
                    holdings[holding].exclusion = exclusion
                    return
                }
                start(event, index, p, counter, config: config, exclusion: exclusion, known: true)
            } else if config != 0 {
                pcpus[p].stopping |= counter.bit
                if openHolding(p, counter) == nil {
                    adopt(
                        p, counter, config: config, exclusion: exclusion, known: true, thread: event.pid,
                        index: index)
                }
            }
        case .counter(let counter): amdCounter(event, index, p, counter)
        default: break
        }
    }

    /// Whoever is started has its select written right behind its counter; a counter that was written and whose event
    /// just went on was loaded anew by an interrupt. Not every source tells that one was.
    private mutating func reloadPending(_ event: TraceEvent, _ index: UInt64, _ p: Int) {
        for bit in 0..<UInt8(shape.gp) where pcpus[p].pendingBits & (1 << UInt64(bit)) != 0 {
            let counter = Counter.gp(Int(bit))
            guard openHolding(p, counter) != nil else { continue }
            rearm(event, index, p, counter, pcpus[p].pending[Int(counter.index)])
        }
    }

    private mutating func amdCounter(_ event: TraceEvent, _ index: UInt64, _ p: Int, _ counter: Counter) {
        let value = event.value & shape.counterMask
        if event.inNMI || pcpus[p].inPMI {
            rearm(event, index, p, counter, value)
            return
        }
        if shape.flavour == .amdCoreExt {
            if pcpus[p].section < 0 || pcpus[p].enabled != 0 { beginSection(event, index, p) }
            sections[Int(pcpus[p].section)].lastEvent = index
        }
        guard pcpus[p].section >= 0 else { return }
        pcpus[p].pending[Int(counter.index)] = value
        pcpus[p].pendingBits |= counter.bit
        if shape.flavour == .amdCoreExt {
            start(event, index, p, counter, config: 0, exclusion: .none, known: true)
        }
    }

    private mutating func amdRDPMC(_ event: TraceEvent, _ index: UInt64, _ p: Int) {
        guard let counter = Counter(rdpmcOperand: event.register) else { return }
        if event.inNMI || pcpus[p].inPMI {
            readInInterrupt(event, index, p, counter)
            return
        }
        if pcpus[p].section >= 0, pcpus[p].stopping & counter.bit != 0 {
            pcpus[p].stopping &= ~counter.bit
            if openHolding(p, counter) == nil {
                adopt(p, counter, config: 0, exclusion: .none, known: false, thread: event.pid, index: index)
            }
            end(event, index, p, counter, drained: event.value)
            return
        }
        measure(event, index, p, counter, value: event.value, .read)
    }
}
