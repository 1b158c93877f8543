import PMU
import Policy
import Trace

/// Reads scheduling decisions off the host's register traffic, one event at a time, each flavour's sequences
/// backwards (`TrafficDriver` makes them forwards).
///
/// What it keeps: *holdings* (a counter in one event's hands), *segments* (what was counted between two values that
/// the trace shows) and *sections* (one bracket of changes, with its stops and starts in order). Interrupt traffic
/// (NMI context, or a status read right after the PMU was stopped) re-arms and reads; it never moves an event.
struct TrafficReader {
    let shape: TrafficShape
    let guests: PolicyRules.Guests
    var holdings: [Holding] = []
    var segments: [Segment] = []
    var sections: [PMUSection] = []
    /// Counters that were armed anew by an interrupt.
    var interrupts: [CounterInterrupt] = []
    /// What loads showed of guests' AMD GLOBAL_CTL, which guests write unseen.
    var globalImages: [GlobalImage] = []
    var pcpus: [PCPU] = []
    /// Time of the first event: what began before it is dated there.
    private(set) var traceStart: UInt64
    private var started: Bool

    struct PCPU {
        /// The holding on each counter, -1 where the counter is free.
        var open = [Int32](repeating: -1, count: 64)
        /// The value last written to each counter inside the current section.
        var pending = [UInt64](repeating: 0, count: 64)
        var pendingBits: UInt64 = 0
        /// What each counter held at the begin of its current segment.
        var value = [UInt64](repeating: 0, count: 64)
        var valueTime = [UInt64](repeating: 0, count: 64)
        var valueEvent = [UInt64](repeating: 0, count: 64)
        var valueKnown: UInt64 = 0
        var section: Int32 = -1
        /// Its last two sections, whether they have ended or not.
        var lastSection: Int32 = -1
        var lastSectionButOne: Int32 = -1
        var inPMI = false
        /// Counters that the current interrupt has read already.
        var readInPMI: UInt64 = 0
        /// The PMU was stopped and nothing else happened yet on this pCPU.
        var justStopped = false
        /// AMD without global control: counters whose control was rewritten without EN in this section, those
        /// enabled again, and those whose arm waits for EN.
        var disabled: UInt64 = 0
        var enabled: UInt64 = 0
        var stopping: UInt64 = 0
        var fixedControl: UInt64 = 0
        var fixedControlKnown = false
        /// The last field of each fixed counter that was not 0.
        var fixedControlBefore: UInt64 = 0
        var thread: Int32 = -1
        var leaving: Int32 = -1
        var arriving: Int32 = -1
        var isLeaving = false
        var awaitsArrival = false
        var openAtSwitch: UInt64 = 0
        /// A switch from a thread to itself: its one section of departure has been seen.
        var returned = false
        /// Sections of the current thread's time slice, and whether it shows what its departure looks like.
        var sliceSections: [Int32] = []
        var switchEvent: UInt64 = 0
        var departureSeen = false
        var sliceIsComplete = false
        var mediated = HandOver()
        /// The last VM exit.
        var lastTransition: UInt64 = 0
    }

    /// A mediated guest was loaded with this GLOBAL_CTL.
    struct GlobalImage: Sendable {
        var thread: Int32
        var time: UInt64
        var event: UInt64
        var value: UInt64
    }

    /// An overflow that the host handled.
    struct CounterInterrupt: Sendable, Equatable {
        var pcpu: Int32
        var counter: Counter
        var time: UInt64
        var event: UInt64
        var holding: Int32
    }

    /// - Parameters:
    ///   - guests: how guests came by counters on the recording host.
    ///   - start: when the recording began, where that is known.
    init(
        shape: TrafficShape, pcpus count: Int = 0, guests: PolicyRules.Guests = .emulated, start: UInt64? = nil
    ) {
        traceStart = start ?? 0
        started = start != nil
        self.shape = shape
        self.guests = guests
        pcpus = (0..<count).map { _ in PCPU() }
    }

    /// Takes the next event of the merged order; `index` is its place there.
    mutating func take(_ event: TraceEvent, index: UInt64) {
        if !started {
            started = true
            traceStart = event.time
        }
        let p = Int(event.pcpu)
        while pcpus.count <= p { pcpus.append(PCPU()) }
        if event.kind == .schedSwitch {
            takeSwitch(event, index: index, p)
            return
        }
        if !event.inNMI { pcpus[p].thread = event.pid }
        switch event.kind {
        case .writeMSR, .readMSR, .rdpmc:
            if event.failed { return }
            if guests == .mediated, takeHandOver(event, index, p) { return }
            switch shape.flavour {
            case .intel: takeIntel(event, index, p)
            case .amdCoreExt: takeCoreExt(event, index, p)
            case .amdV2: takeV2(event, index, p)
            }
        case .kvmEntry, .kvmExit, .kvmMSR:
            if event.kind == .kvmExit { pcpus[p].lastTransition = index }
            // The thread runs: its switch is over.
            closeSection(p)
            if pcpus[p].arriving == event.pid {
                concludeDeparture(p)
                pcpus[p].awaitsArrival = false
            }
        case .schedSwitch, .processFork, .processExit, .perfEventOpen, .acceptIRQ: break
        }
    }

