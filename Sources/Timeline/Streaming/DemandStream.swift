import Host
import PMU
import Policy
import Trace

/// The demand of a trace in which no register access of the host shows, straight from the file: operations come in
/// batches, and none is kept.
///
/// Such a trace decides nothing and measures nothing; what demand it states is known event by event. So one look ahead
/// at the whole trace (`DemandSurvey`) is all that `TimelineBuilder` does beside making operations, and memory does not
/// grow with the trace: it is one decoded block per pCPU, and a batch. The operations are those of
/// `Timeline(reader).demand`.
public final class DemandStream {
    /// The trace's timeline; its demand holds only what happened before the trace, and its readings are left out.
    public private(set) var timeline: Timeline
    private let reader: TraceReader
    private let store: BlockStore
    let registers: PMURegisters
    let vcpuOfThread: [Int32: Int32]
    let showsSwitches: Bool
    /// Counters that a guest turns on by a write that the trace does not show, 0 where such writes are seen.
    let hiddenGlobalControl: UInt64
    let pcpus: Int

    /// nil where the trace is not of that kind, so that only a `Timeline` does.
    ///
    /// - Parameter recordedRules: the policy of the recording host; else what the metadata names.
    /// - Throws: `TraceError` where the file is damaged.
    public init?(_ reader: TraceReader, recordedRules: PolicyRules? = nil) throws {
        let summary = try reader.summary()
        var builder = TimelineBuilder(
            metadata: reader.metadata, comms: reader.comms, shape: nil, recordedRules: recordedRules)
        registers = PMURegisters(builder.model.flavour)
        store = BlockStore(reader, registers)
        guard let survey = try DemandSurvey(reader, summary: summary, registers: registers, store) else { return nil }
        builder.take(survey, highestPCPU: reader.pcpus.last.map { Int($0) } ?? 0)
        for record in reader.lost { builder.take(record) }
        builder.unfinished = reader.missingAtEnd
        let timeline = builder.finish()
        self.reader = reader
        showsSwitches = summary.records(.schedSwitch) > 0
        pcpus = Int(reader.pcpus.last ?? 0) + 1
        vcpuOfThread = Dictionary(
            timeline.demand.actors.vcpus.enumerated().map { ($1.thread, Int32($0)) },
            uniquingKeysWith: { first, _ in first })
        hiddenGlobalControl =
            DemandDraft.hidesGlobalControl(builder) ? GuestPMUShape(host: timeline.model).allCounters : 0
        self.timeline = timeline
        if let difference = try firstStep() {
            self.timeline.taints.append(TimelineBuilder.taint(difference, end: timeline.end))
        }
    }

    /// The operations from the first one on.
    public func operations() throws -> DemandWalk { DemandWalk(self, try reader.walk()) }

    /// The same, with what each pCPU does kept together.
    public func lanes() -> LaneWalk { LaneWalk(self, store) }

    /// The recording host's first step, of which the trace has nothing.
    private func firstStep() throws -> StepDifference? {
        let demand = timeline.demand
        var machine = HostMachine(
            model: timeline.model, rules: timeline.recordedRules, actors: demand.actors, kvm: timeline.kvm,
            sink: DecisionChecker(
                steps: [], pcpus: demand.actors.pcpus, flavour: timeline.model.flavour, place: .ignored))
        // Without a PMU guests make no host event, and pinned events of pCPUs have no reason to move.
        let isIdle =
            timeline.recordedRules.allGuestRules.allSatisfy { $0.access == .none }
            && demand.actors.hostEvents.allSatisfy { $0.priority == .pinned }
        if isIdle { return nil }
        var walk = try operations()
        let batch = DemandBatch()
        while try walk.next(into: batch) {
            for operation in batch.operations {
                machine.scheduler.sink.isBeforeTrace = operation.isBeforeTrace
                machine.apply(operation)
                if let difference = machine.scheduler.sink.difference { return difference }
            }
        }
        return nil
    }
}

/// Operations in flat memory that is used again from batch to batch.
public final class DemandBatch {
    private var memory: UnsafeMutablePointer<DemandOperation>
    private var capacity: Int
    private(set) var count = 0

    public init() {
        capacity = DemandWalk.batchSize
        memory = .allocate(capacity: capacity)
    }

    deinit { memory.deallocate() }

    /// Valid until the batch is filled again.
    public var operations: UnsafeBufferPointer<DemandOperation> { .init(start: memory, count: count) }

    func removeAll() { count = 0 }

    @inline(__always)
    func append(_ operation: DemandOperation) {
        if count == capacity { grow() }
        (memory + count).initialize(to: operation)
        count &+= 1
    }

    private func grow() {
        let larger = UnsafeMutablePointer<DemandOperation>.allocate(capacity: 2 * capacity)
        larger.moveInitialize(from: memory, count: count)
        memory.deallocate()
        memory = larger
        capacity *= 2
    }
}
