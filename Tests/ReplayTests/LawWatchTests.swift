import Counts
import PMU
import Policy
import PolicyFile
import Replay
import Synchronization
import Testing
import Timeline

/// The conformance laws, watched while whole traces are replayed.
@Suite("Laws under replay")
struct LawWatchTests {
    @Test(
        "every policy of the project keeps every law on every trace of it, and watching changes no count",
        arguments: Files.names)
    func presets(_ name: String) throws {
        let timeline = try Timeline(Files.trace(name))
        for rules in try PolicyCatalogue.all() + Files.policies() {
            let watched = try Replayer.replay(timeline, under: PlayedPolicy(rules), laws: .on)
            #expect(watched == Replayer.replay(timeline, under: rules), "\(rules.name)")
        }
    }

    @Test("what the filter keeps from a guest and what is no guest's own counter are broken laws, named")
    func guestLaws() throws {
        let timeline = try Timeline(Files.trace("agent-starves-guest"))
        var rules = PolicyRules.emulated
        rules.guest.choice = .exact
        rules.guest.filter = EventFilterRule(action: .deny, entries: [0xc0])
        // The guest programs 0xc0 on gp0; this policy runs whatever is installed, on gp5 downwards.
        let laws = try violations(timeline, rules) { Obstinate(.anyCounter) }
        #expect(laws.contains(.exactCounter))
        let stubborn = try Timeline(Files.trace("guest-perf-record-intel"))
        let split = try #require(try PolicyCatalogue.rules(named: "static"))
        let reserved = try violations(stubborn, split) {
            Obstinate(.anyCounter)
        }
        #expect(reserved.contains(.reservation))
    }

    @Test("a policy that gives one counter to two events is reported with the law, the time and both events")
    func planted() throws {
        let timeline = try Timeline(Files.trace("agent-starves-guest"))
        let policy = PlayedPolicy(.emulated) { _, _ in Obstinate(.firstCounter) }
        let failure = #expect(throws: ReplayFailure.self) {
            try Replayer.replay(timeline, under: policy, trace: "t.vpt", laws: .on)
        }
        guard case .lawsBroken("obstinate", "t.vpt", let found, let count)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(found.first?.law == .oneHolder)
        #expect(found.first?.event == 1 && found.first?.counter == 0)
        #expect(count >= found.count)
        #expect(failure?.description.contains("law one-holder broken at") == true)
        #expect(failure?.description.contains("event 0 holds it") == true)
        // Nobody looks where nobody asked.
        _ = try Replayer.replay(timeline, under: policy)
    }

    @Test("a policy whose answers change from one replay to the next breaks a law")
    func fickle() throws {
        let timeline = try Timeline(Files.trace("error-cascade"))
        // Each replay asks for it twice: for the recorded ticks and, as it does not do what was recorded, for its own.
        let made = Mutex(0)
        let policy = PlayedPolicy(.emulated) { _, _ in
            Obstinate(
                made.withLock {
                    $0 += 1
                    return $0
                } <= 2 ? .nothing : .lastCounter)
        }
        let failure = #expect(throws: ReplayFailure.self) { try Replayer.replay(timeline, under: policy, laws: .on) }
        guard case .lawsBroken(_, _, let found, _)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(found.map(\.law) == [.sameAnswers])
    }

    private func violations(
        _ timeline: Timeline, _ rules: PolicyRules, _ make: @escaping @Sendable () -> Obstinate
    ) throws -> Set<Law> {
        let policy = PlayedPolicy(rules) { _, _ in make() }
        let failure = #expect(throws: ReplayFailure.self) { try Replayer.replay(timeline, under: policy, laws: .on) }
        guard case .lawsBroken(_, _, let found, _)? = failure else { return [] }
        return Set(found.map(\.law))
    }

    /// Gives counters without asking what is right.
    final class Obstinate: ExternalPolicy {
        enum Habit { case firstCounter, lastCounter, anyCounter, nothing }
        let name = "obstinate"
        private let habit: Habit
        private var specs: [EventSpec] = []
        private var next = 6

        init(_ habit: Habit) { self.habit = habit }

        func perform(_ operation: PolicyOperation) throws(PolicyFailure) -> PolicyAnswer {
            switch operation {
            case .create(_, let spec, _): specs.append(spec)
            case .install(let event) where habit != .nothing:
                guard case .pcpu(let pcpu) = specs[event].scope else {
                    return habit == .anyCounter ? start(event, on: 0) : PolicyAnswer()
                }
                if habit == .lastCounter, event > 0 { break }
                return start(event, on: pcpu)
            default: break
            }
            return PolicyAnswer()
        }

        private func start(_ event: EventID, on pcpu: Int) -> PolicyAnswer {
            next = next == 0 ? 5 : next - 1
            let counter = habit == .firstCounter ? 0 : habit == .lastCounter ? 33 : next
            return PolicyAnswer(steps: [
                .sectionBegin(pcpu: pcpu), .state(pcpu: pcpu, event: event, .active),
                .start(pcpu: pcpu, event: event, counter: counter), .sectionEnd(pcpu: pcpu),
            ])
        }
    }
}
