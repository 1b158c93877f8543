import ArgumentParser
import Counts
import Foundation
import Policy
import PolicyFile
import Replay
import Timeline
import Trace

/// What commands that need a trace's meaning have in common.
struct TimelineArguments: ParsableArguments {
    @Argument(help: "The trace; - is standard input.") var file: String
    @Option(
        help: "A YAML file with host events that no trace shows: name, event, pinned, exclude_guest, cpus or owner.")
    var hostEvents: String?

    /// - Throws: `TraceError` or `HostEventsFile.Problem`.
    func timeline() throws -> Timeline { try opened().timeline }

    /// The trace, and what it means under the policy that its recorder names; standard input can be read only once.
    ///
    /// - Throws: as `timeline()`.
    func opened() throws -> (reader: TraceReader, timeline: Timeline) {
        let (reader, supplied, recorded) = try Self.open(file, hostEvents)
        return (reader, try Timeline(reader, hostEvents: supplied, recordedRules: recorded))
    }

    /// The counts of the trace at `file` under each policy.
    ///
    /// - Throws: as `timeline()`, and `ReplayFailure`.
    static func replay(
        _ file: String, hostEvents: String?, under policies: [PlayedPolicy], threads: Int, laws: LawWatch
    ) throws -> [CountsTable] {
        let (reader, supplied, recorded) = try open(file, hostEvents)
        return try Replayer.replay(
            reader, hostEvents: supplied, recordedRules: recorded, under: policies, threads: threads, trace: file,
            laws: laws)
    }

    private static func open(_ file: String, _ hostEvents: String?) throws -> (
        TraceReader, HostEventsFile?, PolicyRules?
    ) {
        let supplied = try hostEvents.map { try HostEventsFile(contentsOf: $0) }
        let reader = try TraceReader(path: file)
        TraceNotice.complain(about: reader)
        return (reader, supplied, try reader.metadata.recordedPolicy.flatMap { try PolicyCatalogue.rules(named: $0) })
    }
}
