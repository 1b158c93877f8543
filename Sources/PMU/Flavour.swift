/// How a PMU is driven: which registers a change of counters touches, and in which order.
public enum Flavour: String, Sendable, Codable, CaseIterable {
    /// Intel architectural perfmon version 2 and later: GLOBAL_CTRL brackets each change.
    case intel
    /// AMD with PERF_CTL0...5 and no global control (Family 15h to Zen 3).
    case amdCoreExt = "amd_core_ext"
    /// AMD PerfMonV2 (Zen 4 and later): GLOBAL_CTL brackets each change.
    case amdV2 = "amd_v2"
}
