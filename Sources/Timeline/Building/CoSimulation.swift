import Host
import PMU
import Policy

/// Plays the demand on a machine beside the recorded steps while the timeline is made: it tells whose counter each
/// interrupt was, which virtual counter stands behind each guest holding, and which reading of open demand gives the
/// decisions that were recorded.
struct CoSimulation {
    private let timeline: Timeline
    private let draft: DemandDraft
    private let interrupts: [TrafficReader.CounterInterrupt]
    private(set) var actors: Demand.Actors
    /// The demand with the interrupts' owners in it.
    private(set) var operations: [DemandOperation] = []
    /// Whose each recorded step was, as far as the machine agreed.
    private(set) var owners: [EventOwner?] = []
    private(set) var difference: StepDifference?
    /// Whether only one reading of the open priorities gives the recorded decisions.
    private(set) var decidedPriorities = false
    /// Host events that are taken to have been removed while they were not running.
    private(set) var removedUnseen: Set<Int> = []

    init(timeline: Timeline, draft: DemandDraft, interrupts: [TrafficReader.CounterInterrupt]) {
        self.timeline = timeline
        self.draft = draft
        self.interrupts = interrupts.enumerated().sorted { a, b in
            (a.element.event, a.offset) < (b.element.event, b.offset)
        }.map(\.element)
        actors = draft.actors
    }

    /// Tries single flexible events first, as perf makes them where nobody says `:D` or `{}`, then groups, then pinned
    /// events: all of them, or those that the order of starts suggests. From the best of these it goes on step by step.
    mutating func chooseOpenReadings() {
        var best = Choice(reading: OpenReading(), outcome: play(OpenReading()))
        let groups = Set(draft.hosts.cohorts.indices)
        let pinned = Set(draft.openPriorities)
        consider(OpenReading(groups: groups), &best)
        consider(OpenReading(groups: best.reading.groups, pinned: pinned), &best)
        consider(OpenReading(groups: groups, pinned: pinned), &best)
        let ahead = pinned.intersection(draft.hosts.overtakings.map(\.newcomer))
        if !ahead.isEmpty {
            consider(OpenReading(groups: best.reading.groups, pinned: ahead), &best)
            let behind = pinned.subtracting(draft.hosts.overtakings.map(\.other))
            consider(OpenReading(groups: best.reading.groups, pinned: behind), &best)
        }
        if draft.operations.count < CoSimulation.mostOperations { search(&best) }
        keep(best.outcome, best.reading)
    }

    /// Changes one thing at a time about those at the first difference, as long as more of the recorded decisions come
    /// out.
    private func search(_ best: inout Choice) {
        var left = min(
            CoSimulation.mostTries,
            max(CoSimulation.fewestTries, CoSimulation.mostPlayed / max(1, draft.operations.count)))
        var tried: Set<OpenReading> = []
        while let difference = best.outcome.difference {
            let matched = best.outcome.matched
            for reading in neighbours(of: best.reading, difference) where left > 0 && tried.insert(reading).inserted {
                left -= 1
                consider(reading, &best)
                if best.outcome.matched > matched || best.outcome.difference == nil { break }
            }
            if best.outcome.matched == matched { return }
        }
    }

    private func consider(_ reading: OpenReading, _ best: inout Choice) {
        guard best.outcome.difference != nil, reading != best.reading else { return }
        let outcome = play(reading)
        if outcome.matched > best.outcome.matched || outcome.difference == nil {
            best = Choice(reading: reading, outcome: outcome)
        }
    }

    /// Readings that differ from one in the priority, or the group, of those at a difference, and of others on that
    /// pCPU.
    private func neighbours(of reading: OpenReading, _ difference: StepDifference) -> [OpenReading] {
        var involved: [Int] = []
        if let recorded = difference.recorded, recorded.hostEvent >= 0 { involved.append(Int(recorded.hostEvent)) }
        if let replayed = difference.replayed, case .host(let index) = replayed.owner { involved.append(index) }
        let open = draft.openPriorities
        let there = open.filter { draft.hosts.candidates[$0].pcpu == Int32(difference.pcpu) && !involved.contains($0) }
        let own = involved.filter { open.contains($0) }
        var readings: [OpenReading] = []
        // Of those that are not seen any more.
        let end = difference.recorded?.event ?? .max
        let vanished = draft.hosts.vanished.filter {
            draft.builder.reader.sections[draft.hosts.lastStop(of: $0)].event < end
                && (involved.contains($0) || isHere($0, difference) || draft.hosts.candidates[$0].lists.isTask)
        }
        for event in vanished where involved.contains(event) { readings.append(reading.flipping(gone: event)) }
        // A tool opens the same event on every pCPU.
        for event in own + there { readings.append(reading.flipping(events: open.filter { isAlike($0, event) })) }
        for event in own + there { readings.append(reading.flipping(events: [event])) }
        if own.count > 1 { readings.append(reading.flipping(events: own)) }
        let groups = draft.hosts.cohorts.indices.filter {
            !draft.hosts.cohorts[$0].allSatisfy { !isHere($0, difference) }
        }
        for event in vanished where !involved.contains(event) { readings.append(reading.flipping(gone: event)) }
        for event in vanished {
            for other in own + there { readings.append(reading.flipping(gone: event).flipping(events: [other])) }
        }
        for group in groups {
            readings.append(reading.flipping(group: group))
            for event in own { readings.append(reading.flipping(group: group).flipping(events: [event])) }
        }
        return readings
    }

