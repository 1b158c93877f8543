import Foundation
import TestSupport
import Testing

/// Policies in C through git: a revision that makes guests lose counts, one that crashes, found as kernel code would
/// be.
@Suite("Bisecting a policy in C", .enabled(if: Shell.isInstalled("cc"), "needs a C compiler"))
struct CPolicyBisectTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// Revisions of the example: good, good, one that crashes, one whose enable leaves ERROR alone, and one after it.
    private static func revisions() throws -> [String] {
        let good = try String(contentsOfFile: root + "/Tools/policies/perf_like.c", encoding: .utf8)
        let enable = "if (state != VPMU_OFF && state != VPMU_ERROR) return;"
        try #require(good.components(separatedBy: enable).count == 2)
        let crash = good.replacingOccurrences(of: enable, with: "*(volatile int *)0 = 1;")
        let bad = good.replacingOccurrences(of: enable, with: "if (state != VPMU_OFF) return;")
        return [good, good + "/* same */\n", crash, bad, bad + "/* more */\n"]
    }

    @Test("bisect builds each revision, skips the one that crashes and names the first that is worse")
    func bisect() throws {
        let folder = try TemporaryFolder()
        func git(_ arguments: String...) throws -> String {
            try Shell.run("git", ["-C", folder.path] + arguments).output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        _ = try git("init", "-q", "-b", "main")
        _ = try git("config", "user.email", "t@example.org")
        _ = try git("config", "user.name", "T")
        var commits: [String] = []
        for (number, source) in try Self.revisions().enumerated() {
            try folder.write("policy.c", source)
            _ = try git("add", "policy.c")
            _ = try git("commit", "-q", "-m", "revision \(number)")
            commits.append(try git("rev-parse", "HEAD"))
        }
        let trace = Self.root + "/Traces/error-cascade.vpt"
        let build = "cc -std=gnu11 -shared -fPIC -O1 -I '\(Self.root)/Sources/CPolicy/include' -o policy.so policy.c"
        let outcome = try Shell.vpmu(
            "bisect", trace, "--policy", "policy.so", "--build", build, "--good", commits[0], "--bad", "main",
            "--json", in: folder.path)
        #expect(outcome.status == 0 || outcome.status == 125, "\(outcome.errors)")
        #expect(outcome.output.contains(commits[3]), "\(outcome.output)\(outcome.errors)")
        #expect(try JSONSchema.published("Bisect/Schema/bisect").violations(outcome.output) == [])
        // check gives the three answers that git bisect run understands.
        let baseline = folder.path + "/.git/good.baseline"
        func check(_ commit: String, _ more: String...) throws -> Int32 {
            _ = try git("checkout", "-q", commit)
            #expect(try Shell.run("sh", ["-c", build], in: folder.path).status == 0)
            return try Shell.run(
                Executable.url.path, ["check", trace, "--policy", "./policy.so", "--baseline", baseline] + more,
                in: folder.path
            ).status
        }
        #expect(try check(commits[0], "--update") == 0)
        #expect(try check(commits[1]) == 0)
        #expect(try check(commits[2]) == 125)
        #expect(try check(commits[3]) == 1)
    }
}
