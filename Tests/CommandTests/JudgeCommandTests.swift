import Foundation
import Testing

/// A repository of policies whose guests are starved from one revision on, with a trace of the project beside it.
private final class PolicyRepository {
    let folder: TemporaryFolder
    let trace: String
    private(set) var commits: [String] = []

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// What each revision's policy gives guests; nil is a file that does not load.
    init(_ priorities: [String?]) throws {
        folder = try TemporaryFolder()
        trace = Self.root + "/Traces/agent-starves-guest.vpt"
        try git("init", "-q", "-b", "main")
        try git("config", "user.email", "t@example.org")
        try git("config", "user.name", "T")
        for (number, priority) in priorities.enumerated() {
            let rest = priority.map { "guest-priority: \($0)\n" } ?? "guest-prority: ultimate\n"
            try folder.write(
                "policy.yaml", "# revision \(number)\nname: mine\npinned-misfit: retry-at-sched-in\n" + rest)
            try git("add", "policy.yaml")
            try git("commit", "-q", "-m", "revision \(number)")
            commits.append(try git("rev-parse", "HEAD").output.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        try git("checkout", "-q", commits[0])
        let made = try vpmu("check", trace, "--policy", "policy.yaml", "--baseline", baseline, "--update")
        try #require(made.status == 0, "\(made.errors)")
        try git("checkout", "-q", "main")
    }

    var baseline: String { folder.path + "/.git/good.baseline" }

    @discardableResult
    func git(_ arguments: String...) throws -> Executable.Outcome {
        try Shell.run("git", ["-C", folder.path] + arguments)
    }

    func vpmu(_ arguments: String...) throws -> Executable.Outcome {
        try Shell.run(Executable.url.path, arguments, in: folder.path)
    }

    /// What `git bisect run vpmu check ...` says, from the first revision to the last.
    func bisectRun(_ check: [String]) throws -> Executable.Outcome {
        try git("bisect", "start", "main", commits[0])
        defer { _ = try? git("bisect", "reset") }
        return try Shell.run(
            "git", ["-C", folder.path, "bisect", "run", Executable.url.path, "check", trace] + check)
    }

    var check: [String] { ["--policy", "policy.yaml", "--baseline", baseline, "--require-owner", "guest:web-1"] }
}

@Suite("Commands that judge")
struct JudgeCommandTests {
    private static let history: [String?] = [
        "ultimate", "ultimate", "ultimate", nil, "ultimate", "task-pinned", "task-pinned", nil, "task-pinned",
    ]

    @Test("git bisect run vpmu check finds the commit, over revisions that do not load, and vpmu bisect finds the same")
    func goodBadSkip() throws {
        let repository = try PolicyRepository(Self.history)
        let outcome = try repository.bisectRun(repository.check)
        #expect(outcome.output.contains("\(repository.commits[5]) is the first bad commit"), "\(outcome.output)")
        let own = try repository.vpmu(
            "bisect", repository.trace, "--policy", "policy.yaml", "--good", repository.commits[0], "--bad", "main",
            "--owner", "guest:web-1")
        #expect(own.status == 0)
        #expect(own.output.hasPrefix("\(repository.commits[5]) is the first bad commit"), "\(own.output)\(own.errors)")
        let again = try repository.vpmu(
            "bisect", repository.trace, "--policy", "policy.yaml", "--good", repository.commits[0], "--bad", "main",
            "--owner", "guest:web-1", "--json")
        #expect(again.output.contains("\"replays\" : 1"), "\(again.output)")
    }

    @Test("skips beside the culprit leave the candidates that git bisect names, with status 125")
    func candidates() throws {
        let repository = try PolicyRepository(["ultimate", "ultimate", nil, nil, "task-pinned"])
        let outcome = try repository.bisectRun(repository.check)
        let own = try repository.vpmu(
            "bisect", repository.trace, "--policy", "policy.yaml", "--good", repository.commits[0], "--bad", "main",
            "--owner", "guest:web-1")
        #expect(own.status == 125)
        for commit in repository.commits[2...4] {
            #expect(outcome.output.contains(commit), "\(outcome.output)")
            #expect(own.output.contains(commit), "\(own.output)")
        }
    }

    @Test(
        "git bisect run stops at once at what no revision can mend, and at a typo",
        arguments: [
            (["--policy", "policy.yaml", "--baseline", "nowhere.baseline"], 128),
            (["--policy", "policy.yaml", "--baselin", "x"], 129),
            (["--policy", "mine", "--baseline", "BASELINE"], 129),
            (["--policy", "policy.yaml", "--baseline", "BASELINE", "--tolerance", "5 percent"], 129),
        ] as [([String], Int32)])
    func stops(_ options: [String], _ status: Int32) throws {
        let repository = try PolicyRepository(["ultimate", "ultimate", "task-pinned"])
        let options = options.map { $0 == "BASELINE" ? repository.baseline : $0 }
        let direct = try Shell.run(
            Executable.url.path, ["check", repository.trace] + options, in: repository.folder.path)
        #expect(direct.status == status, "\(direct.errors)")
        #expect(direct.errors.split(separator: "\n").count >= 1)
        let outcome = try repository.bisectRun(options)
        #expect(outcome.status != 0)
        #expect(!outcome.output.contains("is the first bad commit"))
        #expect((outcome.output + outcome.errors).contains("\(status)"), "\(outcome.output)\(outcome.errors)")
    }

    @Test("check answers 0 for same and better, 1 for worse, 125 for a policy that does not load")
    func statuses() throws {
        let repository = try PolicyRepository(["task-pinned", "ultimate", nil])
        func status(_ commit: Int, _ more: String...) throws -> Int32 {
            try repository.git("checkout", "-q", repository.commits[commit])
            return try Shell.run(
                Executable.url.path, ["check", repository.trace] + repository.check + more, in: repository.folder.path
            ).status
        }
        #expect(try status(0) == 0)
        #expect(try status(2) == 125)
        let worse = try PolicyRepository(["ultimate", "task-pinned"])
        let outcome = try Shell.run(
            Executable.url.path, ["check", worse.trace] + worse.check, in: worse.folder.path)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("worse: guest:web-1/0 gp0 instructions"), "\(outcome.output)")
    }

    @Test("check says since when a guest is silent, by the checkpoints of its baseline")
    func dated() throws {
        let folder = try TemporaryFolder()
        let trace = PolicyRepository.root + "/Traces/agent-starves-guest.vpt"
        func check(_ policy: String, _ more: String...) throws -> Executable.Outcome {
            try Shell.run(
                Executable.url.path, ["check", trace, "--policy", policy, "--baseline", "b.txt"] + more, in: folder.path
            )
        }
        #expect(try check("ultimate", "--update").status == 0)
        let outcome = try check("emulated", "--require-owner", "guest:web-1")
        #expect(outcome.status == 1)
        // The guest programs its counters 5 ms into the trace; checkpoints are 25 ms apart.
        #expect(outcome.output.contains(", since 25000000 ns at the latest\n"), "\(outcome.output)")
    }

    @Test("Ctrl-C ends a bisection with 130, and its worktrees are gone")
    func interrupted() throws {
        let repository = try PolicyRepository(["ultimate", "ultimate", "task-pinned"])
        // The build command's parent is vpmu.
        let outcome = try Shell.run(
            Executable.url.path,
            [
                "bisect", repository.trace, "--policy", "made.yaml", "--build",
                "cp policy.yaml made.yaml; kill -INT $PPID",
            ]
                + ["--good", repository.commits[0], "--bad", "HEAD"], in: repository.folder.path)
        #expect(outcome.status == 130, "\(outcome.errors)")
        #expect(outcome.errors.hasSuffix("vpmu: interrupted\n"))
        let trees = try Shell.run("git", ["worktree", "list"], in: repository.folder.path).output
        #expect(trees.split(separator: "\n").count == 1)
    }

    @Test("check writes JUnit, SARIF, Markdown, annotations and JSON")
    func formats() throws {
        let repository = try PolicyRepository(["ultimate", "task-pinned"])
        let files = ["junit", "sarif", "markdown"].map { repository.folder.path + "/out.\($0)" }
        let outcome = try Shell.run(
            Executable.url.path,
            ["check", repository.trace] + repository.check
                + ["--junit", files[0], "--sarif", files[1], "--markdown", files[2], "--github", "--json"],
            in: repository.folder.path)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("::error file=policy.yaml,"))
        #expect(outcome.output.contains("\"verdict\" : \"worse\""))
        #expect(try String(contentsOfFile: files[0], encoding: .utf8).contains("<failure type=\"worse\""))
        #expect(try String(contentsOfFile: files[1], encoding: .utf8).contains("\"ruleId\" : \"vpmu/worse\""))
        #expect(try String(contentsOfFile: files[2], encoding: .utf8).contains("## vpmu check: worse"))
    }