    private func isHere(_ candidate: Int, _ difference: StepDifference) -> Bool {
        draft.hosts.candidates[candidate].pcpu == Int32(difference.pcpu)
    }

    private func isAlike(_ a: Int, _ b: Int) -> Bool {
        let (a, b) = (draft.hosts.candidates[a], draft.hosts.candidates[b])
        return a.config == b.config && a.exclusion == b.exclusion && a.lists.isTask == b.lists.isTask
    }

    /// Beyond so many operations readings are not tried one by one; of fewer, as many as play so many operations.
    private static let mostOperations = 200_000
    private static let mostPlayed = 4_000_000
    private static let mostTries = 128
    private static let fewestTries = 16

    /// One way to read what the trace leaves open.
    private struct OpenReading: Hashable {
        /// Cohorts that are groups.
        var groups: Set<Int> = []
        /// Host events of open priority that are pinned.
        var pinned: Set<Int> = []
        /// Host events that were removed unseen after they had run last.
        var gone: Set<Int> = []

        func flipping(group: Int) -> OpenReading {
            OpenReading(groups: groups.symmetricDifference([group]), pinned: pinned, gone: gone)
        }

        func flipping(events: [Int]) -> OpenReading {
            OpenReading(groups: groups, pinned: pinned.symmetricDifference(events), gone: gone)
        }

        func flipping(gone event: Int) -> OpenReading {
            OpenReading(groups: groups, pinned: pinned, gone: gone.symmetricDifference([event]))
        }
    }

    private struct Choice {
        var reading: OpenReading
        var outcome: Outcome
    }

    private struct Outcome {
        var actors: Demand.Actors
        var operations: [DemandOperation]
        var owners: [EventOwner?]
        var matched: Int
        var difference: StepDifference?
    }

    private mutating func keep(_ outcome: Outcome, _ reading: OpenReading) {
        actors = outcome.actors
        operations = outcome.operations
        owners = outcome.owners
        difference = outcome.difference
        decidedPriorities = !reading.pinned.isEmpty
        removedUnseen = reading.gone
    }

    private func play(_ reading: OpenReading) -> Outcome {
        var actors = draft.actors
        for index in reading.pinned { actors.hostEvents[index].priority = .pinned }
        let demand = draft.removing(reading.gone, from: draft.grouped(reading.groups, &actors))
        let checker = DecisionChecker(
            steps: timeline.steps, pcpus: actors.pcpus, flavour: timeline.model.flavour, place: .ignored)
        var machine = HostMachine(
            model: timeline.model, rules: timeline.recordedRules, actors: actors, kvm: timeline.kvm, sink: checker)
        var operations: [DemandOperation] = []
        operations.reserveCapacity(demand.count + interrupts.count)
        var next = 0
        func deliver(before event: UInt64) {
            while next < interrupts.count, interrupts[next].event < event {
                let interrupt = interrupts[next]
                next += 1
                guard
                    let owner = machine.scheduler.sink.holder(
                        pcpu: Int(interrupt.pcpu), counter: interrupt.counter)
                else { continue }
                let operation = DemandOperation(
                    time: interrupt.time, pcpu: interrupt.pcpu, kind: .overflow(owner: owner),
                    source: interrupt.event)
                operations.append(operation)
                machine.apply(operation)
            }
        }
        for operation in demand {
            if !operation.isBeforeTrace { deliver(before: operation.source) }
            operations.append(operation)
            machine.scheduler.sink.isBeforeTrace = operation.isBeforeTrace
            machine.apply(operation)
            machine.scheduler.sink.isBeforeTrace = false
        }
        deliver(before: .max)
        machine.scheduler.sink.finish()
        let sink = machine.scheduler.sink
        return Outcome(
            actors: actors, operations: operations, owners: sink.owners, matched: sink.matched,
            difference: sink.difference)
    }
}

extension DemandOperation {
    /// The source of operations that happened before the trace began.
    public static let beforeTrace = UInt64.max - 1
    /// Whether it happened before the trace began.
    public var isBeforeTrace: Bool { source == DemandOperation.beforeTrace }
    /// The number of the trace's event that it comes from; nil where it comes from none or happened before the trace.
    public var traceEvent: UInt64? { source >= DemandOperation.beforeTrace ? nil : source }
}
