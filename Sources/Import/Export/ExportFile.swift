import Glibc

/// The file an export goes to: 0600, no link is followed, nothing overwritten unless asked.
public final class ExportFile {
    public enum Existing: Sendable { case refuse, replace }

    public struct Failure: Error, Equatable, CustomStringConvertible {
        public var path: String
        public var reason: String
        public var description: String { "cannot write \(path): \(reason)" }
    }

    private let path: String
    private var descriptor: Int32

    /// - Parameter path: `-` is standard output.
    /// - Throws: `Failure`.
    public init(path: String, existing: Existing) throws(Failure) {
        self.path = path
        if path == "-" {
            descriptor = dup(STDOUT_FILENO)
        } else {
            let mode = existing == .replace ? O_TRUNC : O_EXCL
            descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | mode, 0o600)
        }
        guard descriptor >= 0 else {
            let hint = errno == EEXIST ? "; --force replaces it" : ""
            throw Failure(path: path, reason: String(cString: strerror(errno)) + hint)
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        var done = 0
        while done < bytes.count {
            let put = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            if put < 0 {
                if errno == EINTR { continue }
                throw Failure(path: path, reason: String(cString: strerror(errno)))
            }
            done += put
        }
    }

    /// Ends the file; a full disk may only show here.
    public func finish() throws(Failure) {
        let result = close(descriptor)
        descriptor = -1
        if result != 0 { throw Failure(path: path, reason: String(cString: strerror(errno))) }
    }
}
