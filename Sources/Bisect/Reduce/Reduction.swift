import Counts
import Host
import Policy
import Replay
import Timeline

/// Finds the smallest demand that still shows a difference between two policies.
///
/// Taken away are, in turn, what comes after the difference has shown, vCPUs, host events, slices of threads, exits
/// with their accesses, single accesses and operations, and time in which nothing happens; again and again until
/// nothing more can go. The result is 1-minimal over all of these but pauses, which are left as they are where more
/// than 2,000 remain.
public struct Reduction {
    private let timeline: Timeline
    private let rules: (a: PolicyRules, b: PolicyRules)
    public let target: ReductionTarget
    /// Demands tried so far.
    public private(set) var probes = 0
    /// Asked of a demand that shows the difference whether it is of use; nil takes every one.
    var isOfUse: ((Demand) -> Bool)?

    /// - Throws: `ReductionProblem.noDifference` where the policies give everybody the same time.
    public init(_ timeline: Timeline, a: PolicyRules, b: PolicyRules, owners: [String] = []) throws {
        rules = (a, b)
        var bare = timeline
        // The search needs demand alone; counts come back with the traffic.
        bare.measurements = Measurements()
        bare.steps = []
        bare.decisions = []
        bare.readings = []
        bare.taints = []
        bare.demand.operations.removeAll { if case .rotationTick = $0.kind { true } else { false } }
        self.timeline = bare
        let tables = Reduction.tables(bare, rules)
        guard let target = ReductionTarget.gravest(tables.a, tables.b, owners: owners) else {
            throw ReductionProblem.noDifference
        }
        self.target = target
    }

    /// The demand that it begins with.
    var whole: Demand { timeline.demand }

    /// - Parameter progress: called after each demand that was tried, with the operations it still has.
    public mutating func run(progress: (_ operations: Int) -> Void = { _ in }) -> Demand {
        var demand = timeline.demand
        demand = shortest(demand, progress)
        var before: [DemandOperation] = []
        while before != demand.operations {
            before = demand.operations
            for kind in DemandUnits.Kind.allCases { demand = reduce(demand, kind, progress) }
            demand = shortest(demand, progress)
            demand = compact(demand, progress)
        }
        // What happens at one instant is told apart more easily where it does not.
        let spaced = Reduction.spaced(demand)
        return shows(spaced) ? spaced : demand
    }

    /// Host users' operations and task switches a microsecond after what came before them.
    private static func spaced(_ demand: Demand) -> Demand {
        var operations = demand.operations
        var added: UInt64 = 0
        for index in operations.indices.dropFirst() where !operations[index].isBeforeTrace {
            switch operations[index].kind {
            case .guestEnter, .guestExit, .guestWrite, .guestRead, .guestReadPMC, .vmCreate, .vmDestroy: break
            default:
                if demand.operations[index].time - demand.operations[index - 1].time < 1_000 { added += 1_000 }
            }
            operations[index].time += added
        }
        return Demand(actors: demand.actors, operations: operations)
    }

    /// Whether `demand` shows the difference.
    public mutating func shows(_ demand: Demand) -> Bool {
        probes += 1
        var probe = timeline
        probe.demand = demand
        probe.start = demand.operations.first?.time ?? 0
        probe.end = demand.operations.last?.time ?? 0
        let tables = Reduction.tables(probe, rules)
        return target.shows(tables.a, tables.b) && isOfUse?(demand) ?? true
    }

    private static func tables(
        _ timeline: Timeline, _ rules: (a: PolicyRules, b: PolicyRules)
    ) -> (a: CountsTable, b: CountsTable) {
        (
            Replayer.replay(timeline, under: rules.a, ticks: .own),
            Replayer.replay(timeline, under: rules.b, ticks: .own)
        )
    }

    /// The shortest beginning that shows it; what shows once need not show for ever, so the answer is tried.
    private mutating func shortest(_ demand: Demand, _ progress: (Int) -> Void) -> Demand {
        func prefix(_ count: Int) -> Demand {
            Demand(actors: demand.actors, operations: Array(demand.operations.prefix(count)))
        }
        var (low, high) = (0, demand.operations.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if shows(prefix(middle)) { high = middle } else { low = middle }
            progress(high)
        }
        return prefix(high)
    }

    private mutating func reduce(_ demand: Demand, _ kind: DemandUnits.Kind, _ progress: (Int) -> Void) -> Demand {
        let units = DemandUnits(demand)
        let all = units.units(kind)
        guard !all.isEmpty else { return demand }
        let left = DeltaDebugging.indexes(all.count) { kept in
            let candidate = units.keeping(kept, of: all)
            let shows = shows(candidate)
            if shows { progress(candidate.operations.count) }
            return shows
        }
        return units.keeping(left[...], of: all)
    }

    /// Takes time away in which nothing happens: each pause is shortened as far as the difference lasts.
    private mutating func compact(_ demand: Demand, _ progress: (Int) -> Void) -> Demand {
        var demand = demand
        for pause in [UInt64(1_000), 10_000, 100_000, 1_000_000, 10_000_000] {
            let candidate = Reduction.shortened(demand, to: pause) { _ in true }
            guard candidate.operations != demand.operations else { return demand }
            if shows(candidate) { return candidate }
        }
        // Not all at once: the pauses that matter stay.
        let long = demand.operations.indices.dropFirst().filter {
            demand.operations[$0].time - demand.operations[$0 - 1].time > 10_000
        }
        guard !long.isEmpty, long.count <= 2_000 else { return demand }
        let original = demand
        let left = DeltaDebugging.indexes(long.count) { kept in
            let keep = Set(kept.map { long[$0] })
            return shows(Reduction.shortened(original, to: 10_000) { !keep.contains($0) })
        }
        let keep = Set(left.map { long[$0] })
        demand = Reduction.shortened(original, to: 10_000) { !keep.contains($0) }
        progress(demand.operations.count)
        return demand
    }

    /// Pauses before the operations that `concerns` names are cut to `pause` ns.
    private static func shortened(_ demand: Demand, to pause: UInt64, _ concerns: (Int) -> Bool) -> Demand {
        var operations = demand.operations
        var cut: UInt64 = 0
        for index in operations.indices.dropFirst() {
            let gap = demand.operations[index].time - demand.operations[index - 1].time
            if gap > pause, concerns(index) { cut += gap - pause }
            operations[index].time -= cut
        }
        return Demand(actors: demand.actors, operations: operations)
    }
}

/// Why there is nothing to reduce.
public enum ReductionProblem: Error, Equatable, CustomStringConvertible {
    case noDifference
    case notReproduced(String)

    public var description: String {
        switch self {
        case .noDifference:
            "the two policies give everybody the same time on this trace; there is no difference to keep"
        case .notReproduced(let what): "the reduced trace does not show the difference when it is read back: \(what)"
        }
    }
}
