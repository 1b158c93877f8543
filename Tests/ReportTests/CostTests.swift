import Counts
import Testing

@testable import Report

@Suite("Overhead in time, by a stated cost table")
struct CostTests {
    private static let text = """
        source: measured on an example host
        intercepted-access: 1200
        register-write: 100
        """

    private func table(_ policy: String, accesses: UInt64, writes: UInt64) -> CountsTable {
        var guest = OperationCounts(owner: "guest:vm0/0")
        guest.interceptedAccesses = accesses
        guest.registersWrittenAtEntry = writes
        return CountsTable(policy: policy, series: [], operations: [guest, OperationCounts(owner: "host")])
    }

    @Test("each vCPU's time is its operations times their costs")
    func time() throws {
        let costs = try CostTable(yaml: Self.text, file: "costs.yaml")
        let table = table("mediated", accesses: 3, writes: 50).costed(by: costs)
        #expect(table.operations[0].cost == .init(ns: 3 * 1200 + 50 * 100, source: "measured on an example host"))
        #expect(table.operations[1].cost?.ns == 0)
    }

    @Test("the text names the source, and has a time for each policy and vCPU; without costs it has none")
    func text() throws {
        let costs = try CostTable(yaml: Self.text, file: "costs.yaml")
        let plain = [table("emulated", accesses: 10, writes: 0), table("mediated", accesses: 0, writes: 20)]
        let terminal = Terminal(colour: .none, width: 120)
        let text = Comparison(plain.map { $0.costed(by: costs) }).text(terminal)
        #expect(text.contains("Overhead in time, by the costs of measured on an example host"))
        let row = text.split(separator: "\n").last { $0.hasPrefix("guest:vm0/0") }
        #expect(row?.contains(Figures.duration(12_000)) == true && row?.hasSuffix(Figures.duration(2_000)) == true)
        #expect(!Comparison(plain).text(terminal).contains("Overhead in time"))
    }

    @Test("times that do not fit saturate")
    func saturation() {
        var costs = CostTable(source: "x")
        costs.interceptedAccess = .max
        var operations = OperationCounts(owner: "guest:vm0/0")
        operations.interceptedAccesses = 2
        #expect(costs.time(of: operations) == .max)
    }

    @Test(
        "a file that is no cost table is named with line and column",
        arguments: [
            ("intercepted-access: 5", "costs.yaml:1:1: does not name its `source`"),
            ("source: x", "costs.yaml:1:1: states no cost"),
            ("source: x\nregister-write: -5", "costs.yaml:2:17: register-write is no whole number of ns"),
            ("source: x\nregister-writes: 5", "costs.yaml:2:1: unknown key `register-writes`"),
            ("- 5", "costs.yaml:1:1: is no map"),
            ("a: [", "costs.yaml: is no YAML"),
        ])
    func malformed(text: String, message: String) {
        let problem = #expect(throws: CostTable.Problem.self) { try CostTable(yaml: text, file: "costs.yaml") }
        #expect(problem?.description.hasPrefix(message) == true, "\(problem?.description ?? "")")
    }
}
