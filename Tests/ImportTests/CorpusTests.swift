import Foundation
import FuzzSupport
import Testing
import Trace

@testable import Import

/// The corpus of the fuzz targets: seeds that the builders of these tests made, and inputs on which something once went
/// wrong.
@Suite("fuzz corpus")
struct CorpusTests {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fuzz/Corpus")

    /// Seeds that are the same wherever they are made; policies and scenarios have the presets and Traces for that.
    private static func seeds(_ target: FuzzTarget) throws -> [String: [UInt8]] {
        let kinds = MutationTests.Kind.self
        switch target {
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
        case .trace: return ["small": FramePieces.pieces(try smallTrace())]
        case .policy:
            return [
                "knobs": Array(
                    "name: a\nguests: emulated\nmisfit: refuse\nreservations: [{cpus: 0, guest: 0-1}]\n".utf8)
            ]
        case .scenario:
            return [
                "host": Array(
                    "name: a\nprocessor: skylake-sp\nduration: 1ms\nvms:\n- name: v\n  vcpus:\n  - thread: 5\n".utf8)
            ]
        }
    }

    /// A trace with a block, a loss and names.
    private static func smallTrace() throws -> [UInt8] {
        let path = NSTemporaryDirectory() + "vpmu-seed-\(UUID().uuidString)"
        defer { unlink(path) }
        let writer = try TraceWriter(path: path, metadata: TraceMetadata(source: "test", tool: "test", clock: "test"))
        let (a, b) = (writer.comm("a"), writer.comm("b"))
        for index in 0..<20 as Range<UInt64> {
            try writer.append(
                .kvmMSR(time: index * 10, pcpu: 0, pid: 7, write: true, register: 0x186, data: index))
            try writer.append(
                .schedSwitch(time: index * 10 + 5, pcpu: 1, prev: 7, next: 8, prevComm: a, nextComm: b))
        }
        try writer.append(LostRecords(pcpu: 1, kind: nil, count: 3, earliest: 10, latest: 20))
        try writer.finish()
        return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    @Test("the seeds are what the builders make", arguments: FuzzTarget.allCases)
    func seeds(_ target: FuzzTarget) throws {
        let directory = Self.directory.appendingPathComponent(target.rawValue)
        for (name, bytes) in try Self.seeds(target) {
            let file = directory.appendingPathComponent("seed-\(name)")
            if ProcessInfo.processInfo.environment["VPMU_WRITE_CORPUS"] != nil {
                try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
                try Data(bytes).write(to: file)
            }
            #expect(
                try Array(Data(contentsOf: file)) == bytes, "run once with VPMU_WRITE_CORPUS=1 to make \(file.path)")
            target.run(bytes)
            switch target {
            case .perfData, .traceDat, .text:
                #expect(try Imported(target.input(bytes)).summary.takenTotal > 0)
            case .trace:
                #expect(try target.input(bytes) == Self.smallTrace(), "pieces and file are two forms of the same")
            case .policy, .scenario: break
            }
        }
    }

    @Test(
        "every input of the corpus is read without harm: what breaks a promise ends the process",
        arguments: FuzzTarget.allCases)
    func corpus(_ target: FuzzTarget) throws {
        let directory = Self.directory.appendingPathComponent(target.rawValue)
        let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files { target.run(try Array(Data(contentsOf: file))) }
    }
}
