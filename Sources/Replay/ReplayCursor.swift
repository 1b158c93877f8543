import Counts
import Policy
import Timeline

/// A replay that can be stopped, copied and read anywhere: what a search for a moment needs.
///
/// A copy is a checkpoint; playing on from it gives exactly what the original gives.
public struct ReplayCursor {
    private var replayer: Replayer
    private let operations: Int
    /// Operations played so far.
    public private(set) var position = 0

    public init(_ timeline: Timeline, under rules: PolicyRules) {
        replayer = Replayer(timeline: timeline, rules: rules)
        operations = timeline.demand.operations.count
    }

    /// Plays on until `target` operations have been played, or all.
    public mutating func advance(to target: Int) {
        let target = min(target, operations)
        guard target > position else { return }
        replayer.play(position..<target)
        position = target
    }

    /// What had been counted by `time`, which is not before the last operation played and before the next one.
    ///
    /// - Parameter wants: whether an owner's rows are wanted.
    public func table(at time: UInt64, wants: (String) -> Bool = { _ in true }) -> CountsTable {
        var copy = replayer
        copy.end(at: time)
        return copy.table(trace: nil, wants: wants)
    }
}
