import CLinux
import Glibc
import Trace

/// The kernel's tracing file system, wherever it is.
///
/// Where nobody has mounted it, a mount of our own is used that is attached nowhere: it shows the same files, changes
/// nothing that others can see, and goes with the process.
public struct Tracefs: Sendable {
    /// A path under which `events/` lies.
    public let root: String
    public let mounting: Mounting
    /// Keeps a detached mount alive.
    private let mount: Descriptor?

    public enum Mounting: Sendable, Equatable {
        /// It was mounted already.
        case found
        /// It is ours and attached nowhere.
        case detached
    }

    static let places = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"]

    /// - Throws: `CaptureError.system` when it is neither mounted nor can be, or may not be read.
    public init() throws {
        for place in Self.places where KernelFile.exists(place + "/events/header_page") {
            root = place
            mounting = .found
            mount = nil
            return
        }
        let mounted = Self.isMounted()
        let fd = clinux_tracefs_detached()
        guard fd >= 0 else {
            throw CaptureError.system(
                doing: mounted ? "look into tracefs" : "mount tracefs, which is not mounted", errno: -fd,
                remedy: mounted
                    ? "run as root, or let this user in: mount -o remount,mode=755 /sys/kernel/tracing"
                    : "run as root, or first: mount -t tracefs tracefs /sys/kernel/tracing")
        }
        let descriptor = Descriptor(fd)
        mount = descriptor
        mounting = .detached
        root = "/proc/self/fd/\(fd)"
    }

    /// Whether the tracepoint exists on this kernel now (KVM's appear when its module is loaded).
    public func has(_ kind: EventKind) -> Bool {
        KernelFile.exists("\(directory(kind))/id")
    }

    /// The tracepoint's format as the kernel writes it.
    public func formatText(_ kind: EventKind) throws -> String {
        try KernelFile.read(
            "\(directory(kind))/format",
            remedy: "run as root, or let this user in: mount -o remount,mode=755 /sys/kernel/tracing")
    }

    private func directory(_ kind: EventKind) -> String {
        "\(root)/events/\(kind.system)/\(kind.tracepoint)"
    }

    private static func isMounted() -> Bool {
        guard let mounts = try? KernelFile.read("/proc/mounts") else { return false }
        return mounts.split(separator: "\n").contains { line in
            line.split(separator: " ").dropFirst(2).first == "tracefs"
        }
    }
}

/// A file descriptor that is closed with its last user.
final class Descriptor: Sendable {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    deinit { close(number) }
}
