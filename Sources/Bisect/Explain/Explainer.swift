import Counts
import Host
import PMU
import Policy
import Timeline
import Trace

/// Finds the first differing decision of two policies and says why it differs.
public struct Explainer {
    let timeline: Timeline
    let rulesA: PolicyRules
    let rulesB: PolicyRules

    public init(_ timeline: Timeline, a: PolicyRules, b: PolicyRules) {
        self.timeline = timeline
        rulesA = a
        rulesB = b
    }

    /// Which difference is wanted: the first of all, or the first that a filter lets through.
    public struct Wanted: Sendable, Equatable {
        /// Only differences in which this owner (`guest:VM`, `guest:VM/VCPU`, `host:NAME`) gains or loses a counter.
        public var owner: String?
        /// Only differences at or after this time, ns.
        public var from: UInt64

        public init(owner: String? = nil, from: UInt64 = 0) {
            self.owner = owner
            self.from = from
        }
    }

    /// - Returns: nil where the policies decide alike from beginning to end, as far as wanted.
    public func explain(_ wanted: Wanted = Wanted()) -> Explanation? {
        var search = LockStep(timeline, a: rulesA, b: rulesB, accepts: accepts(wanted))
        guard let difference = search.firstDifference() else { return nil }
        let after = (a: search.a, b: search.b)
        let before = search.before(difference)
        return explain(difference, before: before, after: after)
    }

    /// Whether a difference is one that is wanted.
    func accepts(_ wanted: Wanted) -> LockStep.Filter {
        guard wanted.owner != nil || wanted.from > 0 else { return { _, _, _ in true } }
        let names = Names(timeline)
        return { time, a, b in
            guard time >= wanted.from else { return false }
            guard let owner = wanted.owner else { return true }
            return [a, b].contains { holder in
                holder.map { names.owner($0) == owner || names.owner($0).hasPrefix(owner + "/") } ?? false
            }
        }
    }

    private func explain(
        _ difference: FirstDifference, before: (a: PolicyPlayer, b: PolicyPlayer),
        after: (a: PolicyPlayer, b: PolicyPlayer)
    ) -> Explanation {
        let names = Names(timeline)
        let (subject, counter, side) = choose(difference, after: after)
        let without = side == .a ? after.a : after.b
        let earlier = side == .a ? before.a : before.b
        let with = side == .a ? after.b : after.a
        let counterCase = CounterCase(
            timeline: timeline, names: names, difference: difference, subject: subject, counter: counter,
            without: without,
            earlier: earlier, with: with)
        let deciding = deciding(difference, subject)
        var doubts = doubts(difference, subject)
        let mechanism = counterCase.mechanism
        if deciding.isEmpty { doubts.append("no single rule makes the difference go away: several decide together") }
        return Explanation(
            policyA: rulesA.name, policyB: rulesB.name, difference: difference,
            subject: Explanation.Subject(
                owner: names.owner(subject), counter: names.counter(subject), event: counterCase.eventName,
                priority: counterCase.priorityName, goesWithout: side),
            holderA: difference.a.map(names.full), holderB: difference.b.map(names.full), trigger: trigger(difference),
            candidates: candidates(counterCase, before: before, names), mechanism: mechanism,
            account: counterCase.account,
            deciding: deciding.map {
                Explanation.DecidingRule(rule: $0.name, a: $0.value(rulesA), b: $0.value(rulesB))
            },
            cause: cause(mechanism, deciding, difference, doubts: timeline.taint(at: difference) != nil), cost: nil,
            accesses: [], doubts: doubts)
    }

    /// Who it is about: who has a counter of the pCPU under one policy and none under the other, a guest before a host;
    /// where everybody has one, who has the differing counter.
    private func choose(
        _ difference: FirstDifference, after: (a: PolicyPlayer, b: PolicyPlayer)
    ) -> (holder: CounterHolder, counter: Counter, side: Explanation.Subject.Side) {
        func holders(_ player: PolicyPlayer) -> [(CounterHolder, Counter)] {
            (0..<64).compactMap { index in
                CounterHolder(code: player.machine.scheduler.sink.holders[difference.pcpu << 6 | index])
                    .map { ($0, Counter(index: UInt8(index))) }
            }
        }
        let (a, b) = (holders(after.a), holders(after.b))
        let (setA, setB) = (Set(a.map(\.0)), Set(b.map(\.0)))
        let losers: [(holder: CounterHolder, counter: Counter, side: Explanation.Subject.Side)] =
            a.filter { !setB.contains($0.0) }.map { ($0.0, $0.1, .b) }
            + b.filter { !setA.contains($0.0) }.map { ($0.0, $0.1, .a) }
        let wanted = losers.filter { one in one.holder == difference.a || one.holder == difference.b }
        for candidates in [wanted, losers] {
            let guest = candidates.first { if case .guest = $0.holder { true } else { false } }
            if let found = guest ?? candidates.first { return found }
        }
        if let a = difference.a { return (a, difference.counter, .b) }
        guard let b = difference.b else { preconditionFailure("a difference without holders") }
        return (b, difference.counter, .a)
    }

