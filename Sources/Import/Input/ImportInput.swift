import Glibc

/// The bytes to import: an open file, read where it is asked, or memory.
///
/// A file is read with `pread` and never mapped: one that shrinks while it is read gives a short read, not a signal.
public final class ImportInput {
    /// What messages call it.
    public let name: String
    /// Bytes in all.
    public let size: UInt64
    /// Further files of the same recording (`perf record --threads` writes a directory), read after this one.
    public private(set) var siblings: [ImportInput] = []
    private let backing: Backing

    private enum Backing {
        case descriptor(Int32)
        case memory([UInt8])
    }

    /// Opens a file, or the directory that `perf record --threads` makes: `data`, then `data.0`, `data.1`, ...
    ///
    /// - Throws: `ImportError.cannotOpen` where the path cannot be opened or is another directory.
    public convenience init(path: String) throws {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, access("\(path)/data", F_OK) == 0 {
            try self.init(file: "\(path)/data")
            var index = 0
            while index < 1 << 16, access("\(path)/data.\(index)", F_OK) == 0 {
                siblings.append(try ImportInput(file: "\(path)/data.\(index)"))
                index += 1
            }
            return
        }
        try self.init(file: path)
    }

    private convenience init(file path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw ImportError.cannotOpen(path: path, reason: Self.reason(errno)) }
        try self.init(descriptor: descriptor, name: path)
    }

    /// Takes `descriptor` over; what is no regular file is first spooled to an unlinked temporary file.
    ///
    /// - Throws: `ImportError.cannotOpen`, `.cannotRead`, `.tooLarge`.
    public convenience init(descriptor: Int32, name: String) throws {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let reason = Self.reason(errno)
            close(descriptor)
            throw ImportError.cannotOpen(path: name, reason: reason)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            self.init(name: name, size: UInt64(max(0, status.st_size)), backing: .descriptor(descriptor))
        case S_IFDIR:
            close(descriptor)
            throw ImportError.cannotOpen(path: name, reason: "it is a directory")
        default:
            let spool = try Spool(name: name)
            defer { close(descriptor) }
            try spool.copy(from: descriptor)
            let (taken, size) = spool.finish()
            self.init(name: name, size: size, backing: .descriptor(taken))
        }
    }

    public convenience init(bytes: [UInt8], name: String = "input") {
        self.init(name: name, size: UInt64(bytes.count), backing: .memory(bytes))
    }

    convenience init(spool: Spool) {
        let (descriptor, size) = spool.finish()
        self.init(name: spool.name, size: size, backing: .descriptor(descriptor))
    }

    private init(name: String, size: UInt64, backing: Backing) {
        self.name = name
        self.size = size
        self.backing = backing
    }

    deinit {
        if case .descriptor(let descriptor) = backing { close(descriptor) }
    }

    /// Fills `target` from byte `offset` on, as far as the input reaches.
    ///
    /// - Returns: the bytes read; fewer than asked only at the end.
    /// - Throws: `ImportError.cannotRead`.
    func read(at offset: UInt64, into target: UnsafeMutableRawBufferPointer) throws -> Int {
        guard offset < size, !target.isEmpty else { return 0 }
        let wanted = Int(min(UInt64(target.count), size - offset))
        switch backing {
        case .memory(let bytes):
            bytes.withUnsafeBytes { source in
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[Int(offset)..<Int(offset) + wanted]))
            }
            return wanted
        case .descriptor(let descriptor):
            var done = 0
            while done < wanted {
                let got = pread(descriptor, target.baseAddress! + done, wanted - done, off_t(offset) + off_t(done))
                if got < 0 {
                    if errno == EINTR { continue }
                    throw ImportError.cannotRead(
                        path: name, offset: offset + UInt64(done), reason: Self.reason(errno))
                }
                if got == 0 { break }
                done += got
            }
            return done
        }
    }

    /// Up to `count` bytes from `offset` on.
    func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
        guard offset < size else { return [] }
        let wanted = Int(min(UInt64(max(0, count)), size - offset))
        var result = [UInt8](repeating: 0, count: wanted)
        let got = try result.withUnsafeMutableBytes { try read(at: offset, into: $0) }
        result.removeLast(wanted - got)
        return result
    }

    static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
}

/// A moving window over a file: bytes are valid until the next request.
final class FileWindow {
    private let file: ImportInput
    private var buffer: UnsafeMutableRawBufferPointer
    private var start: UInt64 = 0
    private var filled = 0
    private let stride: Int

    init(_ file: ImportInput, stride: Int = 1 << 20) {
        self.file = file
        self.stride = stride
        buffer = .allocate(byteCount: Int(min(UInt64(stride), max(64, file.size))), alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// Exactly `count` bytes from `offset` on, or nil where the file ends before them.
    ///
    /// The caller has bounded `count`.
    func bytes(at offset: UInt64, count: Int) throws -> UnsafeRawBufferPointer? {
        if offset >= start, offset - start <= UInt64(filled), count <= filled - Int(offset - start) {
            let from = Int(offset - start)
            return UnsafeRawBufferPointer(rebasing: buffer[from..<from + count])
        }
        guard offset <= file.size, UInt64(count) <= file.size - offset else { return nil }
        if count > buffer.count {
            buffer.deallocate()
            buffer = .allocate(byteCount: count + stride, alignment: 16)
        }
        start = offset
        filled = try file.read(at: offset, into: buffer)
        guard filled >= count else { return nil }
        return UnsafeRawBufferPointer(rebasing: buffer[0..<count])
    }
}
