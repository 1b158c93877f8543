import PMU

/// Places events on counters exactly as `perf_assign_events()` does (arch/x86/events/core.c, v6.12): greedy by rising
/// weight, fixed counters first, with backtracking only past an event whose constraint is marked overlapping.
///
/// Two habits of the kernel's code are kept, since they decide outcomes: going back to a saved state keeps that
/// state's count of GP placements, so each retry costs one of `gpmax`; and the placements of abandoned branches stay
/// in the answer. A case the kernel would never leave (an overlap event on a fixed counter, retried for ever) ends as
/// unplaceable.
public struct CounterSolver: Sendable {
    public struct Answer: Equatable, Sendable {
        /// Events the walk had not placed when it gave up; 0 is success.
        public var unplaced: Int
        /// The counter of each event, -1 where the walk never reached it.
        public var counters: [Int]

        public init(unplaced: Int, counters: [Int]) {
            self.unplaced = unplaced
            self.counters = counters
        }
    }

    private struct State {
        var weight = 0
        var event = 0
        var counter = 0
        var unplaced = 0
        var gpPlaced = 0
        var used: UInt64 = 0
    }

    private static let savedStates = 2

    private var state = State()
    private var saved: (State, State) = (State(), State())
    private var savedCount = 0
    private var maxWeight = 0

    public init() {}

    /// Places `constraints`, in list order, on at most `gpmax` GP counters.
    public static func place(_ constraints: [Constraint], gpmax: Int) -> Answer {
        var counters = [Int](repeating: -1, count: constraints.count)
        var solver = CounterSolver()
        let unplaced = counters.withUnsafeMutableBufferPointer { out in
            constraints.withUnsafeBufferPointer { solver.place($0, gpmax: gpmax, into: out) }
        }
        return Answer(unplaced: unplaced, counters: counters)
    }

    /// The same without allocating; `counters` has an entry for each constraint and arrives filled with -1.
    public mutating func place(
        _ constraints: UnsafeBufferPointer<Constraint>, gpmax: Int, into counters: UnsafeMutableBufferPointer<Int>
    ) -> Int {
        guard !constraints.isEmpty else { return 0 }
        var least = 64
        maxWeight = 0
        for constraint in constraints {
            least = min(least, constraint.weight)
            maxWeight = max(maxWeight, constraint.weight)
        }
        state = State(weight: least, unplaced: constraints.count)
        savedCount = 0
        while state.event < constraints.count, constraints[state.event].weight != least { state.event += 1 }
        repeat {
            guard findCounter(constraints, gpmax: gpmax) else { break }
            counters[state.event] = state.counter
        } while nextEvent(constraints)
        return state.unplaced
    }

    private mutating func findCounter(_ constraints: UnsafeBufferPointer<Constraint>, gpmax: Int) -> Bool {
        while !tryCounter(constraints, gpmax: gpmax) {
            guard savedCount > 0 else { return false }
            savedCount -= 1
            let abandoned = savedCount == 0 ? saved.0 : saved.1
            if abandoned.counter >= 32 { return false }
            state = abandoned
            state.used &= ~(1 << UInt64(state.counter))
            state.counter += 1
        }
        return true
    }

    private mutating func tryCounter(_ constraints: UnsafeBufferPointer<Constraint>, gpmax: Int) -> Bool {
        guard state.unplaced > 0, state.event < constraints.count else { return false }
        let constraint = constraints[state.event]
        let freeFixed = constraint.mask & ~state.used & ~0xffff_ffff
        if freeFixed != 0 {
            state.counter = freeFixed.trailingZeroBitCount
            state.used |= 1 << UInt64(state.counter)
        } else {
            var candidates = constraint.mask & 0xffff_ffff
            candidates = state.counter >= 32 ? 0 : candidates & (UInt64.max << UInt64(state.counter))
            var found = false
            while candidates != 0 {
                let counter = candidates.trailingZeroBitCount
                candidates &= candidates - 1
                var bits: UInt64 = 1 << UInt64(counter)
                if constraint.kind == .pair { bits |= bits << 1 }
                if state.used & bits != 0 { continue }
                state.gpPlaced += 1
                if state.gpPlaced > gpmax { return false }
                state.used |= bits
                state.counter = counter
                found = true
                break
            }
            guard found else { return false }
        }
        if constraint.kind == .overlap { save() }
        return true
    }

    private mutating func save() {
        guard savedCount < CounterSolver.savedStates else { return }
        if savedCount == 0 { saved.0 = state } else { saved.1 = state }
        savedCount += 1
    }

    private mutating func nextEvent(_ constraints: UnsafeBufferPointer<Constraint>) -> Bool {
        guard state.unplaced > 0 else { return false }
        state.unplaced -= 1
        guard state.unplaced > 0 else { return false }
        repeat {
            state.event += 1
            if state.event >= constraints.count {
                state.event = 0
                state.weight += 1
                if state.weight > maxWeight { return false }
            }
        } while constraints[state.event].weight != state.weight
        state.counter = 0
        return true
    }
}