    /// The rules of the policy that goes without which, taken over from the other, make this very difference go away.
    private func deciding(_ difference: FirstDifference, _ subject: CounterHolder) -> [RuleKnob] {
        RuleKnob.all.filter { knob in
            guard knob.differs(rulesA, rulesB) else { return false }
            var mixed = rulesB
            knob.take(&mixed, rulesA)
            return !shows(difference, a: rulesA, b: mixed)
        }
    }

    /// Whether the two rules still differ at the place and moment of `difference`.
    private func shows(_ difference: FirstDifference, a: PolicyRules, b: PolicyRules) -> Bool {
        var search = LockStep(
            timeline, a: a, b: b,
            accepts: { [difference] time, x, y in
                time > difference.time || time == difference.time && x == difference.a && y == difference.b
            })
        return search.firstDifference(upTo: difference.operation)?.time == difference.time
    }

    private func cause(
        _ mechanism: Explanation.Mechanism, _ deciding: [RuleKnob], _ difference: FirstDifference, doubts isLossy: Bool
    ) -> Explanation.Cause {
        if isLossy { return .loss }
        if mechanism == .refused { return .refusal }
        if let rule = deciding.first {
            if rule.cause == .handOver, rulesA.guest.access == .none || rulesB.guest.access == .none { return .noPMU }
            if rule.cause == .misfitBlocksLater, mechanism == .groupMisfit { return .groupMisfit }
            return rule.cause
        }
        switch mechanism {
        case .noEvent, .off: return .noPMU
        case .refused: return .refusal
        case .otherCounter, .constraint: return .constraint
        case .errorKept: return .errorKept
        case .error, .displaced: return .displacement
        case .waiting: return difference.trigger == .tick ? .rotation : .priority
        case .groupMisfit: return .groupMisfit
        case .handedOver: return .handOver
        }
    }

    private func trigger(_ difference: FirstDifference) -> String {
        guard difference.trigger == .operation, timeline.demand.operations.indices.contains(difference.operation) else {
            return "the multiplexing timer of cpu \(difference.pcpu)"
        }
        return Names(timeline).words(timeline.demand.operations[difference.operation])
    }

    private func candidates(
        _ counterCase: CounterCase, before: (a: PolicyPlayer, b: PolicyPlayer), _ names: Names
    ) -> [Explanation.Candidate] {
        counterCase.allowed.map { counter in
            func holder(_ player: PolicyPlayer) -> String? {
                CounterHolder(
                    code: player.machine.scheduler.sink.holders[counterCase.difference.pcpu << 6 | Int(counter.index)]
                ).map(names.full)
            }
            return Explanation.Candidate(
                counter: counter.description, holderA: holder(before.a), holderB: holder(before.b))
        }
    }

    private func doubts(_ difference: FirstDifference, _ subject: CounterHolder) -> [String] {
        var doubts: [String] = []
        if let taint = timeline.taint(at: difference) {
            doubts.append(
                "the trace is incomplete on cpu \(difference.pcpu) from \(taint.from) to \(taint.to) ns: \(taint.cause)"
            )
        }
        for holder in [difference.a, difference.b] {
            guard case .host(let index)? = holder else { continue }
            for item in timeline.inferred where item.hostEvent == index {
                doubts.append("inferred demand: \(item.what)")
            }
        }
        return doubts
    }
}

extension Timeline {
    /// The taint in which a decision lies, if any.
    func taint(at difference: FirstDifference) -> TimelineTaint? {
        taints.first { taint in
            taint.from <= difference.time && difference.time <= taint.to
                && (taint.pcpu == nil || taint.pcpu == difference.pcpu)
        }
    }
}
