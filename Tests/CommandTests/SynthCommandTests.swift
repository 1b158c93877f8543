import Foundation
import Testing

@Suite("vpmu synth and conformance")
struct SynthCommandTests {
    private static let traces = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Traces")
    private let scenario = traces.appendingPathComponent("error-cascade.yaml").path

    @Test("a scenario gives a trace for its owner alone, and the true counts as JSON")
    func good() throws {
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let trace = directory.url.appendingPathComponent("t.vpt").path
        let truth = directory.url.appendingPathComponent("t.json").path
        let outcome = try Executable.run(["synth", scenario, "-o", trace, "--truth", truth])
        #expect(outcome.status == 0)
        #expect(outcome.output.isEmpty && outcome.errors.isEmpty)
        let mode = try FileManager.default.attributesOfItem(atPath: trace)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: truth)))
        let series = try #require((object as? [String: Any])?["series"] as? [[String: Any]])
        #expect(series.contains { $0["owner"] as? String == "guest:db-7/0" && $0["counter"] as? String == "fixed0" })
    }

    @Test("neither the trace nor the truth is overwritten without --force")
    func overwrite() throws {
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let there = directory.url.appendingPathComponent("there").path
        let fresh = directory.url.appendingPathComponent("fresh").path
        try Data("mine".utf8).write(to: URL(fileURLWithPath: there))
        for arguments in [["-o", there], ["-o", fresh, "--truth", there]] {
            let outcome = try Executable.run(["synth", scenario] + arguments)
            #expect(outcome.status == 128)
            #expect(outcome.errors.contains("\(there): exists already"))
        }
        #expect(try String(contentsOfFile: there, encoding: .utf8) == "mine")
        #expect(!FileManager.default.fileExists(atPath: fresh))
        #expect(try Executable.run(["synth", scenario, "-o", there, "--force"]).status == 0)
    }

    @Test("a scenario with an unknown key is one line with file, line and column, and leaves no trace")
    func unknownKey() throws {
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let file = directory.url.appendingPathComponent("s.yaml").path
        let trace = directory.url.appendingPathComponent("s.vpt").path
        try Data("processor: {model: zen2}\nduration: 1s\nvmss: []\n".utf8).write(to: URL(fileURLWithPath: file))
        let outcome = try Executable.run(["synth", file, "-o", trace])
        #expect(outcome.status == 128)
        #expect(outcome.errors.hasPrefix("vpmu: \(file):3:1: unknown key `vmss`"))
        #expect(outcome.errors.filter { $0 == "\n" }.count == 1)
        #expect(!FileManager.default.fileExists(atPath: trace))
    }

    @Test("an unknown policy and two standard outputs are wrong usage")
    func usage() throws {
        #expect(try Executable.run(["synth", scenario, "-o", "-", "--truth", "-"]).status == 129)
        #expect(try Executable.run(["synth", scenario, "-o", "/dev/null", "--policy", "no-such"]).status == 129)
        #expect(try Executable.run(["synth", scenario]).status == 129)
    }

    @Test("conformance: 0 where all agree, 1 where a case differs, 128 where a file is none")
    func conformance() throws {
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let question =
            #"{"gpmax":4,"constraints":[{"idxmsk":"0x2","weight":1,"overlap":0}],"unsched":0,"assign":[ANSWER]}"#
        func status(_ content: String) throws -> (Int32, String) {
            let file = directory.url.appendingPathComponent(UUID().uuidString).path
            try Data(content.utf8).write(to: URL(fileURLWithPath: file))
            let outcome = try Executable.run(["conformance", file])
            return (outcome.status, outcome.output + outcome.errors)
        }
        #expect(try status(question.replacingOccurrences(of: "ANSWER", with: "1")).0 == 0)
        let (different, text) = try status(question.replacingOccurrences(of: "ANSWER", with: "0"))
        #expect(different == 1)
        #expect(text.contains(":1: assign is [0], ours [1]") && text.hasSuffix("0 passed, 1 failed\n"))
        #expect(try status("no case\n").0 == 128)
    }
}
