import PMU
import Plugin
import Policy
import Testing

/// What a policy in C may hear and say beside what it must.
@Suite("Optional operations of policies in C", .enabled(if: Workshop.compiler != nil, "needs a C compiler"))
struct OptionalOperationTests {
    private static let operations: [(PolicyOperation, Int)] = [
        (.overflow(pcpu: 0, 0), 1), (.enterGuest(pcpu: 0, vcpu: 3), 2), (.exitGuest(pcpu: 0, vcpu: 3), 3),
        (.createVM(1), 4), (.destroyVM(1), 5), (.offline(pcpu: 0), 6),
    ]

    private func spec(_ priority: EventSpec.Priority, _ owner: EventOwner = .host(0)) -> EventSpec {
        EventSpec(
            config: 0xc4, constraint: Constraint(mask: 0xf), priority: priority, scope: .pcpu(0), owner: owner)
    }

    @Test("a policy hears each operation that it has a function for")
    func heard() throws {
        try Workshop.with("Tests/PluginTests/Optional/listener.c") { path in
            let policy = try Workshop.load(path)
            for (operation, times) in Self.operations {
                let steps = try policy.perform(operation).steps
                #expect(steps == [PolicyStep](repeating: .timerWanted(pcpu: 0), count: times), "\(operation)")
            }
        }
    }

    @Test("a policy built for the first release of the interface hears none of them, and refuses nothing")
    func firstRelease() throws {
        try Workshop.with("Tests/PluginTests/Optional/listener.c", define: "FIRST_RELEASE") { path in
            let policy = try Workshop.load(path)
            for (operation, _) in Self.operations { #expect(try policy.perform(operation).steps.isEmpty) }
            #expect(try policy.perform(.create(0, spec(.flexible), leader: 0)).refusal == nil)
        }
    }

    @Test("an event that is not admitted is refused by its errno, others are let in")
    func admission() throws {
        try Workshop.with("Tests/PluginTests/Optional/listener.c") { path in
            let policy = try Workshop.load(path)
            #expect(try policy.perform(.create(0, spec(.flexible), leader: 0)).refusal == .busy)
            #expect(try policy.perform(.create(1, spec(.pinned), leader: 1)).refusal == nil)
            let guest = EventOwner.guest(vcpu: 0, counter: .gp(0))
            #expect(try policy.perform(.create(2, spec(.flexible, guest), leader: 2)).refusal == nil)
        }
    }

    @Test("in a replay the users of refused events see the errno, and their events never run")
    func replayed() throws {
        try Workshop.with("Tests/PluginTests/Optional/listener.c") { path in
            let trace = Workshop.package.appendingPathComponent("Traces/oversubscribed-agent.vpt").path
            let outcome = try Workshop.run(["replay", trace, "--policy", path, "--json"])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("perf_event_open answers EBUSY"))
            #expect(outcome.output.components(separatedBy: "refused with EBUSY").count > 5)
        }
    }
}
