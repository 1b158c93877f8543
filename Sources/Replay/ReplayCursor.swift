import Counts
import Policy
import Synchronization
import Timeline

/// A replay that can be stopped, copied and read anywhere: what a search for a moment needs.
///
/// A copy is a checkpoint; playing on from it gives exactly what the original gives.
public struct ReplayCursor {
    private var replayer: Replayer
    private let operations: Int
    /// Operations played so far.
    public private(set) var position = 0
    private let meter: PlayMeter?

    /// - Parameter meter: told of every operation that this cursor, and any copy of it, plays.
    public init(_ timeline: Timeline, under rules: PolicyRules, meter: PlayMeter? = nil) {
        replayer = Replayer(timeline: timeline, rules: rules)
        operations = timeline.demand.operations.count
        self.meter = meter
    }

    /// Plays on until `target` operations have been played, or all.
    public mutating func advance(to target: Int) {
        let target = min(target, operations)
        guard target > position else { return }
        replayer.play(position..<target)
        meter?.add(target - position)
        position = target
    }

    /// What had been counted by `time`, which is not before the last operation played and before the next one.
    ///
    /// - Parameter wants: whether an owner's rows are wanted.
    public func table(at time: UInt64, wants: (String) -> Bool = { _ in true }) -> CountsTable {
        var copy = replayer
        copy.passTime(upTo: time)
        copy.end(at: time)
        return copy.table(trace: nil, wants: wants)
    }
}

/// Counts the operations that a search really plays, over all its cursors and their copies: what it costs.
public final class PlayMeter: Sendable {
    private let number = Atomic(0)

    public init() {}

    /// Operations played.
    public var played: Int { number.load(ordering: .relaxed) }

    func add(_ operations: Int) { number.wrappingAdd(operations, ordering: .relaxed) }
}
