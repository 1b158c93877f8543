/// SplitMix64: the same seed gives the same numbers everywhere.
struct SeededRandom: Sendable {
    private var state: UInt64

    /// A stream of its own for each purpose, so that one actor's choices do not move another's.
    init(seed: UInt64, purpose: String) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in purpose.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        state = seed ^ hash
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: UInt64) -> UInt64 { bound == 0 ? 0 : next().multipliedFullWidth(by: bound).high }

    /// `value` more or less by up to `percent`, at least 1.
    mutating func varied(_ value: UInt64, percent: UInt64) -> UInt64 {
        guard percent > 0 else { return value }
        let span = value / 100 * percent
        return max(1, value - span + below(2 * span + 1))
    }
}
