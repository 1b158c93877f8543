import Glibc

/// What to do when the file to write is there already.
public enum ExistingFile: Sendable {
    /// Leave it alone and fail.
    case refuse
    /// Put a new file in its place (`--force`). What has the old one open keeps it.
    case replace
}

/// A file that is only ever appended to: created 0600, links not followed. `-` is standard output.
package struct OutputFile: ~Copyable {
    let path: String
    private let descriptor: Int32
    private let isRegular: Bool
    private var closed = false
    /// Bytes written so far.
    private(set) var offset: UInt64 = 0

    private init(path: String, descriptor: Int32, isRegular: Bool) {
        self.path = path
        self.descriptor = descriptor
        self.isRegular = isRegular
    }

    /// - Throws: `TraceError` if there is a file already that is not to be replaced, a link, or no way to write there.
    package static func create(path: String, existing: ExistingFile) throws(TraceError) -> OutputFile {
        if path == "-" { return OutputFile(path: "standard output", descriptor: STDOUT_FILENO, isRegular: false) }
        var status = stat()
        var isDevice = false
        if lstat(path, &status) == 0 {
            switch status.st_mode & S_IFMT {
            case S_IFLNK: throw .symbolicLink(path: path)
            case S_IFDIR: throw .cannotOpen(path: path, reason: "it is a directory")
            case S_IFREG:
                guard existing == .replace else { throw .exists(path: path) }
                guard unlink(path) == 0 else { throw .cannotOpen(path: path, reason: reason(errno)) }
            default: isDevice = true
            }
        }
        let flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY
        let descriptor = isDevice ? open(path, flags) : open(path, flags | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else {
            switch errno {
            case EEXIST: throw .exists(path: path)
            case ELOOP: throw .symbolicLink(path: path)
            case let code: throw .cannotOpen(path: path, reason: reason(code))
            }
        }
        return OutputFile(path: path, descriptor: descriptor, isRegular: !isDevice)
    }

    deinit {
        if !closed, descriptor != STDOUT_FILENO { Glibc.close(descriptor) }
    }

    /// Appends all of both, or nothing: what a failed write left behind is cut off again where that is possible.
    mutating func append(_ header: [UInt8], _ payload: [UInt8]) throws(TraceError) {
        let total = header.count + payload.count
        var at = 0
        while at < total {
            let written = header.withUnsafeBytes { header in
                payload.withUnsafeBytes { payload in
                    guard at < header.count else {
                        let rest = at - header.count
                        return write(descriptor, payload.baseAddress! + rest, payload.count - rest)
                    }
                    var pieces = [
                        iovec(iov_base: .init(mutating: header.baseAddress! + at), iov_len: header.count - at),
                        iovec(iov_base: payload.baseAddress.map { .init(mutating: $0) }, iov_len: payload.count),
                    ]
                    return writev(descriptor, &pieces, 2)
                }
            }
            if written < 0 {
                let code = errno
                if code == EINTR { continue }
                if isRegular { _ = ftruncate(descriptor, off_t(offset)) }
                throw .cannotWrite(path: path, offset: offset, reason: Self.reason(code))
            }
            at += written
        }
        offset += UInt64(total)
    }

    /// Appends all of them.
    ///
    /// - Throws: `TraceError.cannotWrite`; what fitted stays.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) throws(TraceError) {
        var at = 0
        while at < bytes.count {
            let written = write(descriptor, bytes.baseAddress! + at, bytes.count - at)
            if written < 0 {
                let code = errno
                if code == EINTR { continue }
                throw .cannotWrite(path: path, offset: offset + UInt64(at), reason: Self.reason(code))
            }
            at += written
        }
        offset += UInt64(bytes.count)
    }

    /// Ends the file; a full disk may only show here.
    package mutating func close() throws(TraceError) {
        guard !closed else { return }
        closed = true
        guard descriptor != STDOUT_FILENO else { return }
        guard Glibc.close(descriptor) == 0 else {
            throw .cannotWrite(path: path, offset: offset, reason: Self.reason(errno))
        }
    }

    /// Closes the file and takes it away, if it is a file.
    mutating func discard() {
        try? close()
        if isRegular { unlink(path) }
    }

    static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
