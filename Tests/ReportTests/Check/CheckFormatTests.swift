import Counts
import Foundation
import Testing

@testable import Report

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("Formats of a check")
struct CheckFormatTests {
    /// A trace in which one vCPU lost counts, one cannot be judged, a host owner gained, and one is as it was.
    static func report(name: String = "a & <b>.vpt") -> CheckReport {
        func series(_ owner: String, _ reading: Reading) -> Series {
            Series(key: SeriesKey(owner: owner, counter: "gp0", event: "cycles"), reading: reading, enabledNs: 10)
        }
        let owners = ["guest:vm0/0", "guest:vm0/1", "guest:vm1/0", "host:agent"]
        let before = CountsTable(policy: "p", series: owners.map { series($0, .exact(100)) })
        let now = CountsTable(
            policy: "p",
            series: zip(owners, [Reading.exact(40), .unknown, .exact(100), .exact(120)]).map { series($0, $1) })
        return CheckReport(
            policy: "p.yaml", baseline: "ci/p.baseline",
            traces: [
                TraceJudgement(trace: name, finding: .compared(TableDiff(before, now))),
                TraceJudgement(trace: "z.vpt", finding: .unusable("p.yaml:3: unknown key `x`\nsecond")),
            ])
    }

    private final class Tally: NSObject, XMLParserDelegate {
        var elements: [String: Int] = [:]
        var messages: [String] = []
        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            elements[name, default: 0] += 1
            if let message = attributes["message"] { messages.append(message) }
        }
    }

    @Test("JUnit XML parses, with a failure for what is worse and an error for what cannot be judged")
    func junit() throws {
        let parser = XMLParser(data: Data(Self.report(name: "a \u{1} & <\"b'>.vpt").junit.utf8))
        let tally = Tally()
        parser.delegate = tally
        #expect(parser.parse())
        #expect(
            tally.elements == [
                "testsuites": 1, "testsuite": 2, "testcase": 5, "failure": 1, "error": 2, "system-out": 1,
            ])
        #expect(tally.messages.contains("guest:vm0/0 gp0 cycles: counted 100, then 40"))
    }

    @Test(
        "SARIF has the standard's required properties, a rule per verdict and a fingerprint that numbers do not change")
    func sarif() throws {
        let text = try Self.report().sarif(file: "policies/my p.yaml", version: "1.2.3")
        let log = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(log["version"] as? String == "2.1.0")
        let run = try #require((log["runs"] as? [[String: Any]])?.first)
        let driver = try #require((run["tool"] as? [String: Any])?["driver"] as? [String: Any])
        let rules = try #require(driver["rules"] as? [[String: Any]]).map { $0["id"] as? String }
        let results = try #require(run["results"] as? [[String: Any]])
        #expect(results.map { $0["level"] as? String } == ["error", "warning", "note", "warning"])
        for result in results {
            let index = try #require(result["ruleIndex"] as? Int)
            #expect(rules[index] == result["ruleId"] as? String)
            #expect((result["message"] as? [String: Any])?["text"] is String)
            let location = try #require((result["locations"] as? [[String: Any]])?.first)
            let physical = try #require(location["physicalLocation"] as? [String: Any])
            #expect((physical["artifactLocation"] as? [String: Any])?["uri"] as? String == "policies/my%20p.yaml")
        }
        let prints = results.compactMap { ($0["partialFingerprints"] as? [String: String])?["series/v1"] }
        #expect(Set(prints).count == results.count)
    }

    @Test("GitHub annotations escape what would end them, and the tenth tells of the rest")
    func annotations() {
        let text = Self.report(name: "a:b,c%").gitHubAnnotations(file: "p.yaml")
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines[0].hasPrefix("::error file=p.yaml,title=a%3Ab%2Cc%25%3A worse::guest:vm0/0 gp0 cycles"))
        #expect(lines.count == 3)
        #expect(lines[2].contains("%0Asecond"))
        let many = (0..<30).map { number in
            TraceJudgement(trace: "\(number)", finding: .unusable("no"))
        }
        let limited = CheckReport(policy: "p", baseline: "b", traces: many).gitHubAnnotations(file: nil)
        #expect(limited.split(separator: "\n").count == 10)
        #expect(limited.contains("21 more cannot judge"))
    }

    @Test("the Markdown summary keeps names from the trace out of its markup")
    func markdown() {
        let text = Self.report(name: "a|b<script>`\n").markdown
        #expect(!text.contains("<script>"))
        #expect(text.contains("a\\|b&lt;script&gt;\\`"))
        #expect(text.contains("| guest:vm0 | worse | guest:vm0/0 gp0 cycles: counted 100, then 40 |"))
        #expect(text.hasPrefix("## vpmu check: worse\n"))
    }

    @Test("the terminal shows VMs with their verdicts and ends with the verdict in words")
    func text() {
        let text = Self.report().text(.plain)
        #expect(text.hasSuffix("\nWorse: p.yaml on 2 traces, 1 worse, 1 cannot judge.\n"))
        #expect(text.contains("worse: guest:vm0/0 gp0 cycles: counted 100, then 40"))
        #expect(!text.contains("\u{1b}"))
    }
}
