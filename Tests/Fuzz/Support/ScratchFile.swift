import Glibc

/// A file in memory where the system has such a place; it goes with the value.
final class ScratchFile {
    let path: String

    init(_ bytes: [UInt8]) {
        let directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(directory)/vpmu-fuzz-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        precondition(descriptor >= 0, "no scratch file can be made in \(directory)")
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        var done = 0
        while done < bytes.count {
            let put = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + done, bytes.count - done) }
            precondition(put > 0, "the scratch file cannot be written")
            done += put
        }
        close(descriptor)
    }

    deinit { unlink(path) }
}