    /// The trace is over: what is still pending is decided.
    mutating func finish() {
        for p in pcpus.indices {
            closeSection(p)
            concludeDeparture(p)
        }
    }

    // MARK: Task switches

    /// Without a section of departure the thread that left never had an event of its own: a context keeps its PMU
    /// part, and going out brackets the PMU.
    private mutating func judgeSlice(_ p: Int) {
        let sectionsOfSlice = pcpus[p].sliceSections
        pcpus[p].sliceSections.removeAll(keepingCapacity: true)
        guard !pcpus[p].departureSeen, pcpus[p].sliceIsComplete else { return }
        guard shape.flavour != .amdCoreExt || pcpus[p].openAtSwitch != 0 else { return }
        for section in sectionsOfSlice { sections[Int(section)].threadHasNoEvents = true }
    }

    private mutating func takeSwitch(_ event: TraceEvent, index: UInt64, _ p: Int) {
        closeSection(p)
        concludeDeparture(p)
        if pcpus[p].mediated.phase == .putting { pcpus[p].mediated.phase = .host }
        var bits: UInt64 = 0
        for counter in 0..<64 where pcpus[p].open[counter] >= 0 { bits |= 1 << UInt64(counter) }
        pcpus[p].openAtSwitch = bits
        pcpus[p].departureSeen = false
        pcpus[p].switchEvent = index
        pcpus[p].sliceIsComplete = event.pid != event.nextPID
        pcpus[p].leaving = event.pid
        pcpus[p].arriving = event.nextPID
        pcpus[p].isLeaving = true
        pcpus[p].awaitsArrival = true
        pcpus[p].returned = false
        pcpus[p].thread = event.nextPID
    }

    /// The thread's events have gone out; what is still on a counter does not belong to it.
    mutating func concludeDeparture(_ p: Int) {
        guard pcpus[p].isLeaving else { return }
        pcpus[p].isLeaving = false
        judgeSlice(p)
        var bits = pcpus[p].openAtSwitch
        while bits != 0 {
            let holding = Int(pcpus[p].open[bits.trailingZeroBitCount])
            bits &= bits - 1
            if holding >= 0 { holdings[holding].lists.formIntersection(.cpu) }
        }
    }

    // MARK: Sections

    mutating func beginSection(_ event: TraceEvent, _ index: UInt64, _ p: Int) {
        closeSection(p)
        var phase = PMUSection.Phase.operation
        // An interrupt handler is no part of a switch.
        let isSwitch = event.flags & 0x08 == 0
        if pcpus[p].isLeaving, isSwitch {
            if event.pid == pcpus[p].leaving, !pcpus[p].returned {
                phase = pcpus[p].leaving == pcpus[p].arriving ? .switchBack : .switchOut
                pcpus[p].returned = pcpus[p].leaving == pcpus[p].arriving
            } else {
                concludeDeparture(p)
            }
            if phase != .operation { pcpus[p].departureSeen = true }
        }
        if phase == .operation, pcpus[p].awaitsArrival, isSwitch {
            pcpus[p].awaitsArrival = false
            // A switch is over before interrupts are let in again: what one does is no part of it.
            if event.pid == pcpus[p].arriving, event.flags & 0x08 == 0 { phase = .switchIn }
        }
        if phase != .switchOut, pcpus[p].mediated.returns {
            if event.pid == pcpus[p].mediated.thread { phase = .handOver }
            pcpus[p].mediated.returns = false
        }
        pcpus[p].section = Int32(sections.count)
        pcpus[p].lastSectionButOne = pcpus[p].lastSection
        pcpus[p].lastSection = Int32(sections.count)
        if phase == .operation || phase == .switchIn { pcpus[p].sliceSections.append(Int32(sections.count)) }
        pcpus[p].pendingBits = 0
        pcpus[p].disabled = 0
        pcpus[p].enabled = 0
        pcpus[p].stopping = 0
        sections.append(
            PMUSection(
                pcpu: Int32(p), thread: event.pid, time: event.time, event: index, lastEvent: index, phase: phase,
                inInterrupt: event.flags & 0x08 != 0, switchEvent: phase == .operation ? .max : pcpus[p].switchEvent))
    }

    /// What looked like a section was none.
    mutating func dropLastSection(_ p: Int) {
        sections.removeLast()
        pcpus[p].section = -1
        pcpus[p].lastSection = pcpus[p].lastSectionButOne
        if pcpus[p].sliceSections.last == Int32(sections.count) { pcpus[p].sliceSections.removeLast() }
    }

    mutating func closeSection(_ p: Int) {
        guard pcpus[p].section >= 0 else { return }
        reconsiderReturn(Int(pcpus[p].section), p)
        pcpus[p].section = -1
    }

