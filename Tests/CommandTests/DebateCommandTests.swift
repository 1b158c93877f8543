import Foundation
import Testing

/// Commands over whole policies: compare and plan, as programs and people read them.
@Suite("vpmu compare and plan")
struct DebateCommandTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    private static let traces = root + "/Traces"

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test("compare over a folder sums up every trace and lists the worst off first, and --worst cuts the list")
    func folder() throws {
        let all = try Executable.run(["compare", Self.traces, "--policy", "emulated", "--policy", "mediated", "--json"])
        #expect(all.status == 0)
        let document = try object(all.output)
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.traces).filter { $0.hasSuffix(".vpt") }
        #expect(Set(try #require(document["traces"] as? [String])) == Set(files))
        let policies = try #require(document["policies"] as? [[String: Any]])
        #expect(policies.compactMap { $0["policy"] as? String } == ["emulated", "mediated"])
        let parties = try #require(document["parties"] as? [[String: Any]])
        let harms = parties.map { one in
            ["lostNs", "silentNs", "blindNs"].reduce(0) { $0 + ((one[$1] as? Int) ?? 0) }
        }
        #expect(harms == harms.sorted(by: >) && harms[0] > 0)
        // What is summed per policy is what the parties have.
        for policy in policies {
            let own = parties.filter { $0["policy"] as? String == policy["policy"] as? String }
            #expect(own.reduce(0) { $0 + (($1["silentNs"] as? Int) ?? 0) } == policy["silentNs"] as? Int)
            #expect(own.reduce(0) { $0 + (($1["told"] as? Int) ?? 0) } == policy["told"] as? Int)
        }
        let three = try object(
            Executable.run([
                "compare", Self.traces, "--policy", "emulated", "--policy", "mediated", "--json", "--worst", "3",
            ]).output)
        #expect((three["parties"] as? [[String: Any]])?.count == 3)
        let text = try Executable.run(["compare", Self.traces, "--policy", "emulated", "--worst", "2"]).output
        #expect(text.contains("Policies, over \(files.count) traces") && text.contains("more (--worst N shows N)"))
    }

    @Test("one trace alone keeps its form, and one thread and two give the same bytes")
    func oneTrace() throws {
        let trace = Self.traces + "/watchdogs.vpt"
        let one = try Executable.run(["compare", trace, "--json", "--threads", "1"])
        let two = try Executable.run(["compare", trace, "--json", "--threads", "2", "--check-laws"])
        #expect(one.status == 0 && one.output == two.output)
        #expect(try JSONSerialization.jsonObject(with: Data(one.output.utf8)) is [[String: Any]])
    }

    @Test("plan answers 0 where a plan ends all silence, 1 where none does, 129 for sets that are none")
    func plan() throws {
        let trace = Self.traces + "/agent-starves-guest.vpt"
        let good = try Executable.run(["plan", trace, "--json"])
        #expect(good.status == 0)
        let document = try object(good.output)
        #expect(document["counters"] as? Int == 4 && document["endsSilence"] as? Bool == true)
        #expect(try Executable.run(["plan", trace, "--pcpus", "1"]).status == 1)
        for bad in [["--pcpus", "x"], ["--pcpus", "0-1", "--pcpus", "1"], ["--tries", "0"], ["--policy", "nobody"]] {
            #expect(try Executable.run(["plan", trace] + bad).status == 129, "\(bad)")
        }
        #expect(try Executable.run(["plan", "/nowhere.vpt"]).status == 128)
    }
}
