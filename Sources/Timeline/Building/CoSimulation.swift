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

    /// Tries flexible first, as perf does where nobody says `:D`, then pinned, then single events.
    mutating func chooseOpenPriorities() {
        var best = play(actors)
        keep(best, actors)
        guard best.difference != nil, !draft.openPriorities.isEmpty else { return }
        var pinned = actors
        for index in draft.openPriorities { pinned.hostEvents[index].priority = .pinned }
        let other = play(pinned)
        if other.matched > best.matched || other.difference == nil {
            best = other
            keep(best, pinned)
            decidedPriorities = true
        }
        guard best.difference != nil, draft.operations.count < 200_000 else { return }
        for index in draft.openPriorities.prefix(16) {
            var flipped = actors
            flipped.hostEvents[index].priority = flipped.hostEvents[index].priority == .pinned ? .flexible : .pinned
            let other = play(flipped)
            if other.matched > best.matched || other.difference == nil {
                best = other
                keep(best, flipped)
                decidedPriorities = true
            }
            if best.difference == nil { return }
        }
    }

    private struct Outcome {
        var operations: [DemandOperation]
        var owners: [EventOwner?]
        var matched: Int
        var difference: StepDifference?
    }

    private mutating func keep(_ outcome: Outcome, _ actors: Demand.Actors) {
        self.actors = actors
        operations = outcome.operations
        owners = outcome.owners
        difference = outcome.difference
    }

    private func play(_ actors: Demand.Actors) -> Outcome {
        let checker = DecisionChecker(
            steps: timeline.steps, pcpus: actors.pcpus, flavour: timeline.model.flavour, place: .ignored)
        var machine = HostMachine(
            model: timeline.model, rules: timeline.recordedRules, actors: actors, kvm: timeline.kvm, sink: checker)
        var operations: [DemandOperation] = []
        operations.reserveCapacity(draft.operations.count + interrupts.count)
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
        for operation in draft.operations {
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
            operations: operations, owners: sink.owners, matched: sink.matched, difference: sink.difference)
    }
}

extension DemandOperation {
    /// The source of operations that happened before the trace began.
    public static let beforeTrace = UInt64.max - 1
    /// Whether it happened before the trace began.
    public var isBeforeTrace: Bool { source == DemandOperation.beforeTrace }
}
