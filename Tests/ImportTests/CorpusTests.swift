import Foundation
import Testing

@testable import Import

/// The corpus of the fuzz targets: seeds that the builders of these tests made, and inputs on which something once went wrong.
@Suite("fuzz corpus")
struct CorpusTests {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fuzz/Corpus")

    enum Target: String, CaseIterable {
        case perfData = "FuzzPerfData"
        case traceDat = "FuzzTraceDat"
        case text = "FuzzText"

        /// What the fuzz target of that name makes of its bytes.
        func input(_ bytes: [UInt8]) -> [UInt8] {
            guard let mode = bytes.first else { return [] }
            switch self {
            case .text: return bytes
            case .perfData:
                return Array("PERFILE2".utf8) + (mode % 2 == 0 ? [16, 0, 0, 0, 0, 0, 0, 0] : []) + bytes.dropFirst()
            case .traceDat:
                var head: [UInt8] = [0x17, 0x08, 0x44] + Array("tracing".utf8)
                head += [mode % 2 == 0 ? 0x36 : 0x37, 0, 0, 8, 0, 0x10, 0, 0]
                if mode % 8 == 1 { head += Array("zstd\0".utf8) + Array("1\0".utf8) }
                if mode % 8 == 3 { head += Array("none\0\0".utf8) }
                return head + bytes.dropFirst()
            }
        }

        /// Seeds that are the same wherever they are made.
        var seeds: [String: [UInt8]] {
            let kinds = MutationTests.Kind.self
            switch self {
            case .text: return ["text": kinds.text.sample, "json": kinds.json.sample]
            case .perfData:
                return [
                    "file": [1] + kinds.perfFile.sample.dropFirst(8), "pipe": [0] + kinds.perfPipe.sample.dropFirst(16),
                ]
            case .traceDat:
                // Magic, version, byte order, size of a long, page size; of version 7 the compression stays.
                return [
                    "version6": [0] + kinds.traceDat6.sample.dropFirst(18),
                    "version7": [5] + kinds.traceDat7.sample.dropFirst(18),
                ]
            }
        }
    }

    @Test("the seeds are what the builders make", arguments: Target.allCases)
    func seeds(_ target: Target) throws {
        let directory = Self.directory.appendingPathComponent(target.rawValue)
        for (name, bytes) in target.seeds {
            let file = directory.appendingPathComponent("seed-\(name)")
            if ProcessInfo.processInfo.environment["VPMU_WRITE_CORPUS"] != nil {
                try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
                try Data(bytes).write(to: file)
            }
            #expect(
                try Array(Data(contentsOf: file)) == bytes, "run once with VPMU_WRITE_CORPUS=1 to make \(file.path)")
            #expect(try Imported(target.input(bytes)).summary.takenTotal > 0)
        }
    }

    @Test("every input of the corpus is read without harm", arguments: Target.allCases)
    func corpus(_ target: Target) throws {
        let directory = Self.directory.appendingPathComponent(target.rawValue)
        let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files {
            do {
                let found = try Imported(target.input(try Array(Data(contentsOf: file))))
                #expect(found.summary.takenTotal == UInt64(found.events.count), "\(file.lastPathComponent)")
                #expect(found.trace.lost.allSatisfy { $0.earliest <= $0.latest }, "\(file.lastPathComponent)")
            } catch is ImportError {
                continue
            }
        }
    }
}
