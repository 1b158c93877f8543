import Glibc
import Synchronization

/// A tracing instance of our own below `instances/` of tracefs: buffers, filters and switches that nobody else sees.
///
///     create ── write settings ── use ── remove (also when the value goes away)
///
/// It is named after the process that made it and the moment that process started (`vpmu-PID-START-N`), so that what a
/// killed recorder left behind can be told from what a running one uses.
final class TracefsInstance {
    let path: String
    private let tracefs: Tracefs
    private var isRemoved = false

    static let prefix = "vpmu-"
    private static let serial = Atomic<Int>(0)

    init(_ tracefs: Tracefs) throws {
        self.tracefs = tracefs
        guard let start = Self.startTime(ofProcess: getpid()) else {
            throw CaptureError.unreadable(path: "/proc/self/stat", reason: "does not tell when this process started")
        }
        let number = Self.serial.add(1, ordering: .relaxed).newValue
        path = "\(tracefs.root)/instances/\(Self.prefix)\(getpid())-\(start)-\(number)"
        guard mkdir(path, 0o700) == 0 else {
            throw CaptureError.system(
                doing: "make a tracing instance of our own", errno: errno,
                remedy: "run as root, or use --source perf")
        }
    }

    deinit {
        remove()
    }

    /// Switches everything off and takes the instance away. Its files must be closed before.
    func remove() {
        guard !isRemoved else { return }
        isRemoved = true
        Self.remove(path)
    }

    /// Writes a setting, named below the instance.
    func set(_ file: String, _ value: String) throws {
        let fd = open("\(path)/\(file)", O_WRONLY | O_TRUNC | O_CLOEXEC)
        guard fd >= 0 else {
            throw CaptureError.system(doing: "open \(file) of the tracing instance", errno: errno, remedy: nil)
        }
        defer { close(fd) }
        let bytes = Array(value.utf8)
        guard Glibc.write(fd, bytes, bytes.count) == bytes.count else {
            throw CaptureError.system(
                doing: "set \(file) of the tracing instance to '\(value.prefix(60))'", errno: errno, remedy: nil)
        }
    }

    func openForReading(_ file: String) throws -> Descriptor {
        let fd = open("\(path)/\(file)", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard fd >= 0 else {
            throw CaptureError.system(doing: "open \(file) of the tracing instance", errno: errno, remedy: nil)
        }
        return Descriptor(fd)
    }

    // MARK: Orphans

    /// Instances whose recorder is gone: by name.
    static func orphans(in tracefs: Tracefs) -> [String] {
        KernelFile.list("\(tracefs.root)/instances").filter { name in
            guard name.hasPrefix(prefix) else { return false }
            let parts = name.dropFirst(prefix.count).split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 3, let process = Int32(parts[0]), let start = UInt64(parts[1]) else { return false }
            return startTime(ofProcess: process) != start
        }
    }

    /// Takes away what killed recorders left behind; answers the names of those that are gone now.
    static func removeOrphans(in tracefs: Tracefs) -> [String] {
        orphans(in: tracefs).filter { remove("\(tracefs.root)/instances/\($0)") }
    }

    @discardableResult
    private static func remove(_ path: String) -> Bool {
        for (file, value) in [("tracing_on", "0"), ("events/enable", "0")] {
            let fd = open("\(path)/\(file)", O_WRONLY | O_CLOEXEC)
            guard fd >= 0 else { continue }
            _ = Glibc.write(fd, value, value.utf8.count)
            close(fd)
        }
        return rmdir(path) == 0
    }

    /// When a process started, in clock ticks since boot (proc(5), field 22 of `stat`); nil when there is none.
    static func startTime(ofProcess process: Int32) -> UInt64? {
        guard let stat = KernelFile.line("/proc/\(process)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }
}