    @Test("explain, bisect over time and over knobs, reduce and report answer for two policies")
    func pairs() throws {
        let folder = try TemporaryFolder()
        let trace = PolicyRepository.root + "/Traces/agent-starves-guest.vpt"
        func vpmu(_ arguments: String...) throws -> Executable.Outcome {
            try Shell.run(Executable.url.path, arguments, in: folder.path)
        }
        let explained = try vpmu("explain", trace, "--policy", "emulated", "--against", "ultimate")
        #expect(explained.status == 1)
        #expect(explained.output.contains("Cause: priority"), "\(explained.output)")
        #expect(try vpmu("explain", trace, "--policy", "emulated", "--against", "emulated").status == 0)
        let moment = try vpmu("bisect", trace, "--policy", "emulated", "--against", "ultimate")
        #expect(moment.output.contains("agent-starves-guest.vpt: at "), "\(moment.output)")
        let knobs = try vpmu(
            "bisect", trace, "--policy", "ultimate", "--against", "emulated", "--over", "knobs", "--owner",
            "guest:web-1")
        #expect(knobs.output.contains("guest-priority: ultimate → task-pinned"), "\(knobs.output)\(knobs.errors)")
        let small = folder.path + "/small.vpt"
        let reduced = try vpmu("reduce", trace, "--policy", "emulated", "--against", "ultimate", "-o", small)
        #expect(reduced.status == 0, "\(reduced.errors)")
        #expect(try vpmu("verify", small).status == 0)
        #expect(try vpmu("replay", "--self", small).status == 0)
        #expect(try vpmu("reduce", trace, "--policy", "emulated", "--against", "ultimate", "-o", small).status == 128)
        let page = folder.path + "/page.html"
        #expect(try vpmu("report", trace, "--policy", "emulated", "--policy", "mediated", "-o", page).status == 0)
        #expect(try String(contentsOfFile: page, encoding: .utf8).contains("guest:web-1/0"))
    }
}
