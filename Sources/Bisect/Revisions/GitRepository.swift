import Foundation

/// A git repository, asked through the `git` command.
public struct GitRepository: Sendable {
    /// The repository's top folder.
    public let root: String
    /// Where git keeps its own files, absolute.
    public let gitDirectory: String

    public struct Failure: Error, Equatable, CustomStringConvertible {
        public var description: String
    }

    /// The repository that holds `path` (a folder).
    ///
    /// - Throws: `Failure` if there is none, or no git.
    public init(containing path: String) throws {
        let found = try GitRepository.git(["rev-parse", "--show-toplevel", "--absolute-git-dir"], in: path)
        guard found.status == 0 else {
            throw Failure(
                description: "\(path): not in a git repository (\(found.lastError)); name one with --repository")
        }
        let lines = found.text.split(separator: "\n").map(String.init)
        root = lines[0]
        gitDirectory = lines[1]
    }

    /// The object name of a commit.
    public func commit(_ revision: String) throws -> String {
        let found = try run(["rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"])
        guard found.status == 0 else {
            throw Failure(description: "\(revision): no such commit in \(root)")
        }
        return found.text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The commits reachable from `bad` and from none of `goods`.
    public func graph(bad: String, goods: [String]) throws -> CommitGraph {
        let found = try run(["rev-list", "--topo-order", "--parents", bad] + goods.map { "^" + $0 })
        guard found.status == 0 else { throw Failure(description: "git rev-list: \(found.lastError)") }
        return CommitGraph(revList: found.text)
    }

    public func isAncestor(_ a: String, of b: String) throws -> Bool {
        try run(["merge-base", "--is-ancestor", a, b]).status == 0
    }

    public func mergeBases(_ a: String, _ b: String) throws -> [String] {
        try run(["merge-base", "--all", a, b]).text.split(separator: "\n").map(String.init)
    }

    /// The object name of `path` as `revision` has it, nil if it has none: equal names mean equal bytes.
    public func object(_ path: String, at revision: String) throws -> String? {
        let found = try run(["rev-parse", "--verify", "--quiet", "--end-of-options", "\(revision):\(path)"])
        return found.status == 0 ? found.text.trimmingCharacters(in: .whitespacesAndNewlines) : nil
    }

    /// The bytes of `path` as `revision` has it, nil if it has no such file.
    public func file(_ path: String, at revision: String) throws -> Data? {
        let found = try run(["cat-file", "blob", "\(revision):\(path)"])
        return found.status == 0 ? found.output : nil
    }

    /// The first line of a commit's message, its author and its date, for people.
    public func summary(_ commit: String) throws -> String {
        let found = try run(["show", "--no-patch", "--format=%h %s (%an, %as)", commit])
        return found.status == 0 ? found.text.trimmingCharacters(in: .whitespacesAndNewlines) : commit
    }

    /// `path` (absolute, or relative to the working folder) as git names it inside the repository.
    public func pathInside(_ path: String, relativeTo folder: String) throws -> String {
        let found = try GitRepository.git(["rev-parse", "--show-prefix"], in: folder)
        let prefix = found.text.trimmingCharacters(in: .whitespacesAndNewlines)
        let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
        let top = root.hasSuffix("/") ? root : root + "/"
        if path.hasPrefix("/") {
            guard absolute.hasPrefix(top) else { throw Failure(description: "\(path): outside of \(root)") }
            return String(absolute.dropFirst(top.count))
        }
        let joined = URL(fileURLWithPath: "/" + prefix + path).standardizedFileURL.path
        return String(joined.dropFirst())
    }

    func run(_ arguments: [String]) throws -> Subprocess { try GitRepository.git(arguments, in: root) }

    static func git(_ arguments: [String], in folder: String) throws -> Subprocess {
        do {
            return try Subprocess.run("git", ["-C", folder] + arguments)
        } catch {
            throw Failure(description: "git cannot be run: \(error.localizedDescription)")
        }
    }
}

extension GitRepository {
    /// Where verdicts on this repository's revisions are remembered.
    public var verdictFile: String { gitDirectory + "/vpmu/verdicts.jsonl" }
}
