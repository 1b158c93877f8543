import Glibc

/// Reading the small text files of /proc, /sys and tracefs, whose size is not known beforehand.
enum KernelFile {
    /// What such a file may hold at most; none that we read comes near.
    static let limit = 1 << 22

    /// The whole file, repaired where it is not UTF-8.
    ///
    /// - Throws: `CaptureError.system` with `remedy`.
    static func read(_ path: String, remedy: String? = nil) throws -> String {
        String(decoding: try bytes(path, remedy: remedy), as: UTF8.self)
    }

    /// The whole file without its last newline, or nil where it cannot be read.
    static func line(_ path: String) -> String? {
        guard let text = try? read(path) else { return nil }
        let trimmed = text.split(separator: "\n", omittingEmptySubsequences: false).first ?? ""
        return String(trimmed)
    }

    static func bytes(_ path: String, remedy: String? = nil) throws -> [UInt8] {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw CaptureError.system(doing: "read \(path)", errno: errno, remedy: remedy) }
        defer { close(fd) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while content.count < limit {
            let got = Glibc.read(fd, &chunk, chunk.count)
            if got < 0 {
                if errno == EINTR { continue }
                throw CaptureError.system(doing: "read \(path)", errno: errno, remedy: remedy)
            }
            if got == 0 { return content }
            content += chunk[..<got]
        }
        throw CaptureError.unreadable(path: path, reason: "is longer than \(limit) bytes")
    }

    /// Whether the path can be reached. Unlike access(2) this counts the capabilities of a user who is not root.
    static func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0
    }

    /// The names in a directory, sorted; empty where it cannot be read.
    static func list(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Where a symbolic link points, or nil.
    static func link(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 512)
        let length = buffer.withUnsafeMutableBytes { bytes in
            readlink(path, bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return length > 0 ? String(decoding: buffer[..<length], as: UTF8.self) : nil
    }
}
