/// perf's generic hardware events (`PERF_COUNT_HW_*`, include/uapi/linux/perf_event.h).
public enum GenericEvent: String, Sendable, CaseIterable, Codable {
    case cycles
    case instructions
    case cacheReferences = "cache-references"
    case cacheMisses = "cache-misses"
    case branches
    case branchMisses = "branch-misses"
    case busCycles = "bus-cycles"
    case stalledFrontend = "stalled-cycles-frontend"
    case stalledBackend = "stalled-cycles-backend"
    case refCycles = "ref-cycles"

    /// perf's other spellings (tools/perf/util/parse-events.c, `event_symbols_hw`).
    static let aliases: [String: GenericEvent] = [
        "cpu-cycles": .cycles, "branch-instructions": .branches, "idle-cycles-frontend": .stalledFrontend,
        "idle-cycles-backend": .stalledBackend,
    ]

    /// The event in any of perf's spellings, lower case.
    public init?(spelling: String) {
        guard let event = GenericEvent(rawValue: spelling) ?? GenericEvent.aliases[spelling] else { return nil }
        self = event
    }
}
