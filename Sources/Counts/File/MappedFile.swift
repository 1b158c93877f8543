import Foundation

/// A file mapped read-only for as long as the value lives.
///
/// The bytes are the file's: whoever shortens it meanwhile makes reading them fatal, as with every mapping. Counts
/// files are replaced by renaming, never written in place.
final class MappedFile: @unchecked Sendable {
    let path: String
    let bytes: UnsafeRawBufferPointer

    init(_ path: String) throws(CountsFileError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw CountsFileError(path: path, problem: .system("open", systemError())) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw CountsFileError(path: path, problem: .system("examine", systemError()))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw CountsFileError(path: path, problem: .notAFile) }
        let size = Int(status.st_size)
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), start != MAP_FAILED else {
            throw CountsFileError(path: path, problem: .system("map", systemError()))
        }
        bytes = UnsafeRawBufferPointer(start: start, count: size)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}

/// The system's words for errno.
func systemError() -> String { String(cString: strerror(errno)) }
