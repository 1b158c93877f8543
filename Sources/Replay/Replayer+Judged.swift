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
        let played = try judged(timeline, policy, trace, laws, ticks, checkpoints)
        let first = played.replayer
        if laws == .on {
            let second = try judged(timeline, policy, trace, laws, ticks, 0).replayer
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

    /// A digest of every step of the policy, where the laws were watched.
    ///
    /// Not inlined: the optimiser of Swift 6.3 gives up where it is.
    @inline(never)
    var digest: UInt64? { machine.scheduler.sink.laws?.digest }

    /// Somebody else's policy that answers the recorded ticks of the multiplexing timer with every step that the
    /// recording policy takes has reproduced the recording, and is judged as the recording policy is. Any other keeps
    /// its own timer.
    private static func judged(
        _ timeline: Timeline, _ policy: PlayedPolicy, _ trace: String?, _ laws: LawWatch, _ ticks: Ticks,
        _ checkpoints: Int
    ) throws(ReplayFailure) -> Played {
        guard let maker = policy.external else {
            return try play(timeline, policy.rules, nil, trace, laws, ticks, checkpoints)
        }
        if ticks == .recordedWhereAlike, decideAlike(policy.rules, timeline.recordedRules) {
            var played = try play(timeline, policy.rules, maker, trace, laws, ticks, checkpoints)
            if played.replayer.digest == recordedDigest(timeline) {
                played.replayer.stepsAsRecorded = true
                return played
            }
        }
        return try play(timeline, policy.rules, maker, trace, laws, .own, checkpoints)
    }

    private static func play(
        _ timeline: Timeline, _ rules: PolicyRules, _ maker: PlayedPolicy.Maker?, _ trace: String?, _ laws: LawWatch,
        _ ticks: Ticks, _ checkpoints: Int
    ) throws(ReplayFailure) -> Played {
        var replayer = Replayer(timeline: timeline, rules: rules, ticks: ticks)
        if laws == .on || maker != nil { replayer.watchLaws() }
        if let maker {
            do throws(PolicyFailure) {
                let external = try maker(timeline.model, timeline.demand.actors.pcpus)
                replayer.rules.name = external.name
                replayer.machine.scheduler.delegate(to: external)
            } catch {
                throw .policy(error)
            }
        }
        let looks = replayer.run(checkpoints: checkpoints)
        if let failure = replayer.machine.scheduler.failure { throw .policy(failure) }
        if laws == .on, let failure = replayer.brokenLaws(trace) { throw failure }
        return Played(replayer: replayer, looks: looks)
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

    private mutating func watchLaws() {
        var checker = LawChecker(
            pcpus: timeline.demand.actors.pcpus, gp: timeline.model.gp, fixed: timeline.model.fixed, rules: rules,
            base: NoListener())
        checker.guestRules = machine.scheduler.guestRules
        checker.forbids = machine.forbiddenToGuests()
        machine.scheduler.sink.laws = checker
    }
}

/// Listens to nothing: what the law checker passes steps on to where a replay watches it.
struct NoListener: PMUSink {}
