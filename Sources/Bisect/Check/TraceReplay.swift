import Counts
import Policy
import Replay
import Synchronization
import Timeline
import Trace

/// Replays trace files under policies, reading each trace once for as long as there is room for it.
public final class TraceReplay: Sendable {
    /// Operations kept in memory, over all traces.
    private static let roomForOperations = 64 << 20

    private let hostEvents: HostEventsFile?
    private let kept = Mutex<(timelines: [String: Timeline], order: [String])>(([:], []))

    /// - Parameter hostEvents: what the user says about host events that no trace shows.
    public init(hostEvents: HostEventsFile? = nil) { self.hostEvents = hostEvents }

    /// What the trace at `path` means.
    ///
    /// - Throws: `TraceError`.
    public func timeline(_ path: String) throws -> Timeline {
        if let known = kept.withLock({ $0.timelines[path] }) { return known }
        let timeline = try Timeline(try TraceReader(path: path), hostEvents: hostEvents)
        kept.withLock { kept in
            kept.timelines[path] = timeline
            kept.order.append(path)
            while kept.order.count > 1,
                kept.timelines.values.reduce(0, { $0 + $1.demand.operations.count }) > Self.roomForOperations
            {
                kept.timelines[kept.order.removeFirst()] = nil
            }
        }
        return timeline
    }

    /// The counts of the trace at `path` under the policy called `policy`.
    ///
    /// - Throws: `PolicyUnusable`, `UnknownPolicy`, `TraceError`.
    public func replay(_ path: String, _ policy: String) throws -> CountsTable {
        let rules = try PolicyInput.rules(policy)
        return Replayer.replay(try timeline(path), under: rules, trace: path)
    }

    public var function: ReplayFunction { { [self] in try replay($0, $1) } }
}
