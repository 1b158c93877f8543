import Foundation
import Testing
import Trace

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

    @Test("an owner that no trace has is named, with those that it has, and nothing is said to be alike")
    func unknownOwner() throws {
        let folder = try TemporaryFolder()
        let trace = PolicyRepository.root + "/Traces/agent-starves-guest.vpt"
        let pair = [trace, "--policy", "emulated", "--against", "ultimate", "--owner", "guest:web-2"]
        for command in [["bisect"], ["bisect", "--count-differs"], ["explain"], ["reduce", "-o", "small.vpt"]] {
            let outcome = try Shell.run(Executable.url.path, command + pair, in: folder.path)
            #expect(outcome.status == 125, "\(command): \(outcome.output)\(outcome.errors)")
            #expect(outcome.errors.contains("no guest:web-2 in it; it has guest:web-1/0, guest:web-1/1, "))
        }
    }

    @Test(
        "options of a bisection that contradict each other are wrong usage",
        arguments: [
            ["--count-differs", "--time-differs"], ["--over", "knobs", "--count-differs"], ["--jobs", "2"],
            ["--build", "make"], ["--good", "main"],
        ])
    func contradictions(_ options: [String]) throws {
        let trace = PolicyRepository.root + "/Traces/agent-starves-guest.vpt"
        let outcome = try Executable.run(
            ["bisect", trace, "--policy", "emulated", "--against", "ultimate"] + options)
        #expect(outcome.status == 129, "\(outcome.output)\(outcome.errors)")
    }

    @Test(
        "a file that cannot be written is one line that names it, and 128",
        arguments: [["--junit"], ["--sarif"], ["--markdown"]])
    func unwritable(_ option: [String]) throws {
        let folder = try TemporaryFolder()
        let trace = PolicyRepository.root + "/Traces/agent-starves-guest.vpt"
        let check = ["check", trace, "--policy", "emulated", "--baseline", "b.txt"]
        #expect(try Shell.run(Executable.url.path, check + ["--update"], in: folder.path).status == 0)
        let outcome = try Shell.run(Executable.url.path, check + option + ["nowhere/out"], in: folder.path)
        #expect(outcome.status == 128)
        #expect(outcome.errors.hasPrefix("vpmu: "), "\(outcome.errors)")
        #expect(
            outcome.errors.hasSuffix("nowhere/out: No such file or directory; check the path and its permissions\n"))
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }

    /// The trace of the project with a loss put in.
    private func lossy(_ loss: LostRecords?, in folder: TemporaryFolder) throws -> String {
        let reader = try TraceReader(path: PolicyRepository.root + "/Traces/agent-starves-guest.vpt")
        let path = folder.path + "/lossy.vpt"
        let writer = try TraceWriter(path: path, metadata: reader.metadata, options: .init(existing: .replace))
        for comm in reader.comms { _ = writer.comm(comm) }
        try reader.forEachEvent { event, _ in try writer.append(event) }
        if let loss { try writer.append(loss) }
        try writer.finish()
        return path
    }

    @Test("loss in the interval that matters is 125 with the interval; the same loss elsewhere leaves a verdict")
    func loss() throws {
        let folder = try TemporaryFolder()
        func check(_ loss: LostRecords, _ owner: String) throws -> Executable.Outcome {
            let trace = try lossy(loss, in: folder)
            let check = ["check", trace, "--policy", "emulated", "--baseline", "b.txt"]
            try? FileManager.default.removeItem(atPath: folder.path + "/b.txt")
            #expect(try Shell.run(Executable.url.path, check + ["--update"], in: folder.path).status == 0)
            return try Shell.run(Executable.url.path, check + ["--require-owner", owner], in: folder.path)
        }
        func lost(_ pcpu: UInt16, _ from: UInt64, _ to: UInt64) -> LostRecords {
            LostRecords(pcpu: pcpu, kind: nil, count: 7, earliest: from, latest: to)
        }
        // vCPU 0 is on cpu 0, vCPU 1 on cpu 1.
        let middle = try check(lost(0, 50_000_000, 80_000_000), "guest:web-1/0")
        #expect(middle.status == 125, "\(middle.output)")
        #expect(middle.output.contains("from 50000000 to 80000000 ns: 7 records were lost"), "\(middle.output)")
        #expect(try check(lost(1, 50_000_000, 80_000_000), "guest:web-1/0").status == 0)
        #expect(try check(lost(0, 50_000_000, 80_000_000), "guest:web-1/1").status == 0)
        // At the edges, and over them.
        #expect(try check(lost(0, 0, 200_000_000), "guest:web-1/0").status == 125)
        #expect(try check(lost(0, 190_000_000, .max), "guest:web-1/0").status == 125)
        #expect(try check(lost(0, 900_000_000, .max), "guest:web-1/0").status == 0)
    }

    @Test("a trace whose writer was killed cannot be judged from where a CPU's records end")
    func unfinished() throws {
        let folder = try TemporaryFolder()
        let whole = try Data(contentsOf: URL(fileURLWithPath: try lossy(nil, in: folder)))
        let reader = try TraceReader(path: folder.path + "/lossy.vpt")
        let last = try #require(reader.blocks.max { $0.offset < $1.offset })
        // The last block, one pCPU's all, never got out.
        try whole.prefix(Int(last.offset)).write(to: URL(fileURLWithPath: folder.path + "/cut.vpt"))
        let check = ["check", "cut.vpt", "--policy", "emulated", "--baseline", "b.txt"]
        #expect(try Shell.run(Executable.url.path, check + ["--update"], in: folder.path).status == 0)
        let gone = try Shell.run(
            Executable.url.path, check + ["--require-owner", "guest:web-1/\(last.pcpu)"], in: folder.path)
        #expect(gone.status == 125, "\(gone.output)")
        let there = try Shell.run(
            Executable.url.path, check + ["--require-owner", "guest:web-1/\(1 - last.pcpu)"], in: folder.path)
        #expect(there.status == 0, "\(there.output)")
    }

    @Test("one bad of 200 policies is found in at most ceil(log2 n) + 2 replays for each of two traces")
    func twoHundred() throws {
        let folder = try TemporaryFolder()
        let (culprit, broken) = (137, Set([3, 50, 99, 100, 101, 120, 133, 140, 150, 180]))
        var stream = ""
        for number in 0..<200 {
            let rest =
                broken.contains(number)
                ? "guest-prority: ultimate" : "guest-priority: \(number < culprit ? "ultimate" : "task-pinned")"
            let policy = "# revision \(number)\nname: mine\npinned-misfit: retry-at-sched-in\n\(rest)\n"
            stream += "commit refs/heads/main\ncommitter T <t@example.org> \(1_000_000 + number) +0000\ndata 1\nr\n"
            stream += "M 100644 inline policy.yaml\ndata \(policy.utf8.count)\n\(policy)\n"
        }
        try folder.write("stream", stream)
        #expect(try Shell.run("git", ["init", "-q", "-b", "main"], in: folder.path).status == 0)
        #expect(try Shell.run("sh", ["-c", "git fast-import --quiet < stream"], in: folder.path).status == 0)
        let traces = ["agent-starves-guest", "error-cascade"].map { PolicyRepository.root + "/Traces/\($0).vpt" }
        func bisect(_ jobs: String) throws -> [String: Any] {
            let outcome = try Shell.run(
                Executable.url.path,
                ["bisect"] + traces + ["--policy", "policy.yaml", "--good", "main~199", "--bad", "main", "--json"]
                    + ["--jobs", jobs, "--forget"], in: folder.path)
            #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
            return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        }
        let found = try bisect("1")
        let commit = try Shell.run("git", ["rev-parse", "main~\(199 - culprit)"], in: folder.path).output
        #expect((found["firstBad"] as? String) == commit.trimmingCharacters(in: .whitespacesAndNewlines))
        let skipped = (found["probes"] as? [[String: Any]])?.count { $0["answer"] as? String == "skip" } ?? 0
        let replays = try #require(found["replays"] as? Int)
        #expect(replays <= traces.count * (8 + 2 + skipped))
        #expect((try bisect("2")["firstBad"] as? String) == (found["firstBad"] as? String))
    }
}
