import PMU
import Policy
import Trace

/// The hand-over of mediated vPMU, read backwards: `kvm_pmu_load_guest_pmcs()`, `kvm_pmu_put_guest_pmcs()` and the
/// vendors' load and put, arch/x86/kvm/{pmu,vmx/pmu_intel,svm/pmu}.c, 7.x (`TrafficDriver` gives the sequences).
///
/// A load reads every counter of the guest, writes what differs and always writes the event selects; a put reads
/// every counter and clears what is not zero. In between the counters are the guest's.
extension TrafficReader {
    struct HandOver {
        var phase = Phase.host
        /// Counter values the guest starts with, its controls, and which counters the load has reached.
        var seen: UInt64 = 0
        var selects: [UInt64] = []
        var thread: Int32 = 0
        /// Overflows that the guest knew of when it was loaded.
        var status: UInt64 = 0
        /// The next section of the thread brings the host's events back.
        var returns = false

        enum Phase { case host, loading, loaded, putting }
    }

    private var lastGuestCounter: Counter {
        shape.flavour == .intel && shape.fixed > 0 ? .fixed(min(shape.fixed, 3) - 1) : .gp(min(shape.gp, 8) - 1)
    }

    /// Takes the access if it belongs to a hand-over.
    mutating func takeHandOver(_ event: TraceEvent, _ index: UInt64, _ p: Int) -> Bool {
        if event.inNMI { return false }
        switch pcpus[p].mediated.phase {
        case .host: return beginsLoad(event, index, p)
        case .loading: return load(event, index, p)
        case .loaded: return beginsPut(event, index, p)
        case .putting: return put(event, index, p)
        }
    }

    /// RDPMC of the first counter, right after the PMU was stopped, or outside of sections where nothing stops it.
    private mutating func beginsLoad(_ event: TraceEvent, _ index: UInt64, _ p: Int) -> Bool {
        guard event.kind == .rdpmc, event.register == 0, pcpus[p].stopping & 1 == 0 else { return false }
        if shape.flavour == .amdCoreExt {
            if pcpus[p].section >= 0, openHolding(p, .gp(0)) != nil { return false }
        } else {
            guard pcpus[p].justStopped else { return false }
        }
        if shape.flavour != .amdCoreExt, pcpus[p].section >= 0, Int(pcpus[p].section) == sections.count - 1 {
            dropLastSection(p)
        }
        pcpus[p].section = -1
        // What took the host's events out came right before.
        let last = Int(pcpus[p].lastSection)
        if last >= 0, sections[last].thread == event.pid, sections[last].starts.isEmpty,
            sections[last].phase == .operation
        {
            sections[last].phase = .handOver
        }
        pcpus[p].mediated = HandOver(
            phase: .loading, selects: [UInt64](repeating: 0, count: 64), thread: event.pid)
        return load(event, index, p)
    }

    private mutating func load(_ event: TraceEvent, _ index: UInt64, _ p: Int) -> Bool {
        if event.kind == .rdpmc {
            guard let counter = Counter(rdpmcOperand: event.register) else { return true }
            pcpus[p].mediated.seen |= counter.bit
            pcpus[p].pending[Int(counter.index)] = event.value
            return true
        }
        if event.kind == .readMSR { return true }
        if event.register == MSR.globalStatusSet || event.register == MSR.amdGlobalStatusSet {
            pcpus[p].mediated.status = event.value
        }
        switch RegisterName(address: event.register, flavour: shape.flavour) {
        case .counter(let counter), .fullWidthCounter(let counter):
            pcpus[p].pending[Int(counter.index)] = event.value & shape.counterMask
        case .eventSelect(let counter):
            pcpus[p].mediated.selects[Int(counter.index)] = event.value
            if shape.flavour == .amdCoreExt, counter == lastGuestCounter { loaded(event, index, p, global: .max) }
        case .fixedControl:
            for number in 0..<shape.fixed {
                let nibble = FixedControl.field(number, of: event.value)
                if nibble & 3 != 0 {
                    pcpus[p].mediated.selects[32 + number] =
                        TrafficShape.fixedConfig(number, nibble: nibble) | EventSelect.enable
                }
            }
            loaded(event, index, p, global: .max)
        case .globalControl:
            guard shape.flavour == .amdV2 else { break }
            globalImages.append(
                GlobalImage(thread: event.pid, time: event.time, event: index, value: event.value))
            loaded(event, index, p, global: event.value)
        default: break
        }
        return true
    }

    private mutating func loaded(_ event: TraceEvent, _ index: UInt64, _ p: Int, global: UInt64) {
        pcpus[p].mediated.phase = .loaded
        for index64 in 0..<64 where pcpus[p].mediated.selects[index64] & EventSelect.enable != 0 {
            let counter = Counter(index: UInt8(index64))
            guard global & counter.bit != 0 else { continue }
            let config =
                pcpus[p].mediated.selects[index64]
                & ~(EventSelect.enable | EventSelect.guestOnly | EventSelect.hostOnly)
            pcpus[p].pendingBits |= counter.bit
            start(event, index, p, counter, config: config, exclusion: .host, known: true)
            holdings[holdings.count - 1].handOver = true
        }
    }

    private mutating func beginsPut(_ event: TraceEvent, _ index: UInt64, _ p: Int) -> Bool {
        switch (shape.flavour, event.kind) {
        case (.intel, .readMSR), (.intel, .writeMSR), (.amdV2, .writeMSR), (.amdV2, .readMSR), (_, .rdpmc):
            pcpus[p].mediated.phase = .putting
            pcpus[p].mediated.seen = 0
            return put(event, index, p)
        default: return true
        }
    }

    private mutating func put(_ event: TraceEvent, _ index: UInt64, _ p: Int) -> Bool {
        if event.kind == .readMSR, event.register == MSR.globalStatus || event.register == MSR.amdGlobalStatus {
            noteOverflows(event, p, event.value & ~pcpus[p].mediated.status)
        }
        let isOver = pcpus[p].mediated.seen & lastGuestCounter.bit != 0
        if event.kind == .rdpmc, !isOver {
            guard let counter = Counter(rdpmcOperand: event.register) else { return true }
            pcpus[p].mediated.seen |= counter.bit
            end(event, index, p, counter, drained: event.value)
            return true
        }
        if !isOver || event.kind == .writeMSR && event.value == 0 && !isGlobalControl(event) { return true }
        pcpus[p].mediated.phase = .host
        pcpus[p].mediated.returns = true
        return beginsLoad(event, index, p)
    }

    /// A guest's own interrupts come by a vector of theirs; the status at the put is all that shows them. They are put
    /// right before the exit.
    private mutating func noteOverflows(_ event: TraceEvent, _ p: Int, _ status: UInt64) {
        var bits = status & 0xffff_0000_ffff
        while bits != 0 {
            let counter = Counter(index: UInt8(bits.trailingZeroBitCount))
            bits &= bits - 1
            guard let holding = openHolding(p, counter) else { continue }
            interrupts.append(
                CounterInterrupt(
                    pcpu: Int32(p), counter: counter, time: event.time,
                    event: max(1, pcpus[p].lastTransition) - 1, holding: Int32(holding)))
        }
    }

    private func isGlobalControl(_ event: TraceEvent) -> Bool {
        event.register == MSR.globalControl || event.register == MSR.amdGlobalControl
    }
}
