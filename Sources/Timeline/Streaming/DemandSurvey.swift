import PMU
import Trace

/// What must be known of the whole trace before the first operation of its demand can be made: who acts for a guest,
/// and how guests are seen.
///
/// A trace without task switches has all of it in its summary; of another every event is looked at once. Nothing is
/// kept of events: memory grows with the number of threads alone.
struct DemandSurvey {
    private(set) var attribution: ThreadAttribution
    /// Threads that act for guests.
    private(set) var acting: Set<Int32> = []
    /// Threads that were switched to, in the order of their first arrival.
    private(set) var arriving: [Int32] = []
    /// First time in merged order and last time, ns.
    private(set) var start: UInt64
    private(set) var end: UInt64
    private(set) var showsEntries = false
    /// What optional tracepoints tell.
    private(set) var witnesses = Witnesses()
    /// Whether some guest is seen to write IA32_PERF_GLOBAL_CTRL.
    private(set) var writesGlobalControl = false

    /// nil for a trace of which this cannot be said without its host's register accesses, or whose threads change what
    /// they are.
    init?(_ reader: TraceReader, summary: TraceSummary, registers: PMURegisters, _ store: BlockStore) throws {
        let hostKinds: [EventKind] = [.writeMSR, .readMSR, .rdpmc]
        guard hostKinds.allSatisfy({ summary.records($0) == 0 }), let range = reader.timeRange else { return nil }
        // Where times go back, an operation's time depends on later ones.
        if reader.blocks.contains(where: \.isDisordered) { return nil }
        attribution = ThreadAttribution(threads: reader.metadata.threads, comms: reader.comms)
        (start, end) = (range.lowerBound, range.upperBound)
        let isSummed =
            summary.records(.schedSwitch) == 0 && !summary.isCapped
            && !EventKind.allCases.contains { $0.isOptional && summary.records($0) > 0 }
            && summary.accesses.keys.allSatisfy { registers.contains($0.register) }
            && summary.threads.values.allSatisfy { $0.vcpus.map { $0.lowerBound == $0.upperBound } ?? true }
        if isSummed { sum(summary) } else { try look(store) }
        guard attribution.isConstant else { return nil }
    }

    private mutating func sum(_ summary: TraceSummary) {
        for (thread, use) in summary.threads.sorted(by: { $0.key < $1.key }) {
            acting.insert(thread)
            if let vcpu = use.vcpus?.lowerBound {
                attribution.observe(.kvmEntry(time: start, pcpu: 0, pid: thread, vcpu: vcpu))
                showsEntries = true
            } else {
                attribution.observe(.kvmMSR(time: start, pcpu: 0, pid: thread, write: false, register: 0, data: 0))
            }
        }
        let write = TraceSummary.Access(register: MSR.globalControl, write: true, exception: false)
        writesGlobalControl = summary.accesses[write] != nil
    }

    /// Looks at the first of each stretch of accesses, and at every other event, in merged order.
    private mutating func look(_ store: BlockStore) throws {
        struct Lane {
            var blocks: ArraySlice<Int>
            var block: DemandBlock?
            var piece = 0
        }
        var lanes = store.byPCPU.map { Lane(blocks: $0.blocks[...]) }
        var heap = LaneHeap()
        for (lane, list) in store.byPCPU.enumerated() { heap.push(store.first(of: list.blocks[0]), list.pcpu, lane) }
        var isFirst = true
        var arrived: Set<Int32> = []
        // Threads whose next access says nothing new: nobody ended since they were last looked at.
        var settled = ContiguousArray<Int32>(repeating: 0, count: 1024)
        while let lane = heap.top {
            if lanes[lane].block == nil, let number = lanes[lane].blocks.popFirst() {
                let block = try store.block(number, .allButCounters)
                (lanes[lane].block, lanes[lane].piece) = (block, 0)
                if block.writesGlobalControl { writesGlobalControl = true }
            }
            guard let block = lanes[lane].block else {
                heap.pop()
                continue
            }
            let piece = block.pieces[lanes[lane].piece]
            if isFirst {
                start = block.time(piece.start)
                isFirst = false
            }
            take(piece, block, &settled, &arrived)
            lanes[lane].piece += 1
            if lanes[lane].piece < block.pieces.count {
                heap.move(to: block.time(block.pieces[lanes[lane].piece].start))
                continue
            }
            lanes[lane].block = nil
            store.release(block)
            store.turn()
            if let next = lanes[lane].blocks.first { heap.move(to: store.first(of: next)) } else { heap.pop() }
        }
        store.turn()
        store.turn()
    }

    private mutating func take(
        _ piece: DemandBlock.Piece, _ block: DemandBlock, _ settled: inout ContiguousArray<Int32>,
        _ arrived: inout Set<Int32>
    ) {
        if piece.kind == .accesses || piece.kind == .idle {
            let slot = Int(truncatingIfNeeded: piece.thread) & 1023
            if settled[slot] == piece.thread { return }
            attribution.observe(block.event(piece))
            guard piece.kind == .accesses else { return }
            acting.insert(piece.thread)
            settled[slot] = piece.thread
            return
        }
        let event = block.event(piece)
        switch event.kind {
        case .kvmMSR:
            attribution.observe(event)
            acting.insert(event.pid)
        case .kvmEntry, .kvmExit:
            attribution.observe(event)
            acting.insert(event.pid)
            showsEntries = true
        case .schedSwitch:
            attribution.observe(event)
            if event.nextPID != 0, arrived.insert(event.nextPID).inserted { arriving.append(event.nextPID) }
            // The thread is gone (`ThreadAttribution`): the next access of its id is somebody else's.
            if event.value & 0x30 != 0 { settled[Int(truncatingIfNeeded: event.pid) & 1023] = 0 }
        case .processFork, .processExit:
            attribution.observe(event)
            settled[Int(truncatingIfNeeded: event.subjectPID) & 1023] = 0
        case .perfEventOpen, .acceptIRQ: witnesses.take(event)
        case .writeMSR, .readMSR, .rdpmc: break
        }
    }
}

/// The registers whose accesses are demand, as a set that is cheap to ask.
struct PMURegisters: Sendable {
    private let low: [Bool]
    private let high: [Bool]
    private let flavour: Flavour

    private static let highBase: UInt32 = 0xc001_0000

    init(_ flavour: Flavour) {
        self.flavour = flavour
        low = (0..<8192).map { PMURegisters.isPMU($0, flavour) }
        high = (0..<4096).map { PMURegisters.isPMU(PMURegisters.highBase + $0, flavour) }
    }

    @inline(__always)
    func contains(_ register: UInt32) -> Bool {
        if register < 8192 { return low[Int(register)] }
        let place = register &- PMURegisters.highBase
        return place < 4096 ? high[Int(place)] : PMURegisters.isPMU(register, flavour)
    }

    /// Guests access many registers; the PMU's alone are demand, of either vendor.
    static func isPMU(_ register: UInt32, _ flavour: Flavour) -> Bool {
        RegisterName(address: register, flavour: flavour) != .other
            || RegisterName(address: register, flavour: flavour == .intel ? .amdCoreExt : .intel) != .other
    }
}
