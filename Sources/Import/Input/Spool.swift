import CZstd
import Glibc

/// An unlinked temporary file that takes what cannot be read at random: a pipe, or the inside of a `.zst`.
final class Spool {
    /// Bytes a spool takes before the input is refused: a small `.zst` may claim to hold any amount.
    static let limit: UInt64 = 64 << 30

    let name: String
    private var descriptor: Int32
    private(set) var size: UInt64 = 0

    init(name: String) throws {
        self.name = name
        let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
        var template = Array("\(directory)/vpmu-import-XXXXXX".utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw ImportError.cannotOpen(path: directory, reason: ImportInput.reason(errno))
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Gives the descriptor away.
    func finish() -> (descriptor: Int32, size: UInt64) {
        defer { descriptor = -1 }
        return (descriptor, size)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard UInt64(bytes.count) <= Self.limit - size else {
            throw ImportError.tooLarge(path: name, limit: Self.limit)
        }
        var done = 0
        while done < bytes.count {
            let put = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            if put < 0 {
                if errno == EINTR { continue }
                throw ImportError.cannotSpool(path: name, reason: ImportInput.reason(errno))
            }
            done += put
        }
        size += UInt64(bytes.count)
    }

    func copy(from source: Int32) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let got = Glibc.read(source, buffer.baseAddress!, buffer.count)
            if got < 0 {
                if errno == EINTR { continue }
                throw ImportError.cannotRead(path: name, offset: size, reason: ImportInput.reason(errno))
            }
            if got == 0 { return }
            try write(UnsafeRawBufferPointer(rebasing: buffer[0..<got]))
        }
    }

    /// Unpacks a zstd file as far as it is whole.
    ///
    /// - Returns: the file to read, and what is wrong with the packed one, if anything.
    static func unpacking(_ packed: ImportInput) throws -> (ImportInput, ImportDamage?) {
        let spool = try Spool(name: packed.name)
        let window = FileWindow(packed)
        let stream = try ZstdStream()
        var offset: UInt64 = 0
        var damage: ImportDamage?
        while offset < packed.size, damage == nil {
            let count = Int(min(256 << 10, packed.size - offset))
            guard let bytes = try window.bytes(at: offset, count: count) else { break }
            let failure = try stream.decompress(bytes) { try spool.write($0) }
            if let failure {
                damage = ImportDamage(offset: offset + UInt64(failure.consumed), reason: "zstd: \(failure.reason)")
            }
            offset += UInt64(count)
        }
        if damage == nil, !stream.isAtFrameEnd {
            damage = ImportDamage(offset: packed.size, reason: "the zstd frame is cut off; what it lacks is lost")
        }
        return (ImportInput(spool: spool), damage)
    }
}
