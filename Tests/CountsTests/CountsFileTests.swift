import Foundation
import Testing

@testable import Counts

/// A folder that goes away with the value.
private final class Scratch {
    let path: String
    init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("counts-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        path = folder.path
    }
    func file(_ name: String) -> String { path + "/" + name }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite("The counts file")
struct CountsFileTests {
    static let table = CountsTableTests.table(
        checkpoints: Checkpoints(times: [5, 9], counts: Array(1...8), silentNs: [0, 0, 0, 1, 2, 3, 4, 5]))

    private func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    @Test("a table comes back equal, and writing it twice gives the same bytes")
    func roundTrip() throws {
        let scratch = try Scratch()
        try Self.table.write(to: scratch.file("a"))
        try Self.table.write(to: scratch.file("b"))
        #expect(try CountsTable(contentsOf: scratch.file("a")) == Self.table)
        #expect(try bytes(scratch.file("a")) == bytes(scratch.file("b")))
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() == ["a", "b"])
    }

    @Test("an empty table comes back equal")
    func emptyTable() throws {
        let scratch = try Scratch()
        let table = CountsTable(policy: "none", series: [])
        try table.write(to: scratch.file("a"))
        #expect(try CountsTable(contentsOf: scratch.file("a")) == table)
    }

    @Test("the JSON of a replay is read in its place")
    func readsJSON() throws {
        let scratch = try Scratch()
        try Data(try CountsTable.json([Self.table]).utf8).write(to: URL(fileURLWithPath: scratch.file("a.json")))
        #expect(try CountsTable(contentsOf: scratch.file("a.json")) == Self.table)
    }

