import Foundation
import Testing

@testable import Counts

@Suite("The diff of two tables")
struct TableDiffTests {
    static let key = SeriesKey(owner: "guest:vm/0", counter: "gp0", event: "0xc0")

    func table(_ rows: [Series], checkpoints: Checkpoints? = nil, taints: [Taint] = []) -> CountsTable {
        CountsTable(policy: "p", series: rows, checkpoints: checkpoints, taints: taints)
    }

    func one(_ reading: Reading, silentNs: UInt64 = 0, blindNs: UInt64 = 0) -> CountsTable {
        table([Series(key: Self.key, reading: reading, silentNs: silentNs, blindNs: blindNs)])
    }

    @Test(
        "marked counts are compared by the rule",
        arguments: [
            (.exact(10), .exact(10), Verdict.same),
            (.exact(100), .exact(101), .same),
            (.exact(100), .exact(111), .better),
            (.exact(111), .exact(100), .worse),
            (.bounded(5, 9), .bounded(10, 30), .better),
            (.bounded(40, 90), .exact(3), .worse),
            (.bounded(10, 12), .bounded(11, 14), .same),
            (.bounded(10, 12), .bounded(13, 14), .same),
            (.bounded(10, 40), .bounded(11, 41), .cannotJudge),
            (.bounded(10, 40), .bounded(10, 40), .cannotJudge),
            (.bounded(10, nil), .exact(9), .worse),
            (.bounded(8, nil), .exact(9), .cannotJudge),
            (.bounded(20, nil), .exact(9), .worse),
            (.bounded(nil, 9), .exact(20), .better),
            (.bounded(nil, nil), .bounded(nil, nil), .cannotJudge),
            (.unknown, .unknown, .cannotJudge),
            (.unknown, .exact(1), .cannotJudge),
            (.exact(1), .unknown, .cannotJudge),
            (.bounded(1, 2), .unknown, .cannotJudge),
        ] as [(Reading, Reading, Verdict)])
    func rule(a: Reading, b: Reading, expected: Verdict) {
        #expect(Verdict.ofCounts(a, b, tolerance: Tolerance(absolute: 5)) == expected)
    }

    @Test("without tolerance an interval of one number is as good as an exact count")
    func degenerate() {
        #expect(Verdict.ofCounts(.bounded(7, 7), .exact(7), tolerance: .none) == .same)
        #expect(Verdict.ofCounts(.bounded(7, 8), .exact(7), tolerance: .none) == .cannotJudge)
    }

    @Test("more silent or blind time is worse, less is better, equal counts or not")
    func lostTime() {
        #expect(TableDiff(one(.exact(1)), one(.exact(1), silentNs: 1)).verdict == .worse)
        #expect(TableDiff(one(.exact(1), silentNs: 2), one(.exact(1), silentNs: 1)).verdict == .better)
        #expect(TableDiff(one(.exact(1)), one(.exact(1), blindNs: 1)).verdict == .worse)
    }

    @Test("what cannot be judged outweighs better and not worse")
    func rollUp() {
        #expect(TableDiff(one(.unknown, silentNs: 5), one(.unknown)).verdict == .cannotJudge)
        #expect(TableDiff(one(.unknown), one(.unknown, silentNs: 5)).verdict == .worse)
        #expect(TableDiff(one(.unknown, silentNs: 5), one(.unknown)).answer == .different)
        #expect(TableDiff(one(.unknown), one(.unknown)).answer == .cannotJudge)
        #expect(TableDiff(one(.exact(1)), one(.exact(1))).answer == .same)
        #expect(TableDiff(one(.exact(1)), one(.exact(2))).answer == .different)
    }

    @Test("the exit codes are 0, 1 and 125")
    func exitCodes() {
        #expect(TableDiff.Answer.same.exitStatus.rawValue == 0)
        #expect(TableDiff.Answer.different.exitStatus.rawValue == 1)
        #expect(TableDiff.Answer.cannotJudge.exitStatus.rawValue == 125)
    }

