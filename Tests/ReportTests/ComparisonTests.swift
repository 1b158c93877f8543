import Counts
import Testing

@testable import Report

@Suite("The comparison of policies")
struct ComparisonTests {
    static func table(
        _ policy: String, _ reading: Reading, silent: UInt64 = 0, blind: UInt64 = 0, writes: UInt64 = 0,
        openLoop: [OpenLoopItem] = []
    ) -> CountsTable {
        var operations = OperationCounts(owner: "guest:web/0")
        operations.registersWrittenAtEntry = writes
        return CountsTable(
            policy: policy,
            series: [
                Series(
                    key: SeriesKey(owner: "guest:web/0", counter: "gp0", event: "instructions"), reading: reading,
                    enabledNs: 2_000_000_000, runningNs: 2_000_000_000 - silent, silentNs: silent),
                Series(
                    key: SeriesKey(owner: "host:agent", pcpu: 0, event: "cycles"), reading: .exact(5),
                    enabledNs: 4_000_000_000, runningNs: 4_000_000_000 - blind, blindNs: blind),
            ],
            operations: [operations], openLoop: openLoop,
            displaced: blind == 0
                ? []
                : [
                    DisplacedEvent(
                        owner: "host:agent", pcpu: 0, event: "cycles", since: 0, lostNs: blind, reason: "ceded")
                ])
    }

    static let starved = table("emulated", .exact(0), silent: 2_000_000_000, writes: 3)
    static let ceded = table("mediated", .bounded(10_000, 20_000), blind: 1_500_000_000, writes: 40_000)

    @Test("the starved guest, what mediated changes for it, and what the host loses are said in words")
    func words() {
        let words = Comparison([Self.starved, Self.ceded]).words
        #expect(words.contains { $0.contains("guest:web/0 gp0 instructions counts nothing under emulated") })
        let contrast = words.first { $0.hasPrefix("mediated against emulated") }
        #expect(contrast?.contains("guest counters are no longer silent (2.000 s before)") == true)
        #expect(contrast?.contains("host events are blind for 1.500 s instead of 0") == true)
        #expect(contrast?.contains("1 better") == true)
        #expect(words.contains("Register writes range from 3 (emulated) to 40,000 (mediated)."))
    }

    @Test("a policy that changes nothing is said to change nothing")
    func unchanged() {
        var twin = Self.starved
        twin.policy = "twin"
        #expect(Comparison([Self.starved, twin]).words.contains("twin changes nothing against emulated."))
    }

    @Test("policies that change the same share a sentence")
    func grouped() {
        var (twin, second) = (Self.starved, Self.ceded)
        twin.policy = "twin"
        second.policy = "second"
        let words = Comparison([Self.starved, Self.ceded, twin, second, Self.starved]).words
        #expect(words.contains { $0.hasPrefix("mediated, second against emulated: ") })
        #expect(words.contains("twin, emulated change nothing against emulated."))
    }

    @Test("open-loop moments are named")
    func openLoop() {
        let table = Self.table(
            "none", .exact(1), openLoop: [OpenLoopItem(time: 1, owner: nil, cause: "access refused")])
        #expect(Comparison([table]).words.contains { $0.contains("none 1") })
    }

    @Test("the tables show counts with marks, silent shares, blind time, displaced events and register writes")
    func tables() {
        let text = Comparison([Self.starved, Self.ceded]).text(.plain)
        let lines = text.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(lines.contains(["emulated", "1", "0", "0", "2.000", "s", "0", "0", "0", "3", "0"]))
        #expect(lines.contains(["mediated", "0", "1", "0", "0", "1.500", "s", "1", "0", "40,000", "0"]))
        #expect(lines.contains(["guest:web/0", "gp0", "instructions", "0", "10,000", "...", "20,000"]))
        #expect(lines.contains(["guest:web/0", "gp0", "instructions", "100%", "0%"]))
        #expect(lines.contains(["host:agent", "cpu", "0", "cycles", "0", "1.500", "s"]))
    }

    @Test("many policies are folded to the terminal's width")
    func folding() {
        let tables = (0..<12).map { Self.table("policy-number-\($0)", .exact(UInt64($0))) }
        let text = Comparison(tables).text(Terminal(colour: .none, width: 80))
        let counts = text.split(separator: "Guest counts\n")[1].split(separator: "\n\nFairness")[0]
        #expect(counts.split(separator: "\n").allSatisfy { $0.count <= 80 })
        #expect((0..<12).allSatisfy { counts.contains("policy-number-\($0)") })
    }

    @Test("a long list shows what tells the policies apart and counts the rest")
    func longList() {
        func many(_ policy: String, odd: UInt64) -> CountsTable {
            CountsTable(
                policy: policy,
                series: (0..<100).map {
                    Series(
                        key: SeriesKey(owner: "guest:v/\($0)", counter: "gp0", event: "x"),
                        reading: .exact($0 == 77 ? odd : 1))
                })
        }
        let text = Comparison([many("a", odd: 1), many("b", odd: 2)]).text(.plain)
        #expect(text.contains("guest:v/77 gp0 x  1  2"))
        #expect(!text.contains("guest:v/76"))
        #expect(text.contains("and 99 more series"))
        #expect(Comparison([many("a", odd: 1)]).text(.plain, length: .all).contains("guest:v/99"))
    }

    @Test("series that only some policies have are shown by a dash")
    func missing() {
        let none = CountsTable(policy: "none", series: [])
        let text = Comparison([Self.starved, none]).text(.plain)
        let lines = text.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(lines.contains(["guest:web/0", "gp0", "instructions", "0", "-"]))
    }

    @Test("Jain's index is 1 for equal shares and 1/n where one has everything")
    func fairness() throws {
        func rows(_ running: [UInt64]) -> [Series] {
            running.map {
                Series(
                    key: SeriesKey(owner: "guest:a/0", event: "x"), reading: .exact(0), enabledNs: 100, runningNs: $0)
            }
        }
        #expect(try #require(Fairness(rows([50, 50, 50]))).jain == 1)
        #expect(try #require(Fairness(rows([100, 0, 0, 0]))).jain == 0.25)
        #expect(try #require(Fairness(rows([20, 80]))).least == 0.2)
        #expect(Fairness([]) == nil)
    }
}
