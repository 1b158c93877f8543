import Foundation
import Host
import TestSupport
import Testing

@Suite("Answers of the kernel's own scheduling code")
struct ConformanceTests {
    static let shared = SharedData.url("kernel")

    private func differences(_ url: URL) throws -> (cases: Int, differences: [String]) {
        var cases = 0
        var differences: [String] = []
        try Conformance.run(file: url.path) { outcome, _ in
            cases += 1
            if let difference = outcome.difference { differences.append("line \(outcome.line): \(difference)") }
        }
        return (cases, differences)
    }

    @Test("the project's own subset agrees, case by case", arguments: ["assignment", "scheduling"])
    func subset(name: String) throws {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: "jsonl"))
        let result = try differences(url)
        #expect(result.cases >= 48)
        #expect(result.differences == [])
    }

    @Test(
        "the whole collection agrees, plain and compressed",
        .enabled(
            if: shared != nil, "the collection lies beside the checkout (../shared or VPMU_SHARED) and is not here"),
        arguments: ["assign.jsonl.zst", "assign_edge.jsonl", "assign_pair.jsonl", "sched.jsonl.zst"])
    func collection(name: String) throws {
        let shared = try #require(ConformanceTests.shared)
        let result = try differences(shared.appendingPathComponent(name))
        #expect(result.cases > 0)
        #expect(result.differences == [])
    }

    @Test("an altered answer is named with its line and step")
    func altered() throws {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/scheduling", withExtension: "jsonl"))
        let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
        let altered = lines[0].replacingOccurrences(of: #""A",0]"#, with: #""A",1]"#)
        #expect(altered != lines[0])
        let outcomes = try Conformance.run(lines: Data((altered + "\n" + lines[1]).utf8))
        #expect(outcomes[0].difference?.hasPrefix("step ") == true)
        #expect(outcomes[1].difference == nil)
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        var name: String
        var content: [UInt8]
        var reason: String
        var testDescription: String { name }
        init(_ name: String, _ content: [UInt8], _ reason: String) {
            self.name = name
            self.content = content
            self.reason = reason
        }
    }

    @Test(
        "a file that is no case file is refused in one line that names it",
        arguments: [
            Bad("empty", [], "holds no case"),
            Bad("text", Array("hello\n".utf8), ":1: not a conformance case"),
            Bad("another JSON", Array("{\"a\": 1}\n".utf8), ":1: not a conformance case"),
            Bad("a truncated zstd frame", [0x28, 0xb5, 0x2f, 0xfd, 0x24], "ends in the middle"),
            Bad(
                "a broken zstd frame", [0x28, 0xb5, 0x2f, 0xfd, 0x08] + [UInt8](repeating: 0xff, count: 20),
                "is damaged"),
            Bad(
                "an unknown operation",
                Array(
                    #"{"pmu":{"flavor":"intel","gp":4,"fixed":3,"full_width":1},"events":[],"steps":[{"op":"dance","state":[],"msr":[]}]}"#
                        .utf8), "`dance` is unknown"),
            Bad(
                "an unknown flavour",
                Array(#"{"pmu":{"flavor":"vax","gp":4,"fixed":3,"full_width":1},"events":[],"steps":[]}"#.utf8),
                "flavor vax"),
        ])
    func refused(_ bad: Bad) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("vpmu-\(UUID().uuidString).jsonl").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(bad.content).write(to: URL(fileURLWithPath: path))
        let failure = #expect(throws: Conformance.Failure.self) { try Conformance.run(file: path) { _, _ in } }
        let text = failure.map { "\($0)" } ?? ""
        #expect(text.hasPrefix(path))
        #expect(text.contains(bad.reason))
        #expect(!text.contains("\n"))
    }
}
