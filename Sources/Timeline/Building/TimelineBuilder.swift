import Host
import PMU
import Policy
import Trace

/// Takes a trace's events once, in merged order, and makes the `Timeline` of them.
public struct TimelineBuilder {
    let metadata: TraceMetadata
    let model: ProcessorModel
    let recordedRules: PolicyRules
    var reader: TrafficReader
    var attribution: ThreadAttribution
    var raw: [RawEvent] = []
    var uncore = UncoreReadings()
    var witnesses = Witnesses()
    var lost: [LostRecords] = []
    /// What is missing at the end of a trace that was never finished.
    var unfinished: [LostRecords] = []
    var supplied: HostEventsFile?
    var start: UInt64 = .max
    var end: UInt64 = 0
    var highestPCPU = 0
    var showsEntries = false
    /// What is known of the trace's events where they are not taken one by one.
    private(set) var survey: DemandSurvey?
    private var count: UInt64 = 0

    /// What demand is made of: guest accesses, entries, exits and task switches, as recorded.
    struct RawEvent {
        var time: UInt64
        var index: UInt64
        var value: UInt64
        var thread: Int32
        var other: Int32
        var register: UInt32
        var pcpu: UInt16
        var kind: Kind
        enum Kind: UInt8 {
            case switched, entered, exited, exitedForRDPMC, wrote, read, writeFaulted, readFaulted

            /// A VM entry or exit, or a task switch: no access.
            var isTransition: Bool { self == .switched || self == .entered || self == .exited }
        }
    }

    /// - Parameters:
    ///   - shape: what traffic says about the PMU where the metadata does not name a processor.
    ///   - comms: the trace's comm table.
    ///   - recordedRules: the policy of the recording host; else what the metadata names.
    public init(
        metadata: TraceMetadata, comms: [String], shape: TrafficShape? = nil, hostEvents: HostEventsFile? = nil,
        recordedRules: PolicyRules? = nil
    ) {
        self.metadata = metadata
        attribution = ThreadAttribution(threads: metadata.threads, comms: comms)
        supplied = hostEvents
        model = TimelineBuilder.model(metadata, shape)
        self.recordedRules = recordedRules ?? TimelineBuilder.rules(named: metadata)
        let cedes = self.recordedRules.allGuestRules.contains { $0.access == .mediated }
        reader = TrafficReader(
            shape: TrafficShape(model: model), guests: cedes ? .mediated : self.recordedRules.guests,
            start: metadata.begin)
    }

    /// The processor model that the metadata names or describes, else the nearest one to the traffic's shape.
    static func model(_ metadata: TraceMetadata, _ shape: TrafficShape?) -> ProcessorModel {
        if let processor = metadata.processor {
            if let name = processor.modelName, let model = ProcessorModel.named(name) { return model }
            if let model = ProcessorModel.matching(
                vendor: processor.vendor, family: processor.family, model: processor.model,
                stepping: processor.stepping, leaf0A: processor.leaf0A, leaf80000022: processor.leaf80000022,
                perfCapabilities: processor.perfCapabilities)
            {
                return model
            }
            if processor.vendor == "AuthenticAMD" { return .zen2 }
        }
        guard let shape else { return .skylakeSP }
        switch shape.flavour {
        case .amdCoreExt: return .zen2
        case .amdV2: return .zen4
        case .intel:
            if shape.gp == 4 && shape.fixed == 3 { return .skylakeSP }
            if shape.gp == 8 && shape.fixed == 4 { return .iceLakeSP }
            return ProcessorModel.named("architectural-v4-\(shape.gp)gp-\(shape.fixed)fixed") ?? .skylakeSP
        }
    }

    private static func rules(named metadata: TraceMetadata) -> PolicyRules {
        switch metadata.recordedPolicy {
        case "mediated": return .mediated
        case "none": return .none
        case .some: return .emulated
        case nil:
            let isMediated = metadata.kvmParameters.contains {
                $0.key.hasSuffix(".enable_mediated_pmu") && ["Y", "1"].contains($0.value)
            }
            return isMediated ? .mediated : .emulated
        }
    }

