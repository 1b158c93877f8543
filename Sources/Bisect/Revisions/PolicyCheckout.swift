import Counts
import Foundation

/// Brings single revisions' policies out of a repository, into a temporary folder that goes away with the value's end.
///
/// Each slot has a folder of its own, and for built policies a git worktree, so that several revisions are probed at
/// once. The repository's own working tree is never touched.
final class PolicyCheckout: Sendable {
    let repository: GitRepository
    let source: PolicySource
    private let folder: String

    init(repository: GitRepository, source: PolicySource) throws {
        self.repository = repository
        self.source = source
        folder = (NSTemporaryDirectory() as NSString).appendingPathComponent("vpmu-bisect-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit {
        if case .built = source {
            for slot in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
                _ = try? repository.run(["worktree", "remove", "--force", "\(folder)/\(slot)"])
            }
        }
        try? FileManager.default.removeItem(atPath: folder)
        if case .built = source { _ = try? repository.run(["worktree", "prune"]) }
    }

    /// A name for all that a revision's policy can depend on, without building it; nil if the file is not there.
    func identity(of commit: String) throws -> String? {
        switch source {
        case .file(let path): try repository.object(path, at: commit).map { "blob \($0)" }
        case .built(let command, let path):
            try repository.object("", at: commit).map { "tree \($0) \(ContentHash.of((command + "\0" + path).utf8))" }
        }
    }

    /// The policy of `commit` as a file.
    ///
    /// - Throws: `PolicyUnusable` where the revision has none or it does not build.
    func policy(of commit: String, slot: Int) throws -> String {
        switch source {
        case .file(let path):
            guard let bytes = try repository.file(path, at: commit) else {
                throw PolicyUnusable("\(path): not a file in \(commit.prefix(12))")
            }
            let place = "\(folder)/\(slot)-\((path as NSString).lastPathComponent)"
            try bytes.write(to: URL(fileURLWithPath: place))
            return place
        case .built(let command, let path): return try build(commit, command: command, path: path, slot: slot)
        }
    }

    private func build(_ commit: String, command: String, path: String, slot: Int) throws -> String {
        let tree = "\(folder)/\(slot)"
        let place = (tree as NSString).appendingPathComponent(path)
        if FileManager.default.fileExists(atPath: tree) {
            for step in [["checkout", "--quiet", "--force", "--detach", commit], ["clean", "-fdxq"]] {
                let done = try GitRepository.git(step, in: tree)
                guard done.status == 0 else {
                    throw GitRepository.Failure(description: "git \(step[0]): \(done.lastError)")
                }
            }
        } else {
            let made = try repository.run(["worktree", "add", "--quiet", "--force", "--detach", tree, commit])
            guard made.status == 0 else { throw GitRepository.Failure(description: "git worktree: \(made.lastError)") }
        }
        let done = try Subprocess.run("sh", ["-c", command], directory: tree)
        guard done.status == 0 else {
            throw PolicyUnusable("`\(command)` failed with status \(done.status): \(done.lastError)")
        }
        guard FileManager.default.fileExists(atPath: place) else {
            throw PolicyUnusable("`\(command)` made no \(path)")
        }
        return place
    }
}
