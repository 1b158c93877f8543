import Host
import PMU

/// When each guest counter really counted, on its vCPU's guest-mode time, and when a recorder saw its value: kept on
/// request, for whoever judges what could be known.
struct CountingLog: Sendable {
    /// One go of a counter.
    struct Stretch: Sendable {
        var vcpu: Int
        var counter: Counter
        /// `RatePhases.key(of:)`.
        var event: UInt64
        /// ns of guest mode; `to` is nil while it counts.
        var from: UInt64
        var to: UInt64?
        /// When its value was read in between, rising, and whether it was when it ended.
        var seen: [UInt64] = []
        var endWasSeen = false
    }

    private(set) var stretches: [Stretch] = []
    /// The last stretch on each physical counter: pCPU * 64 + counter.
    private var last: [Int: Int] = [:]
    private var isOpen: Set<Int> = []

    mutating func start(_ place: Int, vcpu: Int, counter: Counter, event: UInt64, at time: UInt64) {
        last[place] = stretches.count
        isOpen.insert(place)
        stretches.append(Stretch(vcpu: vcpu, counter: counter, event: event, from: time))
    }

    mutating func stop(_ place: Int, at time: UInt64) {
        guard isOpen.remove(place) != nil, let number = last[place] else { return }
        stretches[number].to = time
    }

    /// The counter at `place` was read. `time` is where its guest is.
    mutating func read(_ place: Int, at time: (Int) -> UInt64) {
        guard let number = last[place] else { return }
        let now = time(stretches[number].vcpu)
        if isOpen.contains(place) {
            stretches[number].seen.append(now)
        } else if stretches[number].to == now {
            stretches[number].endWasSeen = true
        }
    }
}
