/// What a trace may hold beside the tracepoints of every recording; each is off unless somebody asks for it.
public enum OptionalSource: String, Sendable, CaseIterable {
    /// `syscalls:sys_enter_perf_event_open`: who asks for perf events, for which thread and CPU. The attr is a pointer
    /// into the caller's memory: which event it asks for, and whether it leaves guests out, is in no record.
    case opens
    /// `sched:sched_process_fork` and `sched:sched_process_exit`: when a thread's id becomes another thread's.
    case threads
    /// `kvm:kvm_apic_accept_irq`: interrupts that guests' APICs take, those of their counters among them.
    case interrupts
    /// At the start, which processes hold perf events (`TraceMetadata.perfEventHolders`); no tracepoint.
    case holders

    public var kinds: [EventKind] {
        switch self {
        case .opens: [.perfEventOpen]
        case .threads: [.processFork, .processExit]
        case .interrupts: [.acceptIRQ]
        case .holders: []
        }
    }

    /// Reads a list such as `opens,threads`, or `all`; nil where a word is none of them.
    public static func list(_ text: String) -> Set<OptionalSource>? {
        if text == "all" { return Set(allCases) }
        var sources: Set<OptionalSource> = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let source = OptionalSource(rawValue: String(word)) else { return nil }
            sources.insert(source)
        }
        return sources
    }

    /// The words of a list, for whoever got one wrong.
    public static let words = allCases.map(\.rawValue).joined(separator: ", ") + " or all"
}
