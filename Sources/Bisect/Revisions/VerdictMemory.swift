import Counts
import Foundation
import Synchronization

/// Verdicts by the content they depend on, so that nothing is replayed twice: neither in one bisection, nor in the
/// next.
///
/// One line of JSON per verdict, appended when it is known; a line cut short by a crash is ignored.
public final class VerdictMemory: Sendable {
    public struct Remembered: Codable, Equatable, Sendable {
        public var key: String
        public var verdict: String
        /// The gravest findings in words.
        public var why: [String]
    }

    private let path: String?
    private let known: Mutex<[String: Remembered]>

    /// - Parameter path: the file to read and append to; nil keeps verdicts for this run only.
    public init(path: String?) {
        self.path = path
        var found: [String: Remembered] = [:]
        if let path, let data = FileManager.default.contents(atPath: path) {
            for line in data.split(separator: UInt8(ascii: "\n")) {
                if let one = try? JSONDecoder().decode(Remembered.self, from: Data(line)) { found[one.key] = one }
            }
        }
        known = Mutex(found)
    }

    func recall(_ key: String) -> (verdict: Verdict, why: [String])? {
        known.withLock { $0[key] }.flatMap { one in
            Verdict.allCases.first { $0.name == one.verdict }.map { ($0, one.why) }
        }
    }

    func remember(_ key: String, _ verdict: Verdict, _ why: [String]) {
        let one = Remembered(key: key, verdict: verdict.name, why: Array(why.prefix(5)))
        known.withLock { known in
            known[key] = one
            guard let path, let line = try? JSONEncoder().encode(one) else { return }
            let folder = (path as NSString).deletingLastPathComponent
            try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { return }
            defer { close(descriptor) }
            let bytes = [UInt8](line) + [UInt8(ascii: "\n")]
            _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        }
    }
}
