import Trace

/// Notices CPUs that go offline or come online while a recording runs.
///
/// A tracing instance keeps a ring for each possible CPU, and goes on when a CPU is back. perf takes the events off a
/// CPU that goes offline (kernel/events/core.c, `perf_event_exit_cpu`) and a recorder that has given up its privileges
/// cannot open new ones: the rest of the recording lacks that CPU, and the trace says so.
struct CPUWatch {
    enum Change: Equatable {
        case left(Int)
        case returned(Int, since: UInt64)
        /// Was not there when the recording began.
        case arrived(Int)
    }

    private let recorded: Set<Int>
    private var online: Set<Int>
    private var gone: [Int: UInt64] = [:]

    init(recorded: [Int], online: [Int]) {
        self.recorded = Set(recorded)
        self.online = Set(online)
    }

    /// CPUs recorded that are offline now, and since when, ns; rising.
    var absent: [(cpu: Int, since: UInt64)] { gone.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }

    /// What has changed since the last look; `now` in ns of the trace's clock.
    mutating func look(_ current: [Int], now: UInt64) -> [Change] {
        let current = Set(current)
        guard current != online else { return [] }
        defer { online = current }
        var changes: [Change] = []
        for cpu in online.subtracting(current).sorted() where recorded.contains(cpu) {
            gone[cpu] = now
            changes.append(.left(cpu))
        }
        for cpu in current.subtracting(online).sorted() {
            if let since = gone.removeValue(forKey: cpu) {
                changes.append(.returned(cpu, since: since))
            } else if !recorded.contains(cpu) {
                changes.append(.arrived(cpu))
            }
        }
        return changes
    }
}
