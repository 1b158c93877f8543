import Glibc

/// A file open for reading at any offset. A pipe, and `-` (standard input), is first copied to a nameless temporary
/// file.
final class InputFile: Sendable {
    let path: String
    let size: UInt64
    private let descriptor: Int32

    init(path: String) throws(TraceError) {
        self.path = path == "-" ? "standard input" : path
        var opened = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard opened >= 0 else {
            throw .cannotOpen(path: self.path, reason: OutputFile.reason(errno))
        }
        var status = stat()
        guard fstat(opened, &status) == 0 else {
            let reason = OutputFile.reason(errno)
            close(opened)
            throw .cannotOpen(path: self.path, reason: reason)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR:
            close(opened)
            throw .cannotOpen(path: self.path, reason: "it is a directory")
        default:
            let copied = Self.spool(opened)
            close(opened)
            guard let copied, fstat(copied, &status) == 0 else {
                throw .cannotOpen(
                    path: self.path, reason: "it cannot be copied to a temporary file (\(OutputFile.reason(errno)))")
            }
            opened = copied
        }
        descriptor = opened
        size = UInt64(max(0, status.st_size))
    }

    deinit { close(descriptor) }

    private static func spool(_ source: Int32) -> Int32? {
        let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var name = Array("\(directory)/vpmu-XXXXXX".utf8CString)
        let target = mkstemp(&name)
        guard target >= 0 else { return nil }
        unlink(name)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let got = Glibc.read(source, &buffer, buffer.count)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { break }
            if got == 0 { return target }
            var at = 0
            while at < got {
                let put = buffer.withUnsafeBytes { write(target, $0.baseAddress! + at, got - at) }
                if put < 0, errno == EINTR { continue }
                guard put > 0 else { break }
                at += put
            }
            guard at == got else { break }
        }
        let code = errno
        close(target)
        errno = code
        return nil
    }

    /// Reads up to `count` bytes at `offset`; fewer only at the end of the file.
    func read(
        _ count: Int, at offset: UInt64, into target: UnsafeMutableRawPointer
    ) throws(TraceError) -> Int {
        var done = 0
        while done < count {
            let got = pread(descriptor, target + done, count - done, off_t(offset) + off_t(done))
            if got < 0 {
                if errno == EINTR { continue }
                throw .cannotRead(path: path, offset: offset + UInt64(done), reason: OutputFile.reason(errno))
            }
            if got == 0 { break }
            done += got
        }
        return done
    }

    func read(_ count: Int, at offset: UInt64) throws(TraceError) -> [UInt8] {
        guard offset < size else { return [] }
        let wanted = Int(min(UInt64(count), size - offset))
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, wanted), alignment: 16)
        defer { memory.deallocate() }
        let got = try read(wanted, at: offset, into: memory)
        return Array(UnsafeRawBufferPointer(start: memory, count: got))
    }
}
