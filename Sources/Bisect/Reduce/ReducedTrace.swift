import Counts
import Host
import Policy
import Replay
import Timeline
import Trace

/// The smallest trace that still shows a difference between two policies: a trace like any other.
public struct ReducedTrace: Sendable {
    public let trace: TraceBuffer
    public let target: ReductionTarget
    /// Operations of the original and of the reduced demand, and demands tried.
    public let operations: (before: Int, after: Int)
    public let probes: Int

    /// Reduces, writes the traffic anew, reads it back and checks.
    ///
    /// - Throws: `ReductionProblem` where there is no difference, or where the trace that was written does not show it
    ///   or does not replay itself exactly.
    public init(
        _ timeline: Timeline, metadata: TraceMetadata, a: PolicyRules, b: PolicyRules, owners: [String] = [],
        progress: (_ operations: Int) -> Void = { _ in }
    ) throws {
        var reduction = try Reduction(timeline, a: a, b: b, owners: owners)
        let target = reduction.target
        func trace(of demand: Demand) throws -> TraceBuffer {
            // What is installed first can have been there before: fewer records, if reading them back still tells
            // enough.
            do {
                return try ReducedTrace.composed(Self.startingInstalled(demand), timeline, metadata, a, b, target)
            } catch is ReductionProblem {
                return try ReducedTrace.composed(demand, timeline, metadata, a, b, target)
            }
        }
        var demand = reduction.run(progress: progress)
        do {
            self.trace = try trace(of: demand)
        } catch let problem as ReductionProblem {
            guard (try? trace(of: reduction.whole)) != nil else { throw problem }
            // An event that has no part in the difference but its place in the queue shows only where it runs, too.
            reduction.isOfUse = { (try? trace(of: $0)) != nil }
            demand = reduction.run(progress: progress)
            self.trace = try trace(of: demand)
        }
        self.target = target
        operations = (timeline.demand.operations.count, demand.operations.count)
        probes = reduction.probes
    }

    /// The demand with the host events that come before everything else installed before the trace begins.
    private static func startingInstalled(_ demand: Demand) -> Demand {
        var demand = demand
        for index in demand.operations.indices {
            switch demand.operations[index].kind {
            case .hostInstall, .vmCreate: demand.operations[index].source = DemandOperation.beforeTrace
            default: return demand
            }
        }
        return demand
    }

    /// The trace of `demand`, read back and checked.
    private static func composed(
        _ demand: Demand, _ timeline: Timeline, _ metadata: TraceMetadata, _ a: PolicyRules, _ b: PolicyRules,
        _ target: ReductionTarget
    ) throws -> TraceBuffer {
        var reduced = timeline
        reduced.demand = demand
        var composer = TraceComposer(reduced, metadata: metadata)
        let trace = try composer.compose()
        let again = Timeline(trace)
        if let difference = SelfReplay.check(again).difference {
            throw ReductionProblem.notReproduced("self-replay differs at \(difference.time) ns: \(difference.what)")
        }
        let tables = (Replayer.replay(again, under: a, ticks: .own), Replayer.replay(again, under: b, ticks: .own))
        guard target.isKept(tables.0, tables.1) else {
            throw ReductionProblem.notReproduced("the policies do not differ on it in the same way")
        }
        return trace
    }

    /// Writes it to a file.
    ///
    /// - Throws: `TraceError`.
    public func write(to path: String, existing: Trace.ExistingFile = .refuse) throws {
        let writer = try TraceWriter(path: path, metadata: trace.metadata, options: .init(existing: existing))
        for comm in trace.comms { _ = writer.comm(comm) }
        for event in trace.events { try writer.append(event) }
        try writer.finish()
    }
}
