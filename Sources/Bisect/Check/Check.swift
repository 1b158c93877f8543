import Counts
import Foundation

/// Replays the trace at a path under a policy (a preset's name or a file).
///
/// Throws `PolicyUnusable` where the policy is to blame; every other error is taken for one of the trace.
public typealias ReplayFunction = @Sendable (_ trace: String, _ policy: String) throws -> CountsTable

/// The CI gate: what a policy counts on each trace, against what a baseline says.
public struct Check: Sendable {
    public var baseline: Baseline
    /// The baseline's file, for messages.
    public var baselinePath: String
    /// Added to the baseline's own; the later rule decides.
    public var tolerances: Tolerances
    /// Owners asked for (`guest:VM`, `guest:VM/VCPU`, `host:NAME`); all where empty.
    public var owners: [String]
    public var replay: ReplayFunction

    public init(
        baseline: Baseline, baselinePath: String, tolerances: Tolerances = Tolerances(), owners: [String] = [],
        replay: @escaping ReplayFunction
    ) {
        self.baseline = baseline
        self.baselinePath = baselinePath
        self.tolerances = tolerances
        self.owners = owners
        self.replay = replay
    }

    /// Judges every trace under `policy`.
    ///
    /// - Throws: `CheckProblem` where a trace is not in the baseline or is not the one the baseline was made from, and
    ///   what the replay throws about the trace.
    public func run(_ traces: [CheckedTrace], policy: String) throws -> CheckReport {
        let names = Set(traces.map(\.name))
        return CheckReport(
            policy: policy, baseline: baselinePath, traces: try traces.map { try judge($0, policy: policy) },
            unchecked: baseline.traces.map(\.name).filter { !names.contains($0) })
    }

    /// Judges one trace under `policy`.
    public func judge(_ trace: CheckedTrace, policy: String) throws -> TraceJudgement {
        let reference = try entry(for: trace)
        let table: CountsTable
        do {
            table = try replay(trace.path, policy)
        } catch let unusable as PolicyUnusable {
            return TraceJudgement(trace: trace.name, finding: .unusable(unusable.description))
        }
        return compare(table, with: reference)
    }

    /// The baseline's entry for `trace`, made from the same bytes.
    func entry(for trace: CheckedTrace) throws -> Baseline.Entry {
        guard let entry = baseline.entry(trace.name) else {
            throw CheckProblem("\(baselinePath): no trace \(trace.name) in it; add it with `vpmu check --update`")
        }
        let content = try ContentHash.ofFile(trace.path)
        guard entry.content == content else {
            throw CheckProblem(
                "\(trace.path): not the trace that \(baselinePath) was made from (\(content), not \(entry.content)); "
                    + "if the new one is right, run `vpmu check --update`")
        }
        return entry
    }

    func compare(_ table: CountsTable, with reference: Baseline.Entry) -> TraceJudgement {
        let rules = Tolerances(baseline.tolerances + tolerances.rules)
        // Dates come from checkpoints that both sides keep.
        let ours = table.keepingCheckpoints(reference.table.checkpoints?.times ?? [])
        let diff = TableDiff(
            reference.table, ours, options: DiffOptions(owners: owners),
            perSeries: { rules.options(for: $0, policy: table.policy, owners: owners) })
        let present = Set(diff.series.map(\.key.owner))
        let missing = owners.filter { wanted in !present.contains { $0 == wanted || $0.hasPrefix(wanted + "/") } }
        let concerned = table.taints.filter { taint in
            guard !owners.isEmpty, let owner = taint.owner else { return true }
            return present.contains(owner)
        }
        return TraceJudgement(
            trace: reference.name, finding: .compared(diff), missingOwners: missing, span: table.span, taints: concerned
        )
    }

    /// What a baseline keeps of each trace under `policy`.
    ///
    /// - Throws: `PolicyUnusable`, and what the replay throws about a trace.
    public static func entries(
        _ traces: [CheckedTrace], policy: String, replay: ReplayFunction
    ) throws -> [Baseline.Entry] {
        try traces.map { trace in
            Baseline.Entry(
                name: trace.name, content: try ContentHash.ofFile(trace.path),
                table: try replay(trace.path, policy).forBaseline())
        }
    }
}

extension CountsTable {
    var span: ClosedRange<UInt64>? { start <= end ? start...end : nil }

    /// The table with those of its checkpoints whose times are in `times`; without any unless all are there.
    func keepingCheckpoints(_ times: [UInt64]) -> CountsTable {
        var kept: Checkpoints?
        if let checkpoints, !times.isEmpty {
            let index = Dictionary(
                checkpoints.times.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
            let picked = times.compactMap { index[$0] }
            if picked.count == times.count {
                let all = checkpoints.times.count
                func columns(_ values: [UInt64]) -> [UInt64] {
                    (0..<series.count).flatMap { row in picked.map { values[row * all + $0] } }
                }
                kept = Checkpoints(
                    times: times, counts: columns(checkpoints.counts), silentNs: columns(checkpoints.silentNs))
            }
        }
        return CountsTable(
            policy: policy, trace: trace, start: start, end: end, series: Array(series), checkpoints: kept,
            operations: operations, openLoop: openLoop, displaced: displaced, taints: taints, notices: notices)
    }
}
