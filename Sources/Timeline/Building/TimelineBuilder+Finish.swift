import Host
import PMU
import Policy
import Trace

extension TimelineBuilder {
    /// All events were taken: who is who, what was demanded, what was decided, what was measured.
    public mutating func finish() -> Timeline {
        if start == .max { start = metadata.begin ?? 0 }
        end = max(end, metadata.end ?? 0)
        reader.finish()
        ScopeResolver.resolve(&reader)
        var table = ActorTable(attribution)
        registerThreads(&table)
        let vcpuOfHolding = reader.holdings.map { holding in
            holding.exclusion == .host
                ? table.vcpu(of: holding.thread, at: holding.begin.time, actsForGuests: true) ?? -1 : -1
        }
        let interval = multiplexInterval
        let hosts = HostEventInference(
            reader, interval: interval,
            clock: ["monotonic", "mono", "simulated"].contains(metadata.clock) ? .timers : .other,
            guests: vcpuOfHolding.map { $0 >= 0 }, attribution: attribution)
        var draft = DemandDraft(builder: self, hosts: hosts, table: table)
        draft.assemble()
        let steps = recordedSteps(vcpuOfHolding, hosts)
        let entries: KVMRules.EntryVisibility = showsEntries ? .visible : .hidden
        var timeline = Timeline(
            start: start, end: end, model: model, recordedRules: recordedRules,
            kvm: KVMRules(kernel: metadata.kernel, entries: entries), multiplexInterval: interval,
            demand: Demand(actors: draft.actors))
        timeline.steps = steps
        uncore.finish()
        timeline.uncore = uncore
        for interrupt in reader.interrupts where vcpuOfHolding[Int(interrupt.holding)] >= 0 {
            timeline.overflowsOfThread[reader.holdings[Int(interrupt.holding)].thread, default: 0] += 1
        }
        timeline.witnesses = witnesses.completed(metadata, attribution)
        // A host whose own counters never move has none to give: nothing can be compared.
        timeline.showsTraffic = !reader.sections.isEmpty || !reader.holdings.isEmpty
        timeline.unattributed = draft.table.unattributed
        timeline.vcpusOfUnknownVMs = draft.table.vcpusOfUnknownVMs
        timeline.taints = taints()
        var play = CoSimulation(timeline: timeline, draft: draft, interrupts: reader.interrupts)
        play.chooseOpenReadings()
        timeline.demand = Demand(actors: play.actors, operations: play.operations)
        timeline.readings = readings(timeline.demand, draft)
        timeline.inferred = draft.inferred(play)
        if let difference = play.difference {
            timeline.taints.append(TimelineBuilder.taint(difference, end: end))
        }
        if let from = play.removedUnseen.map({ draft.lastStopTime(of: $0) }).min() {
            timeline.taints.append(TimelineBuilder.unseenRemoval(from: from, end: end))
        }
        label(&timeline, play, vcpuOfHolding, draft.hosts)
        measure(&timeline, play, vcpuOfHolding, draft.hosts)
        return timeline
    }

    /// From the first decision on that demand does not give nothing that was recorded can be trusted.
    static func taint(_ difference: StepDifference, end: UInt64) -> TimelineTaint {
        TimelineTaint(
            vcpu: nil, pcpu: nil, from: difference.time, to: end,
            cause: "the demand read off the trace does not give the decisions recorded from here on",
            origin: .inferredDemand)
    }

    /// When an event was removed that did not run is unknown: under another policy it may have run until then.
    private static func unseenRemoval(from: UInt64, end: UInt64) -> TimelineTaint {
        TimelineTaint(
            vcpu: nil, pcpu: nil, from: from, to: end,
            cause: "an event was removed while it was not running, at a time that no record shows",
            origin: .inferredDemand)
    }

    /// vCPUs in the order of their threads, so that VMs nobody names are told apart.
    private func registerThreads(_ table: inout ActorTable) {
        var first: [Int32: UInt64] = [:]
        for event in raw where event.kind != .switched && first[event.thread] == nil {
            first[event.thread] = event.time
        }
        for thread in survey?.acting ?? [] { first[thread] = start }
        for thread in first.keys.sorted() {
            _ = table.vcpu(of: thread, at: first[thread]!, actsForGuests: true)
        }
        for thread in metadata.threads where thread.vcpu != nil { _ = table.vcpu(of: thread.tid, at: start) }
        for thread in survey?.arriving ?? [] { _ = table.vcpu(of: thread, at: start) }
    }

    /// `perf_event_mux_interval_ms`; 1000/HZ ms with the usual HZ of 250 where the trace does not say, or says 0.
    var multiplexInterval: UInt64 {
        let milliseconds = metadata.muxIntervalMilliseconds ?? 0
        return UInt64(milliseconds == 0 ? 4 : milliseconds) * 1_000_000
    }

    private func recordedSteps(_ vcpuOfHolding: [Int32], _ hosts: HostEventInference) -> [RecordedStep] {
        var steps: [RecordedStep] = []
        steps.reserveCapacity(2 * reader.holdings.count)
        for (number, holding) in reader.holdings.enumerated() {
            func step(_ edge: Holding.Edge, _ kind: RecordedStep.Kind) -> RecordedStep {
                RecordedStep(
                    time: edge.time, event: edge.event, pcpu: holding.pcpu, counter: holding.counter, kind: kind,
                    config: holding.config, exclusion: holding.exclusion, vcpu: vcpuOfHolding[number],
                    hostEvent: hosts.candidateOf[number], holding: Int32(number))
            }
            // The trace does not show the start of what was there before it.
            if !holding.wasBefore { steps.append(step(holding.begin, .start)) }
            if let end = holding.end { steps.append(step(end, .stop)) }
        }
        return steps.enumerated().sorted { a, b in
            a.element.event == b.element.event ? a.offset < b.offset : a.element.event < b.element.event
        }.map(\.element)
    }

    private func taints() -> [TimelineTaint] {
        lost.filter { $0.kind.map(Witnesses.isTestimony) != true }.map { record in
            let what = record.count.map { "\($0) records were lost" } ?? "records were lost"
            return TimelineTaint(
                vcpu: nil, pcpu: Int(record.pcpu), from: record.earliest, to: record.latest,
                cause: record.kind.map { "\(what) of \($0.tracepoint)" } ?? what)
        }
            + unfinished.map { record in
                TimelineTaint(
                    vcpu: nil, pcpu: Int(record.pcpu), from: record.earliest, to: record.latest,
                    cause: "the trace was never finished, what happened from here on is not in it")
            }
    }

    private func readings(_ demand: Demand, _ draft: DemandDraft) -> [GuestReading] {
        var readings: [GuestReading] = []
        for (number, operation) in demand.operations.enumerated() {
            guard case .guestRead(let vcpu, let register, false) = operation.kind,
                let value = draft.readValues[operation.source]
            else { continue }
            readings.append(
                GuestReading(
                    time: operation.time, event: operation.source, operation: number, vcpu: vcpu,
                    register: register, value: value))
        }
        return readings
    }
}
