import PMU
import Policy
import Testing

/// `perf_assign_events()`: hand-written cases and a comparison with exhaustive search.
@Suite struct SolverTests {
    static let fixed0: UInt64 = 1 << 32
    static let fixed1: UInt64 = 1 << 33

    static func place(_ masks: [UInt64], gpmax: Int, kind: Constraint.Kind = .plain) -> CounterSolver.Answer {
        CounterSolver.place(masks.map { Constraint(mask: $0) }, gpmax: gpmax)
    }

    @Test("events are placed by rising weight, equals in list order, each on the lowest free counter")
    func order() {
        #expect(Self.place([0xf, 0x3, 0xf, 0x2], gpmax: 4).counters == [2, 0, 3, 1])
    }

    @Test("a fixed counter is taken before any GP counter, the lowest first")
    func fixedFirst() {
        #expect(Self.place([Self.fixed0 | Self.fixed1 | 0xf], gpmax: 4).counters == [32])
        #expect(Self.place([Self.fixed0 | 0xf, Self.fixed0 | 0xf], gpmax: 4).counters == [32, 0])
    }

    @Test("gpmax bounds GP placements only")
    func gpmax() {
        #expect(Self.place([0xf, 0xf, Self.fixed0], gpmax: 2).unplaced == 0)
        #expect(Self.place([0xf, 0xf, 0xf], gpmax: 2) == .init(unplaced: 1, counters: [0, 1, -1]))
    }

    @Test("an event without counters is the first to be tried, and everything fails with it")
    func impossible() {
        #expect(Self.place([0xf, 0, 0x1], gpmax: 4) == .init(unplaced: 3, counters: [-1, -1, -1]))
    }

    @Test("the first event that finds nothing ends the walk; later ones are not tried")
    func givesUp() {
        #expect(Self.place([0x1, 0x1, 0xf], gpmax: 4) == .init(unplaced: 2, counters: [0, -1, -1]))
    }

    @Test("nothing to place is success")
    func empty() { #expect(Self.place([], gpmax: 4) == .init(unplaced: 0, counters: [])) }

    @Test("an overlapping event is moved when what follows needs its counter")
    func backtracking() {
        let overlap = Constraint(mask: 0x9, kind: .overlap)
        let fits = CounterSolver.place(
            [overlap, Constraint(mask: 0x7), Constraint(mask: 0x7), Constraint(mask: 0x7)], gpmax: 6)
        #expect(fits == .init(unplaced: 0, counters: [3, 0, 1, 2]))
        let plain = CounterSolver.place(
            [Constraint(mask: 0x9), Constraint(mask: 0x7), Constraint(mask: 0x7), Constraint(mask: 0x7)], gpmax: 6)
        #expect(plain.unplaced == 1)
    }

    @Test("each return to a saved state costs one GP placement: a full Family 15h house needs gpmax 7")
    func leak() {
        var house = [Constraint(mask: 0x9, kind: .overlap)]
        house += [0x7, 0x7, 0x7, 0x38, 0x38].map { Constraint(mask: $0) }
        #expect(CounterSolver.place(house, gpmax: 6).unplaced != 0)
        #expect(CounterSolver.place(house, gpmax: 7).unplaced == 0)
    }

    @Test("an overlapping event on a fixed counter ends unplaceable instead of looping for ever")
    func overlapOnFixed() {
        let overlap = Constraint(mask: Self.fixed0 | Self.fixed1, kind: .overlap)
        #expect(CounterSolver.place([overlap, Constraint(mask: 0)], gpmax: 4).unplaced != 0)
        #expect(
            CounterSolver.place([overlap, Constraint(mask: Self.fixed0), Constraint(mask: Self.fixed0)], gpmax: 4)
                .unplaced != 0)
    }

    @Test("a pair takes two neighbours and counts once")
    func pairs() {
        let pair = Constraint(mask: 0x15, weight: 3, kind: .pair)
        let any = Constraint(mask: 0x3f)
        #expect(CounterSolver.place([any, pair, any], gpmax: 5).counters == [2, 0, 3])
        #expect(CounterSolver.place([pair, pair, pair], gpmax: 3).counters == [0, 2, 4])
        #expect(CounterSolver.place([pair, pair, pair, any], gpmax: 3).unplaced == 1)
        let blocker = Constraint(mask: 0x2)
        #expect(CounterSolver.place([blocker, pair], gpmax: 5).counters == [1, 2])
    }

    @Test(
        "on the kernel's Intel tables the walk finds a placement whenever there is one",
        arguments: ["skylake-sp", "skylake-sp-noht", "ice-lake-sp", "sapphire-rapids"])
    func complete(_ name: String) throws {
        let model = try #require(ProcessorModel.named(name))
        let codes: [UInt64] = [0xc0, 0x3c, 0x300, 0x1c0, 0xc4, 0xd0, 0x1cd, 0x2cd, 0xa3, 0x4a4, 0x51, 0x412e, 0x400]
        var random = SeededGenerator(seed: 42)
        for _ in 0..<500 {
            let count = Int.random(in: 1...model.gp + model.fixed, using: &random)
            let constraints = (0..<count).map { _ in
                model.constraint(for: codes.randomElement(using: &random) ?? 0xc4)
            }
            let answer = CounterSolver.place(constraints, gpmax: model.gp)
            #expect((answer.unplaced == 0) == Self.hasPlacement(constraints.map(\.mask)))
        }
    }

    /// Whether every event can have a counter of its own: augmenting paths.
    private static func hasPlacement(_ masks: [UInt64]) -> Bool {
        var holder = [Int](repeating: -1, count: 64)
        func seat(_ event: Int, _ visited: inout UInt64) -> Bool {
            for counter in 0..<64 where masks[event] >> UInt64(counter) & 1 != 0 {
                if visited >> UInt64(counter) & 1 != 0 { continue }
                visited |= 1 << UInt64(counter)
                if holder[counter] < 0 || seat(holder[counter], &visited) {
                    holder[counter] = event
                    return true
                }
            }
            return false
        }
        return masks.indices.allSatisfy { event in
            var visited: UInt64 = 0
            return seat(event, &visited)
        }
    }
}

/// The same numbers every time.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
