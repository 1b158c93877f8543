import Counts
import Dispatch
import Host
import Policy
import Synchronization
import Timeline

extension Replayer {
    /// The counts of `timeline` under a policy that may be somebody else's, with the laws watched if asked for.
    ///
    /// - Parameter ticks: whose multiplexing ticks to take.
    /// - Throws: `ReplayFailure` if the policy failed or broke a law; there are no counts then.
    public static func replay(
        _ timeline: Timeline, under policy: PlayedPolicy, trace: String? = nil, laws: LawWatch = .off,
        ticks: Ticks = .recordedWhereAlike, checkpoints: Int = 0
    ) throws(ReplayFailure) -> CountsTable {
        let manner = Manner(trace: trace, laws: laws, ticks: ticks, checkpoints: checkpoints)
        let played = try judged(timeline, policy, manner)
        let first = played.replayer
        if laws == .on {
            let again = Manner(trace: trace, laws: laws, ticks: ticks)
            let second = try judged(timeline, policy, again).replayer
            let (one, other) = (first.digest, second.digest)
            if one != other {
                let violation = LawViolation(
                    law: .sameAnswers, time: timeline.end, pcpu: -1, event: -1, counter: -1,
                    detail: "two replays of the same operations differ")
                throw .lawsBroken(policy: first.rules.name, trace: trace, [violation], count: 1)
            }
        }
        return first.table(trace: trace).dated(by: played.looks)
    }

    /// One table for each policy, in their order, on up to `threads` threads.
    ///
    /// - Throws: the failure of the first policy, in their order, that failed.
    public static func replay(
        _ timeline: Timeline, under policies: [PlayedPolicy], threads: Int, trace: String? = nil,
        laws: LawWatch = .off
    ) throws(ReplayFailure) -> [CountsTable] {
        let results = Mutex([Result<CountsTable, ReplayFailure>?](repeating: nil, count: policies.count))
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(max(threads, 1), max(policies.count, 1))) { _ in
            while true {
                let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if number >= policies.count { return }
                let result: Result<CountsTable, ReplayFailure>
                do throws(ReplayFailure) {
                    result = .success(try replay(timeline, under: policies[number], trace: trace, laws: laws))
                } catch {
                    result = .failure(error)
                }
                results.withLock { $0[number] = result }
            }
        }
        var tables: [CountsTable] = []
        for result in results.withLock({ $0 }) {
            if let result { tables.append(try result.get()) }
        }
        return tables
    }

    /// Every change of who holds a physical counter under a policy, in the order in which they are made. No record
    /// shows them: their `event` is `.max`.
    ///
    /// - Throws: `ReplayFailure` if the policy failed.
    public static func decisions(_ timeline: Timeline, under policy: PlayedPolicy) throws(ReplayFailure) -> [Decision] {
        let played = try judged(timeline, policy, Manner(logsDecisions: true))
        return played.replayer.loggedDecisions
    }

    @inline(never)
    private var loggedDecisions: [Decision] { machine.scheduler.sink.laws?.base.decisions ?? [] }

    /// A digest of every step of the policy, where the laws were watched.
    ///
    /// Not inlined: the optimiser of Swift 6.3 gives up where it is.
    @inline(never)
    var digest: UInt64? { machine.scheduler.sink.laws?.digest }

    /// Somebody else's policy that answers the recorded ticks of the multiplexing timer with every step that the
    /// recording policy takes has reproduced the recording, and is judged as the recording policy is. Any other keeps
    /// its own timer.
    private static func judged(
        _ timeline: Timeline, _ policy: PlayedPolicy, _ manner: Manner
    ) throws(ReplayFailure) -> Played {
        guard let maker = policy.external else {
            return try play(timeline, policy.rules, nil, manner)
        }
        if manner.ticks == .recordedWhereAlike, decideAlike(policy.rules, timeline.recordedRules) {
            var played = try play(timeline, policy.rules, maker, manner)
            if played.replayer.digest == recordedDigest(timeline) {
                played.replayer.stepsAsRecorded = true
                return played
            }
        }
        var own = manner
        own.ticks = .own
        return try play(timeline, policy.rules, maker, own)
    }

    private static func play(
        _ timeline: Timeline, _ rules: PolicyRules, _ maker: PlayedPolicy.Maker?, _ manner: Manner
    ) throws(ReplayFailure) -> Played {
        var replayer = Replayer(timeline: timeline, rules: rules, ticks: manner.ticks)
        if manner.laws == .on || manner.logsDecisions || maker != nil {
            replayer.watchLaws(
                logging: manner.logsDecisions ? DecisionLog(pcpus: timeline.demand.actors.pcpus) : DecisionLog())
        }
        if let maker {
            do throws(PolicyFailure) {
                let external = try maker(timeline.model, timeline.demand.actors.pcpus)
                replayer.rules.name = external.name
                replayer.machine.scheduler.delegate(to: external)
            } catch {
                throw .policy(error)
            }
        }
        let looks = replayer.run(checkpoints: manner.checkpoints)
        if let failure = replayer.machine.scheduler.failure { throw .policy(failure) }
        if manner.laws == .on, let failure = replayer.brokenLaws(manner.trace) { throw failure }
        return Played(replayer: replayer, looks: looks)
    }

    /// How a policy is played, and what is kept of it.
    private struct Manner {
        var trace: String?
        var laws = LawWatch.off
        var ticks = Ticks.recordedWhereAlike
        var checkpoints = 0
        var logsDecisions = false
    }

    /// A replay that is over, and what was looked at on the way.
    private struct Played {
        var replayer: Replayer
        var looks: [(time: UInt64, table: CountsTable)]
    }

    @inline(never)
    private func brokenLaws(_ trace: String?) -> ReplayFailure? {
        guard let checker = machine.scheduler.sink.laws, checker.violationCount > 0 else { return nil }
        return .lawsBroken(policy: rules.name, trace: trace, checker.violations, count: checker.violationCount)
    }

    /// A digest of the recording policy's steps.
    private static func recordedDigest(_ timeline: Timeline) -> UInt64? {
        var replayer = Replayer(timeline: timeline, rules: timeline.recordedRules)
        replayer.watchLaws()
        replayer.run()
        return replayer.digest
    }

    private mutating func watchLaws(logging log: DecisionLog = DecisionLog()) {
        var checker = LawChecker(
            pcpus: timeline.demand.actors.pcpus, gp: timeline.model.gp, fixed: timeline.model.fixed, rules: rules,
            base: log)
        checker.guestRules = machine.scheduler.guestRules
        checker.forbids = machine.forbiddenToGuests()
        machine.scheduler.sink.laws = checker
    }
}
