import Foundation
import Testing

@Suite("vpmu diff")
struct DiffCommandTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The JSON of a replay with one guest counter.
    private static func counts(_ fields: String, silentNs: Int = 0) -> String {
        """
        {"schemaVersion":1,"policy":"p","series":[{"owner":"guest:vm/0","pcpu":null,"counter":"gp0","event":"0xc0",
        \(fields),"reason":"","enabledNs":100,"runningNs":100,"silentNs":\(silentNs),"blindNs":0}]}
        """
    }

    private static let exact = counts(#""count":1000,"lo":1000,"hi":1000,"mark":"exact""#)
    private static let fewer = counts(#""count":990,"lo":990,"hi":990,"mark":"exact""#)
    private static let more = counts(#""count":5000,"lo":5000,"hi":5000,"mark":"exact""#)
    private static let around = counts(#""count":null,"lo":900,"hi":1100,"mark":"bounded""#)
    private static let above = counts(#""count":null,"lo":1001,"hi":2000,"mark":"bounded""#)
    private static let unknown = counts(#""count":null,"lo":null,"hi":null,"mark":"unknown""#)

    @Test(
        "the exit status is 0 for same, 1 for different, 125 where it cannot be judged",
        arguments: [
            (exact, exact, [], 0), (exact, fewer, [], 1), (exact, more, [], 1),
            (exact, fewer, ["--tolerance", "1%"], 0), (exact, fewer, ["--tolerance", "9"], 1),
            (exact, fewer, ["--tolerance", "10"], 0), (exact, around, [], 125),
            (exact, around, ["--tolerance", "100"], 0),
            (exact, above, [], 1), (above, around, [], 125), (exact, unknown, [], 125), (unknown, unknown, [], 125),
        ] as [(String, String, [String], Int32)])
    func statuses(a: String, b: String, options: [String], expected: Int32) throws {
        try folder.write("a.json", a)
        try folder.write("b.json", b)
        let outcome = try Executable.run(["diff", folder.path + "/a.json", folder.path + "/b.json"] + options)
        #expect(outcome.status == expected, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.errors.isEmpty)
    }

    @Test("what cannot be read ends with 128 and one line that names the file")
    func unreadable() throws {
        try folder.write("a.json", Self.exact)
        try folder.write("empty", "")
        try folder.write("text", "hello\n")
        try folder.write("other.json", #"{"schemaVersion":9}"#)
        for name in ["empty", "text", "other.json", "missing"] {
            let outcome = try Executable.run(["diff", folder.path + "/a.json", folder.path + "/" + name])
            #expect(outcome.status == 128)
            #expect(outcome.output.isEmpty)
            #expect(
                outcome.errors.contains(name) && outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        }
    }

    @Test("wrong usage ends with 129", arguments: [["a"], ["a", "b", "--tolerance", "-1"], ["a", "b", "--nonsense"]])
    func usage(arguments: [String]) throws {
        #expect(try Executable.run(["diff"] + arguments).status == 129)
    }

    @Test("JSON has the answer, the verdict of each owner and each series")
    func json() throws {
        try folder.write("a.json", Self.exact)
        try folder.write("b.json", Self.fewer)
        let outcome = try Executable.run(["diff", "--json", folder.path + "/a.json", folder.path + "/b.json"])
        let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        #expect(json?["answer"] as? String == "different")
        let owners = json?["owners"] as? [[String: Any]]
        #expect(owners?.first?["verdict"] as? String == "worse")
        #expect((json?["series"] as? [[String: Any]])?.count == 1)
    }

    @Test(
        "git bisect run finds the revision whose counts differ, skipping those that cannot be judged",
        .enabled(if: Shell.isInstalled("git"), "no git here"))
    func bisect() throws {
        func git(_ arguments: String...) throws -> Executable.Outcome {
            try Shell.run("git", ["-c", "user.name=t", "-c", "user.email=t@example.com"] + arguments, in: folder.path)
        }
        #expect(try git("init", "-q").status == 0)
        try folder.write("baseline.json", Self.exact)
        let revisions = [
            Self.exact, Self.exact, Self.unknown, Self.exact, Self.exact, Self.fewer, Self.fewer, Self.unknown,
            Self.fewer,
        ]
        for (number, revision) in revisions.enumerated() {
            try folder.write("counts.json", revision)
            try folder.write("number", "\(number)")
            _ = try git("add", "-A")
            #expect(try git("commit", "-q", "-m", "revision \(number)").status == 0)
        }
        #expect(try git("bisect", "start", "HEAD", "HEAD~\(revisions.count - 1)").status == 0)
        let run = try git("bisect", "run", "vpmu", "diff", "baseline.json", "counts.json")
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        #expect(try git("log", "-1", "--format=%s", "refs/bisect/bad").output == "revision 5\n")
        let typo = try git("bisect", "run", "vpmu", "diff", "--nonsense", "baseline.json", "counts.json")
        #expect(typo.status != 0, "\(typo.output)")
    }
}
