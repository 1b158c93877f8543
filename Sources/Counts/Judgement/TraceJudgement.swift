/// What a check found out about one trace: its difference from the baseline, or why there is none.
public struct TraceJudgement: Equatable, Sendable {
    /// The trace as baselines and reports call it.
    public var trace: String
    public var finding: Finding
    /// Owners that were asked for and are in neither the trace nor the baseline.
    public var missingOwners: [String]
    /// First and last time of the trace, ns of its clock.
    public var span: ClosedRange<UInt64>?
    /// Intervals in which the trace cannot be trusted, as the replay reports them.
    public var taints: [Taint]

    public enum Finding: Equatable, Sendable {
        case compared(TableDiff)
        /// The policy could not be built, loaded or asked.
        case unusable(String)
    }

    public init(
        trace: String, finding: Finding, missingOwners: [String] = [], span: ClosedRange<UInt64>? = nil,
        taints: [Taint] = []
    ) {
        self.trace = trace
        self.finding = finding
        self.missingOwners = missingOwners
        self.span = span
        self.taints = taints
    }

    /// The worst over the owners asked for; an owner that is not there cannot be judged.
    public var verdict: Verdict {
        switch finding {
        case .unusable: .cannotJudge
        case .compared(let diff): max(diff.verdict, missingOwners.isEmpty ? .same : .cannotJudge)
        }
    }

    /// The comparison, nil where there is none.
    public var diff: TableDiff? {
        if case .compared(let diff) = finding { return diff }
        return nil
    }

    /// The worst over each VM's vCPUs, and each host owner by itself, in canonical order.
    public var groups: [GroupVerdict] {
        var result: [GroupVerdict] = []
        for owner in diff?.owners ?? [] {
            let name = Self.group(of: owner.owner)
            if result.last?.name != name { result.append(GroupVerdict(name: name, verdict: .same, owners: [])) }
            let last = result.count - 1
            result[last].verdict = max(result[last].verdict, owner.verdict)
            result[last].owners.append(owner)
        }
        return result
    }

    /// `guest:VM` for `guest:VM/VCPU`; a host owner is its own group.
    static func group(of owner: String) -> String {
        guard owner.hasPrefix("guest:"), let slash = owner.lastIndex(of: "/") else { return owner }
        return String(owner[..<slash])
    }

    public struct GroupVerdict: Equatable, Sendable {
        /// `guest:VM` or `host:NAME`.
        public var name: String
        public var verdict: Verdict
        public var owners: [TableDiff.OwnerVerdict]
    }
}

/// What a check found out about all traces under one policy.
public struct CheckReport: Equatable, Sendable {
    /// The policy judged and the baseline's file, as the user named them.
    public var policy: String
    public var baseline: String
    /// In canonical order of the traces' names.
    public var traces: [TraceJudgement]
    /// Traces the baseline has and this check was not given.
    public var unchecked: [String]

    public init(policy: String, baseline: String, traces: [TraceJudgement], unchecked: [String] = []) {
        self.policy = policy
        self.baseline = baseline
        self.traces = traces.sorted { NaturalOrder.less($0.trace, $1.trace) }
        self.unchecked = unchecked
    }

    /// The worst over all traces.
    public var verdict: Verdict { traces.map(\.verdict).max() ?? .same }
}
