import ArgumentParser
import Foundation
import PolicyFile
import Timeline
import Trace

/// What commands that need a trace's meaning have in common.
struct TimelineArguments: ParsableArguments {
    @Argument(help: "The trace; - is standard input.") var file: String
    @Option(help: "A YAML file with host events that no trace shows: name, event, pinned, exclude_guest, cpus or owner.")
    var hostEvents: String?

    /// - Throws: `TraceError` or `HostEventsFile.Problem`.
    func timeline() throws -> Timeline { try Self.timeline(file, hostEvents: hostEvents) }

    /// What the trace at `file` means, under the policy that its recorder names.
    ///
    /// - Throws: `TraceError` or `HostEventsFile.Problem`.
    static func timeline(_ file: String, hostEvents: String?) throws -> Timeline {
        var supplied: HostEventsFile?
        if let hostEvents { supplied = try HostEventsFile(contentsOf: hostEvents) }
        let reader = try TraceReader(path: file)
        TraceNotice.complain(about: reader)
        let recorded = try reader.metadata.recordedPolicy.flatMap { try PolicyCatalogue.rules(named: $0) }
        return try Timeline(reader, hostEvents: supplied, recordedRules: recorded)
    }
}
