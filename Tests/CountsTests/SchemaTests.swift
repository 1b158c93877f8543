import Foundation
import TestSupport
import Testing

@testable import Counts

private func schema(_ name: String) throws -> JSONSchema {
    let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    return try JSONSchema(project.appendingPathComponent("Sources/Counts/Schema/\(name).schema.json").path)
}

@Suite("The published schemas")
struct SchemaTests {
    @Test("one table and several conform")
    func tables() throws {
        let table = CountsFileTests.table
        let counts = try schema("counts")
        #expect(try counts.violations(try CountsTable.json([table])) == [])
        #expect(try counts.violations(try CountsTable.json([table, CountsTable(policy: "none", series: [])])) == [])
    }

    @Test("a table that lacks a field or has a wrong one does not conform")
    func wrongTables() throws {
        let good = try CountsTable.json([CountsFileTests.table])
        let counts = try schema("counts")
        for (part, bad) in [
            ("\"mark\" : \"bounded\"", "\"mark\" : \"guessed\""), ("\"silentNs\" : 6", "\"silentNs\" : \"6\""),
            ("\"policy\"", "\"police\""), ("\"enabledNs\" : 10", "\"enabledNs\" : -1"),
        ] {
            try #require(good.contains(part))
            #expect(try counts.violations(good.replacingOccurrences(of: part, with: bad)) != [], "\(bad)")
        }
    }

    @Test("a diff of tables conforms")
    func tableDiff() throws {
        let table = CountsFileTests.table
        let other = CountsTableTests.table(Array(CountsTableTests.rows.dropFirst()))
        for diff in [TableDiff(table, table), TableDiff(table, other), TableDiff(other, table)] {
            #expect(try schema("diff").violations(try diff.json()) == [])
        }
    }

    @Test("the report of a check conforms")
    func check() throws {
        let table = CountsFileTests.table
        let other = CountsTableTests.table(Array(CountsTableTests.rows.dropFirst()))
        let report = CheckReport(
            policy: "p.yaml", baseline: "b",
            traces: [
                TraceJudgement(
                    trace: "a.vpt", finding: .compared(TableDiff(table, other)), missingOwners: ["host:x"], span: 0...9,
                    taints: [Taint(owner: nil, pcpu: 1, counter: nil, from: 2, to: 3, cause: "lost")]),
                TraceJudgement(trace: "b.vpt", finding: .unusable("line 3")),
            ], unchecked: ["c.vpt"])
        #expect(try schema("check").violations(try report.json()) == [])
        let wrong = try report.json().replacingOccurrences(of: "\"cannot judge\"", with: "\"who knows\"")
        #expect(try schema("check").violations(wrong) != [])
    }

    @Test("a diff of raw columns conforms")
    func columnsDiff() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("schema-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let columns: [(String, [UInt64])] = [("a", [1, 2]), ("b", [.max, 0, 7])]
        for (name, values) in columns {
            try values.withUnsafeBufferPointer {
                try CountsFile.write(columns: [("x", $0), (name, $0)], to: folder + "/" + name)
            }
        }
        let (a, b) = (try CountsFile(folder + "/a"), try CountsFile(folder + "/b"))
        #expect(try schema("diff").violations(try ColumnsDiff(a, b).json()) == [])
    }
}