    @Test("a series of one side only is a difference")
    func oneSided() {
        let other = SeriesKey(owner: "guest:vm/1", counter: "gp0", event: "0xc0")
        let both = table([Series(key: Self.key, reading: .exact(1)), Series(key: other, reading: .exact(1))])
        let gone = TableDiff(both, one(.exact(1)))
        #expect(gone.series.map(\.verdict) == [.same, .worse])
        #expect(gone.series[1].b == nil)
        #expect(TableDiff(one(.exact(1)), both).series.map(\.verdict) == [.same, .better])
        #expect(gone.owners.map(\.verdict) == [.same, .worse])
    }

    @Test("series match by owner, pCPU, counter and event, repeated ones in turn")
    func matching() {
        let onOtherCPU = SeriesKey(owner: "guest:vm/0", pcpu: 1, counter: "gp0", event: "0xc0")
        #expect(TableDiff(one(.exact(1)), table([Series(key: onOtherCPU, reading: .exact(1))])).series.count == 2)
        let twice = table([1, 2].map { Series(key: Self.key, reading: .exact($0)) })
        #expect(TableDiff(twice, twice).answer == .same)
        #expect(TableDiff(twice, one(.exact(1))).series.map(\.verdict) == [.same, .worse])
    }

    @Test("a taint on the owner forbids the verdict same")
    func taints() {
        let taint = Taint(owner: "guest:vm/0", pcpu: nil, counter: nil, from: 3, to: 4, cause: "2 records lost")
        let row = Series(key: Self.key, reading: .exact(1))
        let diff = TableDiff(table([row]), table([row], taints: [taint]))
        #expect(diff.verdict == .cannotJudge)
        #expect(diff.series[0].aspects[0].why.contains("from 3 to 4 ns"))
        let elsewhere = Taint(owner: "guest:vm/1", pcpu: nil, counter: nil, from: 3, to: 4, cause: "2 records lost")
        #expect(TableDiff(table([row]), table([row], taints: [elsewhere])).verdict == .same)
    }

    @Test("a difference is dated by the first checkpoint that shows it")
    func since() {
        let times: [UInt64] = [10, 20, 30, 40]
        func dated(_ counts: [UInt64], silent: [UInt64] = [0, 0, 0, 0]) -> CountsTable {
            table(
                [Series(key: Self.key, reading: .exact(counts[3]))],
                checkpoints: Checkpoints(times: times, counts: counts, silentNs: silent))
        }
        #expect(TableDiff(dated([1, 2, 3, 4]), dated([1, 2, 9, 10])).series[0].since == 30)
        #expect(TableDiff(dated([1, 2, 3, 4]), dated([1, 2, 9, 10], silent: [0, 1, 1, 1])).series[0].since == 20)
        #expect(TableDiff(dated([1, 2, 3, 4]), dated([1, 2, 3, 4])).series[0].since == nil)
        #expect(TableDiff(dated([1, 2, 3, 4]), one(.exact(5))).series[0].since == nil)
    }

    @Test("owners can be chosen, a VM standing for its vCPUs")
    func owners() {
        let rows = ["guest:vm/0", "guest:vm/1", "guest:vm2/0", "host:agent"].map {
            Series(key: SeriesKey(owner: $0, event: "x"), reading: .exact(1))
        }
        let diff = TableDiff(table(rows), table(rows), options: DiffOptions(owners: ["guest:vm", "host:agent"]))
        #expect(diff.owners.map(\.owner) == ["guest:vm/0", "guest:vm/1", "host:agent"])
    }

    @Test("raw columns of different lengths differ, their common part is compared")
    func rawColumns() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("diff-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func write(_ name: String, _ values: [UInt64]) throws -> CountsFile {
            try values.withUnsafeBufferPointer {
                try CountsFile.write(columns: [("x", $0)], to: folder + "/" + name)
            }
            return try CountsFile(folder + "/" + name)
        }
        let (a, b, c) = (try write("a", [1, 2, 3]), try write("b", [1, 2, 3, 4]), try write("c", [1, 5, 3]))
        #expect(ColumnsDiff(a, a).answer == .same)
        #expect(ColumnsDiff(a, b).answer == .different)
        #expect(ColumnsDiff(a, b).columns[0].found == ColumnDifference())
        let found = ColumnDifference(differing: 1, maximum: 3, sum: 3, first: 1)
        #expect(ColumnsDiff(a, c).columns[0].found == found)
        #expect(ColumnsDiff(a, c, tolerance: Tolerance(absolute: 3)).answer == .same)
    }
}
