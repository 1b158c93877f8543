import Counts

/// Which of the differences between two policy files is to blame: each that is guilty alone, else the smallest
/// combination that ddmin finds.
public struct KnobBisection: Sendable {
    public var knobs: PolicyKnobs
    /// The verdict on a mixture's text; throws `PolicyUnusable` where the mixture contradicts itself.
    public var judge: @Sendable (_ policy: String) throws -> Verdict
    public var failOn: ExitStatus.FailOn

    public init(
        knobs: PolicyKnobs, failOn: ExitStatus.FailOn = .worse, judge: @escaping @Sendable (String) throws -> Verdict
    ) {
        self.knobs = knobs
        self.failOn = failOn
        self.judge = judge
    }

    /// - Throws: `KnobProblem` where A is bad itself or B is not, and what `judge` throws about traces.
    public func run() throws -> KnobFinding {
        var known: [[Int]: Verdict?] = [:]
        func isBad(_ taken: [Int]) throws -> Bool {
            let verdict: Verdict?
            if let remembered = known[taken] {
                verdict = remembered
            } else {
                do { verdict = try judge(try knobs.mixture(taken)) } catch is PolicyUnusable { verdict = nil }
                known[taken] = verdict
            }
            return verdict.map { ExitStatus($0, failOn: failOn) == .no } ?? false
        }
        let all = Array(knobs.differing.indices)
        guard try !isBad([]) else { throw KnobProblem.startIsBad }
        guard try isBad(all) else { throw KnobProblem.endIsNotBad(known[all] ?? nil) }
        let alone = try all.filter { try isBad([$0]) }
        let guilty = try alone.isEmpty ? DeltaDebugging.indexes(all.count) { try isBad(Array($0)) } : alone
        return KnobFinding(
            guilty: guilty.map { knobs.differing[$0] }, blame: alone.isEmpty ? .together : .eachAlone,
            differing: knobs.differing, probes: known.count, unusable: known.values.count { $0 == nil })
    }
}

/// What a bisection over knobs found.
public struct KnobFinding: Equatable, Sendable {
    public enum Blame: String, Equatable, Sendable {
        case eachAlone = "each alone"
        case together
    }

    public var guilty: [PolicyKnobs.Knob]
    public var blame: Blame
    public var differing: [PolicyKnobs.Knob]
    /// Mixtures judged, and those among them that contradict themselves.
    public var probes: Int
    public var unusable: Int
}

/// Why a bisection over knobs cannot begin.
public enum KnobProblem: Error, Equatable, CustomStringConvertible {
    case startIsBad
    case endIsNotBad(Verdict?)

    public var description: String {
        switch self {
        case .startIsBad: "policy A is bad already; swap the two, or give a baseline that A meets"
        case .endIsNotBad(let verdict):
            "policy B is not bad on these traces: its verdict is *\(verdict?.name ?? "cannot judge")*"
        }
    }
}
