import Glibc
import Trace

/// Finds the processes that hold perf events: the descriptors that `perf_event_open()` makes are called
/// `anon_inode:[perf_event]` (kernel/events/core.c, v6.18). What an event counts, its fdinfo does not tell.
enum PerfEventHolders {
    private static let name = "anon_inode:[perf_event]"

    /// All processes of this host; those that may not be looked at are counted. A process that goes meanwhile holds
    /// nothing.
    static func scan(proc: String = "/proc") -> TraceMetadata.PerfEventHolders {
        var holders = TraceMetadata.PerfEventHolders()
        for pid in KernelFile.list(proc).compactMap({ Int32($0) }).sorted() {
            switch events(in: "\(proc)/\(pid)/fd") {
            case .count(0), .gone: break
            case .count(let events):
                let comm = KernelFile.line("\(proc)/\(pid)/comm") ?? ""
                holders.processes.append(.init(pid: pid, comm: comm, events: events))
            case .forbidden: holders.unseen += 1
            }
        }
        return holders
    }

    private enum Look {
        case count(Int)
        case forbidden, gone
    }

    private static func events(in directory: String) -> Look {
        // An unreadable directory and one that is empty look alike in a list.
        guard let handle = opendir(directory) else { return refusal(directory) }
        closedir(handle)
        var events = 0
        for entry in KernelFile.list(directory) {
            switch KernelFile.link("\(directory)/\(entry)") {
            case name: events += 1
            case nil where errno == EACCES || errno == EPERM: return refusal(directory)
            default: break
            }
        }
        return .count(events)
    }

    /// A link of a process that has just gone answers EACCES, too (`proc_pid_readlink()`, fs/proc/base.c, v6.18).
    private static func refusal(_ directory: String) -> Look { KernelFile.exists(directory) ? .forbidden : .gone }
}
