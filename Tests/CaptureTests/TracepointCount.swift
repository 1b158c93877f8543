import CLinux
import Glibc
import Trace

@testable import Capture

/// The kernel's own count of a tracepoint's hits on all CPUs, apart from any recorder.
///
/// Guests that are not the test's may run beside it: what a recorder must have seen is then known by what
/// was counted around its run and within it, and by no constant.
final class TracepointCount {
    private var events: [Int32] = []

    /// Counts from now on.
    ///
    /// - Parameter filter: of the kernel's tracepoint filters; nil counts all.
    init(_ kind: EventKind, filter: String?) throws {
        let format = try TracepointFormat(parsing: try Tracefs().formatText(kind))
        for cpu in try CPUList.online() {
            var request = clinux_perf_request()
            request.tracepoint = UInt64(format.id)
            request.cpu = Int32(cpu)
            // It samples into no ring, so it only counts.
            events.append(try CaptureError.check(clinux_perf_open(&request), "count \(kind.qualifiedName)"))
            if let filter { try CaptureError.check(clinux_perf_set_filter(events[events.count - 1], filter), "filter") }
        }
        for event in events { try CaptureError.check(clinux_perf_enable(event), "count \(kind.qualifiedName)") }
    }

    deinit {
        for event in events { close(event) }
    }

    func value() throws -> UInt64 {
        try events.reduce(0) { sum, event in
            var count = clinux_perf_count()
            try CaptureError.check(clinux_perf_read(event, 0, &count), "read a count")
            return sum + count.made
        }
    }
}