    /// Takes the next event.
    public mutating func take(_ event: TraceEvent) {
        let index = count
        count += 1
        if start == .max { start = min(metadata.begin ?? event.time, event.time) }
        end = max(end, event.time)
        highestPCPU = max(highestPCPU, Int(event.pcpu))
        attribution.observe(event)
        switch event.kind {
        case .writeMSR, .readMSR, .rdpmc:
            uncore.take(event)
            reader.take(event, index: index)
        case .processFork, .processExit: break
        case .perfEventOpen, .acceptIRQ: witnesses.take(event)
        case .schedSwitch:
            reader.take(event, index: index)
            append(event, index, .switched, other: event.nextPID)
        case .kvmEntry:
            showsEntries = true
            reader.take(event, index: index)
            append(event, index, .entered)
        case .kvmExit:
            showsEntries = true
            reader.take(event, index: index)
            append(event, index, event.leavesForRDPMC ? .exitedForRDPMC : .exited)
        case .kvmMSR:
            reader.take(event, index: index)
            guard PMURegisters.isPMU(event.register, model.flavour) else { return }
            let kind: RawEvent.Kind =
                event.isWrite
                ? (event.raisedException ? .writeFaulted : .wrote) : (event.raisedException ? .readFaulted : .read)
            append(event, index, kind)
        }
    }

    /// Takes what a look at the whole trace gave, instead of its events.
    mutating func take(_ survey: DemandSurvey, highestPCPU: Int) {
        start = min(metadata.begin ?? survey.start, survey.start)
        end = survey.end
        attribution = survey.attribution
        showsEntries = survey.showsEntries
        self.highestPCPU = highestPCPU
        self.survey = survey
        witnesses = survey.witnesses
    }

    public mutating func take(_ record: LostRecords) { lost.append(record) }

    private mutating func append(_ event: TraceEvent, _ index: UInt64, _ kind: RawEvent.Kind, other: Int32 = 0) {
        raw.append(
            RawEvent(
                time: event.time, index: index, value: event.value, thread: event.pid, other: other,
                register: event.a, pcpu: event.pcpu, kind: kind))
    }
}

extension TraceEvent {
    /// A VM exit because of RDPMC: reason 15 of VMX, 0x6f of SVM.
    var leavesForRDPMC: Bool { isa == 2 ? exitReason == 0x6f : exitReason & 0xffff == 15 }
}

extension Timeline {
    /// The timeline of a trace in memory; its events may come pCPU by pCPU.
    public init(_ trace: TraceBuffer, hostEvents: HostEventsFile? = nil, recordedRules: PolicyRules? = nil) {
        let shape = trace.metadata.processor == nil ? TrafficShape(inferredFrom: trace.events) : nil
        var builder = TimelineBuilder(
            metadata: trace.metadata, comms: trace.comms, shape: shape, hostEvents: hostEvents,
            recordedRules: recordedRules)
        // Merged as a file's reader does it: by time, then pCPU, then the order on that pCPU.
        let order = trace.events.indices.sorted { a, b in
            let (x, y) = (trace.events[a], trace.events[b])
            return (x.time, x.pcpu, a) < (y.time, y.pcpu, b)
        }
        for index in order { builder.take(trace.events[index]) }
        for record in trace.lost { builder.take(record) }
        self = builder.finish()
    }

    /// The timeline of a trace file.
    ///
    /// - Throws: `TraceError` where the file is damaged.
    public init(
        _ trace: TraceReader, hostEvents: HostEventsFile? = nil, recordedRules: PolicyRules? = nil
    ) throws {
        var shape: TrafficShape?
        if trace.metadata.processor == nil {
            var head: [TraceEvent] = []
            try trace.forEachEvent { event, _ in if head.count < 100_000 { head.append(event) } }
            shape = TrafficShape(inferredFrom: head)
        }
        var builder = TimelineBuilder(
            metadata: trace.metadata, comms: trace.comms, shape: shape, hostEvents: hostEvents,
            recordedRules: recordedRules)
        try trace.forEachEvent { event, _ in builder.take(event) }
        for record in trace.lost { builder.take(record) }
        builder.unfinished = trace.missingAtEnd
        self = builder.finish()
    }
}
