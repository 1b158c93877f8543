import Counts
import Testing

@testable import Bisect

@Suite("Delta debugging")
struct DeltaDebuggingTests {
    @Test("what is left still shows it, and nothing of it can be spared", arguments: 0..<40)
    func minimal(_ seed: UInt64) {
        var random = TestRandom(state: seed)
        let count = Int.random(in: 1...60, using: &random)
        let needed = Set(
            (0..<Int.random(in: 1...6, using: &random)).map { _ in Int.random(in: 0..<count, using: &random) })
        let left = DeltaDebugging.indexes(count) { needed.isSubset(of: $0) }
        #expect(Set(left) == needed)
    }

    @Test("with two ways to show it and unresolved mixtures, what is left is one way, 1-minimal")
    func alternatives() {
        func keeps(_ items: some Sequence<Int>) -> Bool {
            let set = Set(items)
            if set.contains(3) != set.contains(4) { return false }
            return set.isSuperset(of: [3, 4]) || set.isSuperset(of: [7, 8, 9])
        }
        let left = DeltaDebugging.indexes(12) { keeps($0) }
        #expect(keeps(left))
        for item in left { #expect(!keeps(left.filter { $0 != item })) }
    }

    @Test("a list of which everything can be spared becomes empty")
    func empty() {
        #expect(DeltaDebugging.indexes(5) { _ in true } == [])
        #expect(DeltaDebugging.indexes(0) { _ in true } == [])
    }
}

@Suite("Bisection over knobs")
struct KnobTests {
    static let a = """
        name: a
        guests: emulated
        pinned-misfit: sticky   # a comment
        reservations:
          - {cpus: all, host: gp0-1}
        vms:
          vm1: {tell-guest: silent}
        """
    static let b = """
        name: b
        pinned-misfit: retry-at-sched-in
        reservations: [{cpus: all,
            host: gp0-1}]
        misfit: try-later
        guests: emulated
        vms:
          vm1: {tell-guest: fault, counter-choice: exact}
        """

    @Test("knobs are the keys whose values differ, however they are laid out")
    func differences() throws {
        let knobs = try PolicyKnobs(Self.a, Self.b)
        #expect(
            knobs.differing.map(\.description) == [
                "misfit: unsaid → try-later", "pinned-misfit: sticky → retry-at-sched-in",
                "vms.vm1.counter-choice: unsaid → exact", "vms.vm1.tell-guest: silent → fault",
            ])
    }

    @Test("a mixture is A with some knobs as in B")
    func mixture() throws {
        let knobs = try PolicyKnobs(Self.a, Self.b)
        let mixed = try PolicyKnobs(Self.a, knobs.mixture([0, 3]))
        #expect(mixed.differing.map(\.path.last) == ["misfit", "tell-guest"])
        #expect(try PolicyKnobs(Self.b, knobs.mixture(0..<4)).differing.isEmpty)
        #expect(try PolicyKnobs(Self.a, knobs.mixture([])).differing.isEmpty)
    }

    private func run(_ isBad: @escaping @Sendable (Set<String>) throws -> Bool) throws -> KnobFinding {
        let knobs = try PolicyKnobs(Self.a, Self.b)
        return try KnobBisection(knobs: knobs) { text in
            let taken = try PolicyKnobs(Self.a, text).differing.map { $0.path.last! }
            return try isBad(Set(taken)) ? .worse : .same
        }.run()
    }

    @Test("one guilty knob is named alone")
    func alone() throws {
        let finding = try run { $0.contains("misfit") }
        #expect(finding.blame == .eachAlone)
        #expect(finding.guilty.map(\.path) == [["misfit"]])
    }

    @Test("two knobs that are guilty only together are named together, contradictory mixtures notwithstanding")
    func together() throws {
        let finding = try run { taken in
            if taken.contains("tell-guest"), !taken.contains("counter-choice") { throw PolicyUnusable("contradiction") }
            return taken.isSuperset(of: ["pinned-misfit", "counter-choice"])
        }
        #expect(finding.blame == .together)
        #expect(finding.guilty.map { $0.path.last } == ["pinned-misfit", "counter-choice"])
        #expect(finding.unusable > 0)
    }

    @Test("a start that is bad and an end that is not are refused")
    func refused() {
        #expect(throws: KnobProblem.startIsBad) { try run { _ in true } }
        #expect(throws: KnobProblem.endIsNotBad(.same)) { try run { _ in false } }
        #expect(throws: PolicyUnusable.self) { try PolicyKnobs("- a", Self.b) }
    }
}
