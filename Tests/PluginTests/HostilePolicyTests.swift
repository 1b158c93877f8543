import PMU
import Plugin
import Policy
import Testing

/// A policy that misbehaves is named with what it was doing, and nothing else is harmed.
@Suite(.enabled(if: Workshop.compiler != nil, "needs a C compiler"))
struct HostilePolicyTests {
    struct Crime: Sendable, CustomTestStringConvertible {
        var name: String
        var reason: String
        var testDescription: String { name }
    }

    static let spec = EventSpec(
        config: 0xc4, constraint: Constraint(mask: 0xf), priority: .pinned, scope: .pcpu(0))

    @Test(
        "a policy that misbehaves in an operation is killed and reported by name, operation and reason",
        arguments: [
            Crime(name: "SEGFAULT", reason: "crashed: Segmentation fault"),
            Crime(name: "ENDLESS_LOOP", reason: "did not answer within 3000 ms"),
            Crime(name: "SLEEPS", reason: "did not answer within 3000 ms"),
            Crime(name: "DOUBLE_BOOKING", reason: "law one-holder broken"),
            Crime(name: "FORK_BOMB", reason: "made a system call that policies may not make"),
            Crime(name: "WRITES_FILE", reason: "made a system call that policies may not make"),
            Crime(name: "KILLS_PARENT", reason: "made a system call that policies may not make"),
            Crime(name: "ABORTS", reason: "crashed: Aborted"),
            Crime(name: "EXITS", reason: "ended by itself with status 7"),
            Crime(name: "OPEN_SECTION", reason: "law inside-section broken"),
            Crime(name: "NO_SUCH_EVENT", reason: "law exists broken"),
            Crime(name: "NO_SUCH_COUNTER", reason: "law exists broken"),
            Crime(name: "FLOOD", reason: "ended by itself with status 3"),
            Crime(name: "GARBAGE", reason: "does not keep to the form of answers"),
        ])
    func contained(_ crime: Crime) throws {
        try Workshop.with("Tests/PluginTests/Hostile/hostile.c", define: "CRIME=\(crime.name)") { path in
            let isSlow = crime.reason.hasPrefix("did not answer")
            let policy = try Workshop.load(path, milliseconds: isSlow ? 3_000 : 20_000)
            #expect(policy.name == "hostile")
            for event in 0..<2 { _ = try policy.perform(.create(event, Self.spec, leader: event)) }
            let failure = #expect(throws: PolicyFailure.self) {
                for event in 0..<2 { _ = try policy.perform(.install(event)) }
            }
            #expect(failure?.policy == "hostile (\(path))")
            #expect(failure?.reason.hasPrefix(crime.reason) == true, "\(failure?.reason ?? "no failure")")
            if case .install? = failure?.operation {
            } else {
                Issue.record("not at install: \(failure.debugDescription)")
            }
            #expect(throws: PolicyFailure.self) { try policy.perform(.enable(0)) }
        }
    }

    @Test(
        "a policy that cannot be loaded is refused with the reason",
        arguments: [
            Crime(name: "WRONG_ABI", reason: "speaks version 99 of the policy interface; this vpmu speaks 1"),
            Crime(name: "NO_TABLE", reason: "exports no vpmu_policy_entry, or that answers NULL"),
            Crime(name: "LOADS_CRASHING", reason: "crashed: Segmentation fault"),
        ])
    func refused(_ crime: Crime) throws {
        try Workshop.with("Tests/PluginTests/Hostile/hostile.c", define: "CRIME=\(crime.name)") { path in
            let failure = #expect(throws: PolicyFailure.self) { try Workshop.load(path) }
            #expect(failure?.operation == nil)
            #expect(failure?.reason == crime.reason)
        }
    }

    @Test("a file that is no shared object, and one that is not there, are refused with the reason")
    func noObject() throws {
        for path in ["/etc/passwd", "/nowhere/at/all.so"] {
            let failure = #expect(throws: PolicyFailure.self) { try Workshop.load(path) }
            #expect(failure?.reason.hasPrefix("cannot be loaded: \(path)") == true)
        }
        #expect(throws: PolicyFailure.self) {
            try PluginPolicy(
                path: "x.so", executable: "/nowhere/vpmu", pcpus: 1, limits: PMULimits(gp: 4, fixed: 3),
                rules: .emulated)
        }
    }

    @Test("after a failure the scheduler stands still, keeps the failure and does nothing to what it reported before")
    func scheduler() throws {
        try Workshop.with("Tests/PluginTests/Hostile/hostile.c", define: "CRIME=DOUBLE_BOOKING") { path in
            var scheduler = CounterScheduler(pcpus: 1, limits: .init(gp: 4, fixed: 3), sink: Steps())
            scheduler.delegate(to: try Workshop.load(path))
            let first = scheduler.create(Self.spec)
            let second = scheduler.create(Self.spec)
            scheduler.install(first)
            #expect(scheduler.failure == nil)
            #expect(scheduler.counter(of: first) == 1)
            let steps = scheduler.sink.count
            scheduler.install(second)
            #expect(scheduler.failure?.operation == .install(second))
            scheduler.rotate(pcpu: 0)
            #expect(scheduler.sink.count == steps)
            #expect(scheduler.counter(of: first) == 1)
        }
    }

    struct Steps: PMUSink {
        var count = 0
        mutating func start(pcpu: Int, event: EventID, counter: Int) { count += 1 }
        mutating func stop(pcpu: Int, event: EventID, counter: Int) { count += 1 }
    }
}