    /// Where a thread was switched to itself its two sections look alike; one that starts something is no departure.
    private mutating func reconsiderReturn(_ section: Int, _ p: Int) {
        guard sections[section].phase == .switchBack, !sections[section].starts.isEmpty, pcpus[p].isLeaving else {
            return
        }
        sections[section].phase = .switchIn
        pcpus[p].awaitsArrival = false
        if shape.flavour == .amdCoreExt, sections[section].stops.count == pcpus[p].openAtSwitch.nonzeroBitCount {
            // Nothing was left to be enabled between the two: they look like one.
            sections[section].isBothWays = true
        } else {
            for stopped in sections[section].stops where holdings[Int(stopped)].exclusion != .host {
                holdings[Int(stopped)].lists.formIntersection(.cpu)
            }
        }
        for started in sections[section].starts {
            pcpus[p].openAtSwitch &= ~holdings[Int(started)].counter.bit
        }
        concludeDeparture(p)
    }

    // MARK: Holdings and segments

    func openHolding(_ p: Int, _ counter: Counter) -> Int? {
        let holding = pcpus[p].open[Int(counter.index)]
        return holding >= 0 ? Int(holding) : nil
    }

    mutating func start(
        _ event: TraceEvent, _ index: UInt64, _ p: Int, _ counter: Counter, config: UInt64,
        exclusion: EventSpec.Exclusion, known: Bool
    ) {
        if openHolding(p, counter) != nil { end(event, index, p, counter, drained: nil) }
        let section = pcpus[p].section
        var lists: PerfLists = event.pid == 0 ? .cpu : .all
        if exclusion == .host { lists = .taskPinned }
        let armed = pcpus[p].pendingBits & counter.bit != 0 ? pcpus[p].pending[Int(counter.index)] : nil
        let holding = Int32(holdings.count)
        holdings.append(
            Holding(
                pcpu: Int32(p), counter: counter, config: config, exclusion: exclusion, exclusionKnown: known,
                begin: Holding.Edge(time: event.time, event: index, section: section), end: nil, armed: armed,
                drained: nil, thread: event.pid, lists: lists))
        pcpus[p].open[Int(counter.index)] = holding
        pcpus[p].value[Int(counter.index)] = armed ?? 0
        pcpus[p].valueTime[Int(counter.index)] = event.time
        pcpus[p].valueEvent[Int(counter.index)] = index
        if armed != nil { pcpus[p].valueKnown |= counter.bit } else { pcpus[p].valueKnown &= ~counter.bit }
        pcpus[p].pendingBits &= ~counter.bit
        if section >= 0 { sections[Int(section)].starts.append(holding) }
    }

    /// The event on `counter` was on it before the trace began.
    mutating func adopt(
        _ p: Int, _ counter: Counter, config: UInt64, exclusion: EventSpec.Exclusion, known: Bool, thread: Int32,
        index: UInt64
    ) {
        let holding = Int32(holdings.count)
        holdings.append(
            Holding(
                pcpu: Int32(p), counter: counter, config: config, exclusion: exclusion, exclusionKnown: known,
                begin: Holding.Edge(time: traceStart, event: index, section: -1), end: nil, armed: nil, drained: nil,
                thread: thread, wasBefore: true, lists: exclusion == .host ? .taskPinned : .all))
        pcpus[p].open[Int(counter.index)] = holding
        pcpus[p].valueKnown &= ~counter.bit
    }

    mutating func end(_ event: TraceEvent, _ index: UInt64, _ p: Int, _ counter: Counter, drained: UInt64?) {
        guard let holding = openHolding(p, counter) else { return }
        measure(event, index, p, counter, value: drained, .stop)
        let section = pcpus[p].section
        holdings[holding].end = Holding.Edge(time: event.time, event: index, section: section)
        holdings[holding].drained = drained
        pcpus[p].open[Int(counter.index)] = -1
        pcpus[p].valueKnown &= ~counter.bit
        guard section >= 0 else { return }
        sections[Int(section)].stops.append(Int32(holding))
        if sections[Int(section)].phase == .switchOut { holdings[holding].lists.formIntersection(.task) }
    }

    /// A value of the running counter was shown: the segment before it ends.
    mutating func measure(
        _ event: TraceEvent, _ index: UInt64, _ p: Int, _ counter: Counter, value: UInt64?, _ ending: Segment.Ending
    ) {
        let n = Int(counter.index)
        if let holding = openHolding(p, counter), pcpus[p].valueKnown & counter.bit != 0 {
            let delta = value.map { ($0 &- pcpus[p].value[n]) & shape.counterMask }
            segments.append(
                Segment(
                    holding: Int32(holding), from: pcpus[p].valueTime[n], to: event.time, delta: delta,
                    firstEvent: pcpus[p].valueEvent[n], event: index, ending: ending))
        }
        guard let value else { return }
        pcpus[p].value[n] = value
        pcpus[p].valueTime[n] = event.time
        pcpus[p].valueEvent[n] = index
        pcpus[p].valueKnown |= counter.bit
    }
}
