import Host
import PMU
import Trace

/// One pass over the operations of a `DemandStream`.
public struct DemandWalk {
    /// Events looked at for a batch; more where times are equal at its end.
    static let batchSize = 8192

    private let stream: DemandStream
    private var walk: TraceWalk
    private var isAtStart = true
    private var isAtEnd = false
    /// Number of the next event in merged order.
    private var index: UInt64 = 0
    /// Demand's events where threads are seen to be switched; those of the last time may go with the next batch.
    private var raw: ContiguousArray<TimelineBuilder.RawEvent> = []
    private var arrivals = ThreadArrivals()
    /// The vCPU current on each pCPU, -1 for any other thread.
    private var current: ContiguousArray<Int32>
    /// The thread that was looked up last on each pCPU, and its vCPU.
    private var known: ContiguousArray<(thread: Int32, vcpu: Int32)>
    private var globallyOn: ContiguousArray<Bool>

    init(_ stream: DemandStream, _ walk: TraceWalk) {
        self.stream = stream
        self.walk = walk
        current = .init(repeating: -1, count: stream.pcpus)
        known = .init(repeating: (0, -1), count: stream.pcpus)
        globallyOn = .init(repeating: false, count: stream.timeline.demand.actors.vcpus.count)
    }

    /// Fills `batch` with the next operations; false once there are none. A batch may be empty.
    ///
    /// - Throws: `TraceError` where the file is damaged.
    public mutating func next(into batch: DemandBatch) throws -> Bool {
        batch.removeAll()
        if isAtStart {
            isAtStart = false
            for operation in stream.timeline.demand.operations { batch.append(operation) }
            return true
        }
        if isAtEnd { return false }
        if stream.showsSwitches { try fillByArrival(batch) } else { try fill(batch) }
        return true
    }

    /// Without task switches the merged order is that of operations.
    private mutating func fill(_ batch: DemandBatch) throws {
        var looked = 0
        while looked < DemandWalk.batchSize {
            guard try walk.advance() else {
                isAtEnd = true
                return
            }
            var cursor = walk.cursor
            let end = walk.end
            looked &+= end &- cursor.index
            while cursor.index < end {
                let event = cursor.next()
                if let kind = kind(of: event) { add(DemandWalk.raw(event, index, kind), to: batch) }
                index &+= 1
            }
            walk.cursor = cursor
        }
    }

    /// The operations of events up to a change of time: what arrives and what leaves at one time is put in order
    /// together.
    private mutating func fillByArrival(_ batch: DemandBatch) throws {
        var cut = 0
        while cut == 0 {
            try collect()
            cut = raw.count
            if isAtEnd { break }
            while cut > 0, cut == raw.count || raw[cut - 1].time == raw[cut].time { cut -= 1 }
        }
        let places = arrivals.places(of: raw[..<cut])
        var moved: [(event: UInt64, rank: Int8, operation: DemandOperation)] = []
        for number in 0..<cut {
            guard !places.isEmpty else {
                add(raw[number], to: batch)
                continue
            }
            let before = batch.count
            add(raw[number], to: batch)
            let place = places[number]
            moved += batch.operations[before...].map { (place ?? raw[number].index, place == nil ? 0 : -1, $0) }
        }
        if !places.isEmpty {
            batch.removeAll()
            let order = moved.indices.sorted { a, b in
                (moved[a].event, moved[a].rank, a) < (moved[b].event, moved[b].rank, b)
            }
            for number in order { batch.append(moved[number].operation) }
        }
        raw.removeFirst(cut)
    }

    private mutating func collect() throws {
        let enough = raw.count + DemandWalk.batchSize
        while raw.count < enough {
            guard try walk.advance() else {
                isAtEnd = true
                return
            }
            var cursor = walk.cursor
            let end = walk.end
            while cursor.index < end {
                let event = cursor.next()
                if let kind = kind(of: event) { raw.append(DemandWalk.raw(event, index, kind)) }
                index &+= 1
            }
            walk.cursor = cursor
        }
    }

    @inline(__always)
    private func kind(of event: TraceEvent) -> TimelineBuilder.RawEvent.Kind? {
        switch event.kind {
        case .kvmMSR:
            guard stream.registers.contains(event.register) else { return nil }
            return event.isWrite
                ? (event.raisedException ? .writeFaulted : .wrote) : (event.raisedException ? .readFaulted : .read)
        case .kvmEntry: return .entered
        case .kvmExit: return event.leavesForRDPMC ? .exitedForRDPMC : .exited
        case .schedSwitch: return .switched
        default: return nil
        }
    }

    @inline(__always)
    private static func raw(
        _ event: TraceEvent, _ index: UInt64, _ kind: TimelineBuilder.RawEvent.Kind
    ) -> TimelineBuilder.RawEvent {
        TimelineBuilder.RawEvent(
            time: event.time, index: index, value: event.value, thread: event.pid, other: event.nextPID,
            register: event.a, pcpu: event.pcpu, kind: kind)
    }

    /// The operations of one event, as `DemandDraft` makes them.
    @inline(__always)
    private mutating func add(_ event: TimelineBuilder.RawEvent, to batch: DemandBatch) {
        let pcpu = Int(event.pcpu)
        @inline(__always)
        func add(_ kind: DemandOperation.Kind) {
            batch.append(
                DemandOperation(time: event.time, pcpu: Int32(event.pcpu), kind: kind, source: event.index))
        }
        if event.kind == .switched {
            let next = stream.vcpuOfThread[event.other] ?? -1
            if next >= 0 || current[pcpu] >= 0 { add(.taskSwitch(to: next >= 0 ? .vcpu(next) : .other)) }
            current[pcpu] = next
            return
        }
        if known[pcpu].thread != event.thread {
            known[pcpu] = (event.thread, stream.vcpuOfThread[event.thread] ?? -1)
        }
        let vcpu = known[pcpu].vcpu
        guard vcpu >= 0 else { return }
        current[pcpu] = vcpu
        if stream.hiddenGlobalControl != 0, !event.kind.isTransition, !globallyOn[Int(vcpu)] {
            globallyOn[Int(vcpu)] = true
            add(
                .guestWrite(
                    vcpu: vcpu, register: MSR.globalControl, value: stream.hiddenGlobalControl, faulted: false))
        }
        switch event.kind {
        case .wrote: add(.guestWrite(vcpu: vcpu, register: event.register, value: event.value, faulted: false))
        case .read: add(.guestRead(vcpu: vcpu, register: event.register, faulted: false))
        case .entered: add(.guestEnter(vcpu: vcpu))
        case .exited: add(.guestExit(vcpu: vcpu, reentersFast: false))
        case .exitedForRDPMC:
            add(.guestExit(vcpu: vcpu, reentersFast: false))
            add(.guestReadPMC(vcpu: vcpu))
        case .writeFaulted:
            add(.guestWrite(vcpu: vcpu, register: event.register, value: event.value, faulted: true))
        case .readFaulted: add(.guestRead(vcpu: vcpu, register: event.register, faulted: true))
        case .switched: break
        }
    }
}