    @Test("a file that exists is kept unless it may be replaced")
    func existing() throws {
        let scratch = try Scratch()
        try Data("precious".utf8).write(to: URL(fileURLWithPath: scratch.file("a")))
        #expect(throws: CountsFileError(path: scratch.file("a"), problem: .alreadyExists)) {
            try Self.table.write(to: scratch.file("a"))
        }
        #expect(try bytes(scratch.file("a")) == Array("precious".utf8))
        try Self.table.write(to: scratch.file("a"), existing: .replace)
        #expect(try CountsTable(contentsOf: scratch.file("a")) == Self.table)
    }

    @Test("raw columns are mapped at 64-byte boundaries and found by name")
    func rawColumns() throws {
        let scratch = try Scratch()
        let (x, y): ([UInt64], [UInt64]) = ([1, 2, 3], Array(0..<1000))
        try x.withUnsafeBufferPointer { p in
            try y.withUnsafeBufferPointer { q in
                try CountsFile.write(columns: [("x", p), ("y", q)], to: scratch.file("raw"))
            }
        }
        let file = try CountsFile(scratch.file("raw"))
        #expect(file.columnNames == ["x", "y"])
        #expect(file.withColumn("x") { Array($0) } == x)
        #expect(file.withColumn("y") { Array($0) } == y)
        #expect(file.withColumn("y") { Int(bitPattern: $0.baseAddress) % 64 } == 0)
        #expect(file.withColumn("z") { _ in 1 } == nil)
        try file.verify()
    }

    @Test("a flipped bit anywhere is either refused or changes nothing")
    func flippedBits() throws {
        let scratch = try Scratch()
        try Self.table.write(to: scratch.file("a"))
        let good = try bytes(scratch.file("a"))
        for at in stride(from: 0, to: good.count, by: 3) {
            var bad = good
            bad[at] ^= 1 << UInt8(at / 3 % 8)
            try Data(bad).write(to: URL(fileURLWithPath: scratch.file("bad")))
            let read = Result { () throws(CountsFileError) in try CountsTable(contentsOf: scratch.file("bad")) }
            switch read {
            // Only the padding between columns is not covered by a checksum.
            case .success(let table): #expect(table == Self.table, "byte \(at)")
            case .failure(let error): #expect(!error.description.contains("\n"))
            }
        }
    }

    @Test("a file cut short anywhere is refused")
    func truncations() throws {
        let scratch = try Scratch()
        try Self.table.write(to: scratch.file("a"))
        let good = try bytes(scratch.file("a"))
        for length in stride(from: 0, to: good.count, by: 7) {
            try Data(good[..<length]).write(to: URL(fileURLWithPath: scratch.file("bad")))
            #expect(throws: CountsFileError.self, "\(length) bytes") {
                try CountsTable(contentsOf: scratch.file("bad"))
            }
        }
    }

    @Test("a header of random numbers with a right checksum is refused and never crashes")
    func hostileHeaders() throws {
        let scratch = try Scratch()
        try Self.table.write(to: scratch.file("a"))
        let good = try bytes(scratch.file("a"))
        var random = SplitMix(seed: 5)
        var refused = 0
        for _ in 0..<300 {
            var bad = good
            let entry = 64 + Int(random.next() % 18) * 64
            let at = [12, 16, 24, entry + 32, entry + 40, entry + 48, entry + 56].randomElement(using: &random)!
            let value = [0, 1, 63, 64, 4096, UInt64(good.count), 1 << 31, 1 << 63, .max].randomElement(using: &random)!
            withUnsafeBytes(of: (value &+ random.next() % 3).littleEndian) {
                bad.replaceSubrange(at..<at + 8, with: $0)
            }
            bad.replaceSubrange(32..<40, with: repeatElement(0, count: 8))
            let columns = Int(bad[24]) | Int(bad[25]) << 8
            let end = min(bad.count, 64 + columns * 64)
            let sum = bad[..<end].withUnsafeBytes { XXH64.hash($0) }
            withUnsafeBytes(of: sum.littleEndian) { bad.replaceSubrange(32..<40, with: $0) }
            try Data(bad).write(to: URL(fileURLWithPath: scratch.file("bad")))
            do { _ = try CountsTable(contentsOf: scratch.file("bad")) } catch { refused += 1 }
        }
        #expect(refused > 200, "\(refused) of 300 were refused")
    }

    @Test("what is wrong is said in one line with the remedy")
    func messages() throws {
        let scratch = try Scratch()
        try Self.table.write(to: scratch.file("a"))
        var newer = try bytes(scratch.file("a"))
        newer[8] = 2
        let cases: [(String, [UInt8], String)] = [
            ("empty", [], "is not a counts file"), ("text", Array("hello\n".utf8), "is not a counts file"),
            ("short", Array(try bytes(scratch.file("a"))[..<100]), "ends at byte 100 of"),
            ("newer", newer, "version 2, this vpmu reads 1"), ("json", Array("{\"policy\":3}".utf8), "schemaVersion"),
        ]
        for (name, content, words) in cases {
            try Data(content).write(to: URL(fileURLWithPath: scratch.file(name)))
            let error = #expect(throws: CountsFileError.self) { try CountsTable(contentsOf: scratch.file(name)) }
            let text = try #require(error).description
            #expect(text.contains(words) && text.contains(name) && !text.contains("\n"), "\(text)")
        }
        #expect(throws: CountsFileError(path: scratch.path, problem: .notAFile)) {
            try CountsTable(contentsOf: scratch.path)
        }
        let missing = #expect(throws: CountsFileError.self) { try CountsTable(contentsOf: scratch.file("missing")) }
        #expect(try #require(missing).description.contains("No such file"))
    }

    @Test(
        "the checksum is xxHash's",
        arguments: [
            ("", 0xef46_db37_51d8_e999), ("a", 0xd24e_c4f1_a98c_6e5b), ("abc", 0x44bc_2cf5_ad77_0999),
            ("Nobody inspects the spammish repetition", 0xfbce_a83c_8a37_8bf1),
        ] as [(String, UInt64)])
    func checksum(text: String, expected: UInt64) {
        #expect(Array(text.utf8).withUnsafeBytes { XXH64.hash($0) } == expected)
    }
}
