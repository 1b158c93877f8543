import PMU
import Policy
import Trace

/// Intel v2 and later: GLOBAL_CTRL brackets a section; sequences of `x86_pmu_disable()`, `x86_pmu_enable()`,
/// `intel_pmu_enable_event()` and `intel_pmu_handle_irq()`, arch/x86/events/{core,intel/core}.c, v6.12 (fixed control
/// written lazily) and v5.17 (at once).
extension TrafficReader {
    mutating func takeIntel(_ event: TraceEvent, _ index: UInt64, _ p: Int) {
        let wasJustStopped = pcpus[p].justStopped
        pcpus[p].justStopped = false
        if event.kind == .rdpmc {
            intelRDPMC(event, index, p)
            return
        }
        if event.kind == .readMSR {
            if event.register == MSR.globalStatus, wasJustStopped { becomeInterrupt(p) }
            // Up to v5.17 each change reads it first.
            if event.register == MSR.fixedControl, !pcpus[p].inPMI { fixedImage(event.value, p) }
            return
        }
        switch RegisterName(address: event.register, flavour: .intel) {
        case .globalControl: intelGlobalControl(event, index, p)
        case .counter(let counter), .fullWidthCounter(let counter): intelCounter(event, index, p, counter)
        case .eventSelect(let counter): intelEventSelect(event, index, p, counter)
        case .fixedControl:
            if !pcpus[p].inPMI { fixedImage(event.value, p) }
        default: break
        }
    }

    /// What looked like a section is a counter interrupt.
    private mutating func becomeInterrupt(_ p: Int) {
        let section = pcpus[p].section
        guard section >= 0, Int(section) == sections.count - 1 else { return }
        let wasArrival = sections[Int(section)].phase == .switchIn
        dropLastSection(p)
        pcpus[p].inPMI = true
        if wasArrival { pcpus[p].awaitsArrival = true }
    }

    private mutating func intelGlobalControl(_ event: TraceEvent, _ index: UInt64, _ p: Int) {
        if event.value == 0, !endsWithNothingLeft(p) {
            if event.inNMI {
                pcpus[p].inPMI = true
            } else {
                pcpus[p].inPMI = false
                beginSection(event, index, p)
                pcpus[p].justStopped = true
            }
            return
        }
        if pcpus[p].inPMI {
            pcpus[p].inPMI = false
            return
        }
        if pcpus[p].section >= 0 {
            finishIntelSection(event, index, p)
            closeSection(p)
        }
    }

    /// A section that leaves every counter to guests ends by writing 0, too.
    private func endsWithNothingLeft(_ p: Int) -> Bool {
        guard pcpus[p].section >= 0 else { return false }
        for counter in 0..<shape.gp where pcpus[p].open[counter] < 0 { return false }
        for counter in 32..<32 + shape.fixed where pcpus[p].open[counter] < 0 { return false }
        return true
    }

    /// GLOBAL_CTRL leaves out the counters of exclude_host events (`intel_ctrl & ~intel_ctrl_guest_mask`).
    private mutating func finishIntelSection(_ event: TraceEvent, _ index: UInt64, _ p: Int) {
        let section = Int(pcpus[p].section)
        sections[section].lastEvent = index
        for holding in sections[section].starts {
            let counter = holdings[Int(holding)].counter
            guard holdings[Int(holding)].end == nil else { continue }
            if counter.isFixed {
                let nibble =
                    pcpus[p].fixedControlKnown ? FixedControl.field(counter.number, of: pcpus[p].fixedControl) : 0xb
                holdings[Int(holding)].config = TrafficShape.fixedConfig(counter.number, nibble: nibble)
            }
        }
        let all: UInt64 = ((1 << UInt64(shape.gp)) - 1) | ((1 << UInt64(shape.fixed)) - 1) << 32
        var guests = all & ~event.value
        while guests != 0 {
            let counter = Counter(index: UInt8(guests.trailingZeroBitCount))
            guests &= guests - 1
            if let holding = openHolding(p, counter) {
                holdings[holding].exclusion = .host
                holdings[holding].exclusionKnown = true
                holdings[holding].lists = .taskPinned
            } else {
                adopt(
                    p, counter, config: counter.isFixed ? TrafficShape.fixedConfig(counter.number, nibble: 0xb) : 0,
                    exclusion: .host, known: true, thread: event.pid, index: index)
            }
        }
    }

    private mutating func fixedImage(_ value: UInt64, _ p: Int) {
        pcpus[p].fixedControl = value
        pcpus[p].fixedControlKnown = true
        for number in 0..<shape.fixed {
            let field: UInt64 = 0xf << (4 * UInt64(number))
            if value & field != 0 {
                pcpus[p].fixedControlBefore = pcpus[p].fixedControlBefore & ~field | value & field
            }
        }
    }

    private mutating func intelCounter(_ event: TraceEvent, _ index: UInt64, _ p: Int, _ counter: Counter) {
        let value = event.value & shape.counterMask
        if pcpus[p].inPMI || event.inNMI {
            rearm(event, index, p, counter, value)
            return
        }
        guard pcpus[p].section >= 0 else { return }
        pcpus[p].pending[Int(counter.index)] = value
        pcpus[p].pendingBits |= counter.bit
        if counter.isFixed {
            start(event, index, p, counter, config: 0, exclusion: .none, known: false)
        }
    }

    private mutating func intelEventSelect(_ event: TraceEvent, _ index: UInt64, _ p: Int, _ counter: Counter) {
        guard pcpus[p].section >= 0 else { return }
        let config = event.value & ~EventSelect.enable
        if event.value & EventSelect.enable != 0 {
            start(event, index, p, counter, config: config, exclusion: .none, known: false)
        } else if config != 0 {
            pcpus[p].stopping |= counter.bit
            if openHolding(p, counter) == nil {
                adopt(p, counter, config: config, exclusion: .none, known: false, thread: event.pid, index: index)
            }
        }
    }

    private mutating func intelRDPMC(_ event: TraceEvent, _ index: UInt64, _ p: Int) {
        guard let counter = Counter(rdpmcOperand: event.register) else { return }
        if pcpus[p].inPMI || event.inNMI {
            readInInterrupt(event, index, p, counter)
            return
        }
        if pcpus[p].section >= 0, counter.isFixed || pcpus[p].stopping & counter.bit != 0 {
            pcpus[p].stopping &= ~counter.bit
            if openHolding(p, counter) == nil {
                // Where the field is cleared at once it is 0 by now.
                let known = counter.isFixed ? FixedControl.field(counter.number, of: pcpus[p].fixedControlBefore) : 0
                adopt(
                    p, counter, config: TrafficShape.fixedConfig(counter.number, nibble: known == 0 ? 0xb : known),
                    exclusion: .none,
                    known: false, thread: event.pid, index: index)
            }
            end(event, index, p, counter, drained: event.value)
            return
        }
        measure(event, index, p, counter, value: event.value, .read)
    }
}
