import Counts
import Policy
import PolicyFile
import Replay
import Synchronization
import Timeline
import Trace

/// Replays trace files under policies, reading each trace once for as long as there is room for it.
public final class TraceReplay: Sendable {
    /// Operations kept in memory, over all traces.
    private static let roomForOperations = 64 << 20

    private let hostEvents: HostEventsFile?
    private let laws: LawWatch
    private let kept = Mutex<(timelines: [String: Timeline], order: [String])>(([:], []))

    /// - Parameters:
    ///   - hostEvents: what the user says about host events that no trace shows.
    ///   - laws: whether the conformance laws are watched; a policy that breaks one cannot be used.
    public init(hostEvents: HostEventsFile? = nil, laws: LawWatch = .off) {
        self.hostEvents = hostEvents
        self.laws = laws
    }

    /// What the trace at `path` means.
    ///
    /// - Throws: `TraceError`.
    public func timeline(_ path: String) throws -> Timeline {
        if let known = kept.withLock({ $0.timelines[path] }) { return known }
        let reader = try TraceReader(path: path)
        let recorded = try reader.metadata.recordedPolicy.flatMap { try PolicyCatalogue.rules(named: $0) }
        let timeline = try Timeline(reader, hostEvents: hostEvents, recordedRules: recorded)
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
        let policy = try PolicyInput.played(policy)
        let timeline = try timeline(path)
        do throws(ReplayFailure) {
            return try Replayer.replay(
                timeline, under: policy, trace: path, laws: laws, checkpoints: Baseline.checkpointsKept)
        } catch {
            throw PolicyUnusable(error.description)
        }
    }

    public var function: ReplayFunction { { [self] in try replay($0, $1) } }
}
