import Foundation

/// Things measured in turn, round after round, so that a slow minute of the machine slows all of them.
public struct Rounds: Sendable {
    /// Seconds by contender, one per round.
    private(set) var seconds: [String: [Double]] = [:]

    public init() {}

    /// Runs every contender `rounds` times in turn. A contender returns the seconds it wants counted, or nil for all
    /// the wall time it took.
    mutating func run(_ rounds: Int, _ contenders: [(name: String, work: () throws -> Double?)]) throws {
        for _ in 0..<rounds {
            for contender in contenders {
                let start = Rounds.now()
                let own = try contender.work()
                seconds[contender.name, default: []].append(own ?? Rounds.now() - start)
            }
        }
    }

    /// The median over rounds.
    func median(_ name: String) -> Double { Rounds.median(seconds[name] ?? []) }

    /// How often `name` would have run while `peer` ran once: the median over rounds of the ratio within a round.
    func speed(_ name: String, over peer: String) -> Double {
        Rounds.median(zip(seconds[peer] ?? [], seconds[name] ?? []).map { $0 / $1 })
    }

    /// The contender among `names` with the least median.
    func fastest(_ names: [String]) -> String { names.min { median($0) < median($1) } ?? "" }

    /// Monotonic seconds.
    static func now() -> Double { read(CLOCK_MONOTONIC) }

    /// CPU seconds of this thread: for work of one thread, as other load does not show in it.
    static func cpu() -> Double { read(CLOCK_THREAD_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return .nan }
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}
