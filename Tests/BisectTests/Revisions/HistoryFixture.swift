import Counts
import Foundation

@testable import Bisect

/// A git repository made for one test: a file `policy.yaml` with a line per revision, and a tiny trace beside it.
///
/// A policy here is a list of words. `broken` does not load; `one` and `two` together make the guest count 0.
final class HistoryFixture {
    let folder: String
    let repository: GitRepository
    let trace: CheckedTrace
    private(set) var commits: [String] = []

    struct Revision {
        var words: [String]
        /// Indexes of earlier revisions; empty for a root.
        var parents: [Int]
    }

    init(_ revisions: [Revision], extraFiles: [String: String] = [:]) throws {
        folder = NSTemporaryDirectory() + "vpmu-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try GitRepository.git(["init", "-q", "-b", "main"], in: folder)
        _ = try GitRepository.git(["config", "advice.detachedHead", "false"], in: folder)
        var stream = ""
        for (number, revision) in revisions.enumerated() {
            let message = "revision \(number)"
            stream += "commit refs/heads/main\nmark :\(number + 1)\n"
            stream +=
                "committer T <t@example.org> \(1_000_000 + number) +0000\ndata \(message.utf8.count)\n\(message)\n"
            for (place, parent) in revision.parents.enumerated() {
                stream += "\(place == 0 ? "from" : "merge") :\(parent + 1)\n"
            }
            let policy = revision.words.joined(separator: "\n") + "\n"
            stream += "M 100644 inline policy.yaml\ndata \(policy.utf8.count)\n\(policy)\n"
            for (name, text) in extraFiles.sorted(by: { $0.key < $1.key }) {
                stream += "M 100755 inline \(name)\ndata \(text.utf8.count)\n\(text)\n"
            }
        }
        let marks = folder + "/.git/marks"
        let input = folder + "/.git/stream"
        try stream.write(toFile: input, atomically: false, encoding: .utf8)
        let imported = try Subprocess.run(
            "sh", ["-c", "git fast-import --quiet --export-marks=\(marks) < \(input)"], directory: folder)
        precondition(imported.status == 0, imported.lastError)
        repository = try GitRepository(containing: folder)
        let tracePath = folder + "/.git/trace.vpt"
        try "a trace".write(toFile: tracePath, atomically: false, encoding: .utf8)
        trace = CheckedTrace(name: "trace.vpt", path: tracePath)
        let lines = try String(contentsOfFile: marks, encoding: .utf8).split(separator: "\n")
        commits = [String](repeating: "", count: revisions.count)
        for line in lines {
            let parts = line.split(separator: " ")
            commits[Int(parts[0].dropFirst())! - 1] = String(parts[1])
        }
        _ = try GitRepository.git(["reset", "-q", "--hard", "main"], in: folder)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// What the policy in `path` makes the one guest of the trace count.
    static let replay: ReplayFunction = { _, path in
        let words = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        if words.contains("broken") { throw PolicyUnusable("unknown key `broken`") }
        let lost = words.contains("one") && words.contains("two")
        let key = SeriesKey(owner: "guest:vm0/0", counter: "gp0", event: "cycles")
        return CountsTable(policy: "p", start: 0, end: 10, series: [Series(key: key, reading: .exact(lost ? 0 : 7))])
    }

    /// The same predicate as a shell command for `git bisect run`.
    static let script = """
        grep -qx broken policy.yaml && exit 125
        grep -qx one policy.yaml && grep -qx two policy.yaml && exit 1
        exit 0
        """

    /// What `git bisect run` answers: the first bad commit, or the candidates where only skipped ones are left.
    func gitBisect(good: String, bad: String) throws -> Set<String> {
        let script = folder + "/.git/judge.sh"
        try Self.script.write(toFile: script, atomically: false, encoding: .utf8)
        _ = try GitRepository.git(["bisect", "start", bad, good], in: folder)
        let run = try GitRepository.git(["bisect", "run", "sh", script], in: folder)
        _ = try GitRepository.git(["bisect", "reset"], in: folder)
        let lines = (run.text + String(decoding: run.errors, as: UTF8.self)).split(separator: "\n").map(String.init)
        if let found = lines.first(where: { $0.hasSuffix(" is the first bad commit") }) {
            return [String(found.split(separator: " ")[0])]
        }
        guard let start = lines.firstIndex(where: { $0.contains("could be any of") }) else { return [] }
        return Set(lines[(start + 1)...].prefix { $0.count == 40 && !$0.contains(" ") })
    }

    func bisection(jobs: Int = 1, memory: VerdictMemory = VerdictMemory(path: nil)) -> RevisionBisection {
        RevisionBisection(
            repository: repository, source: .file("policy.yaml"), traces: [trace], jobs: jobs, memory: memory,
            replay: Self.replay)
    }
}

/// A small generator for tests, so that a failure can be repeated.
struct TestRandom: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
