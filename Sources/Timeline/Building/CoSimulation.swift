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

    init(timeline: Timeline, draft: DemandDraft, interrupts: [TrafficReader.CounterInterrupt]) {
        self.timeline = timeline
        self.draft = draft
        self.interrupts = interrupts.enumerated().sorted { a, b in
            (a.element.event, a.offset) < (b.element.event, b.offset)
        }.map(\.element)
        actors = draft.actors
    }

    /// Tries single flexible events first, as perf makes them where nobody says `:D` or `{}`, then groups, then pinned
    /// events, all of them and one by one.
    mutating func chooseOpenReadings() {
        var best = (reading: OpenReading(), outcome: play(OpenReading()))
        func isDone() -> Bool { best.outcome.difference == nil }
        func consider(_ reading: OpenReading) {
            guard !isDone(), reading != best.reading else { return }
            let outcome = play(reading)
            if outcome.matched > best.outcome.matched || outcome.difference == nil { best = (reading, outcome) }
        }
        let groups = Set(draft.hosts.cohorts.indices)
        let pinned = Set(draft.openPriorities)
        consider(OpenReading(groups: groups))
        consider(OpenReading(groups: best.reading.groups, pinned: pinned))
        consider(OpenReading(groups: groups, pinned: pinned))
        if draft.operations.count < CoSimulation.mostOperations {
            for group in groups.sorted().prefix(CoSimulation.mostFlips) {
                consider(best.reading.flipping(group: group))
            }
            for event in draft.openPriorities.prefix(CoSimulation.mostFlips) {
                consider(best.reading.flipping(event: event))
            }
        }
        keep(best.outcome, best.reading)
    }

    /// Beyond so many operations readings are not tried one by one, nor more than so many of either kind.
    private static let mostOperations = 200_000
    private static let mostFlips = 16

    /// One way to read what the trace leaves open.
    private struct OpenReading: Equatable {
        /// Cohorts that are groups.
        var groups: Set<Int> = []
        /// Host events of open priority that are pinned.
        var pinned: Set<Int> = []

        func flipping(group: Int) -> OpenReading {
            OpenReading(groups: groups.symmetricDifference([group]), pinned: pinned)
        }

        func flipping(event: Int) -> OpenReading {
            OpenReading(groups: groups, pinned: pinned.symmetricDifference([event]))
        }
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
    }

    private func play(_ reading: OpenReading) -> Outcome {
        var actors = draft.actors
        for index in reading.pinned { actors.hostEvents[index].priority = .pinned }
        let demand = draft.grouped(reading.groups, &actors)
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
}
