import Foundation
import Testing
import Trace

@testable import Import

@Suite("export")
struct ExportTests {
    /// A trace on disk with every kind of record, odd names, flags and losses.
    static func trace(_ directory: URL) throws -> TraceReader {
        var metadata = TraceMetadata(source: "test", tool: "test", clock: "monotonic")
        metadata.threads = [.init(tid: 9, pid: 8, comm: "CPU 1/KVM", vm: "vm, \"odd\"", vcpu: 1)]
        metadata.kernel = "6.18.44"
        let path = directory.appendingPathComponent("x.vpt").path
        let writer = try TraceWriter(path: path, metadata: metadata)
        let odd = writer.comm("a \"b\",\\ {x}:")
        let idle = writer.comm("swapper/0")
        try writer.append(.kvmEntry(time: 1_000, pcpu: 0, pid: 9, vcpu: 1, rip: .max))
        try writer.append(.kvmExit(time: 1_500, pcpu: 0, pid: 9, vcpu: 1, reason: 32, rip: 5, isa: 1))
        try writer.append(
            .kvmExit(time: 1_501, pcpu: 0, pid: 9, vcpu: TraceEvent.unknownVCPU, reason: 0x8000_0021, isa: 1))
        try writer.append(
            .kvmMSR(time: 2_000, pcpu: 0, pid: 9, write: true, register: 0x186, data: .max, exception: true))
        try writer.append(.host(.writeMSR, time: 3_000, pcpu: 0, pid: 9, flags: 0x41, register: 0x186, value: 0x5300c0))
        try writer.append(.host(.rdpmc, time: 3_100, pcpu: 0, pid: 9, register: 0x4000_0001, value: 1 << 47))
        try writer.append(.host(.readMSR, time: 3_200, pcpu: 0, pid: 9, register: 0x38e, value: 0, failed: true))
        try writer.append(LostRecords(pcpu: 0, kind: nil, count: 12, earliest: 3_200, latest: 4_000))
        try writer.append(LostRecords(pcpu: 0, kind: .kvmMSR, count: nil, earliest: 3_300, latest: 4_000))
        try writer.append(
            .schedSwitch(time: 5_000, pcpu: 0, prev: 9, next: 0, prevState: 0x101, prevComm: odd, nextComm: idle))
        try writer.append(.host(.writeMSR, time: 6_000, pcpu: 0, pid: 0, register: 0x186, value: 0x1300c0))
        try writer.append(.host(.writeMSR, time: 5_500, pcpu: 1, pid: 44, register: 0x6e0, value: 7))
        try writer.finish()
        return try TraceReader(path: path)
    }

    static func withDirectory<T>(_ body: (URL) throws -> T) throws -> T {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "vpmu-export-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        return try body(directory)
    }

    static func export(_ reader: TraceReader, _ format: ExportFormat) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try TraceExport(reader, format: format).run { bytes.append(contentsOf: $0) }
        return bytes
    }

    static func dump(_ reader: TraceReader, _ format: TraceDump.Format) throws -> String {
        var bytes: [UInt8] = []
        var dump = TraceDump(reader, format: format)
        try dump.run { bytes.append(contentsOf: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    enum Way: String, CaseIterable {
        case json, perfScript, dumpedText, dumpedJSON

        func bytes(_ reader: TraceReader) throws -> [UInt8] {
            switch self {
            case .json: try ExportTests.export(reader, .json)
            case .perfScript: try ExportTests.export(reader, .perfScript)
            case .dumpedText: Array(try ExportTests.dump(reader, .text).utf8)
            case .dumpedJSON: Array(try ExportTests.dump(reader, .json).utf8)
            }
        }

        var format: TraceDump.Format { self == .json || self == .dumpedJSON ? .json : .text }
    }

    @Test("what is exported and imported again dumps the same", arguments: Way.allCases)
    func roundTrip(_ way: Way) throws {
        try Self.withDirectory { directory in
            let reader = try Self.trace(directory)
            let input = ImportInput(bytes: try way.bytes(reader), name: "exported")
            let path = directory.appendingPathComponent("y.vpt").path
            let (writer, summary, metadata) = try Importer().run(input) { try TraceWriter(path: path, metadata: $0) }
            writer.metadata = metadata
            try writer.finish()
            #expect(summary.damage == [])
            #expect(try Self.dump(try TraceReader(path: path), way.format) == Self.dump(reader, way.format))
        }
    }

    @Test("the metadata come back with an exported trace", arguments: [ExportFormat.json, .perfScript])
    func metadata(_ format: ExportFormat) throws {
        try Self.withDirectory { directory in
            let reader = try Self.trace(directory)
            let found = try Imported(try Self.export(reader, format))
            #expect(found.metadata.threads == reader.metadata.threads)
            #expect(found.metadata.kernel == "6.18.44")
            #expect(found.metadata.clock == "monotonic")
        }
    }

    @Test("a damaged JSON line is named with its byte, and the others are taken")
    func damagedJSON() throws {
        let good =
            #"{"t":1,"pcpu":0,"pid":5,"event":"write_msr","flags":0,"register":911,"value":18446744073709551615,"failed":false}"#
        let found = try Imported(text: good + "\n{\"t\":1,\n" + good + "\n" + good.dropLast(5))
        #expect(found.events.map(\.value) == [.max, .max])
        #expect(found.summary.damage.map(\.offset) == [UInt64(good.utf8.count + 1), UInt64(2 * good.utf8.count + 10)])
    }

    @Test("the table has a line a record, and names are quoted")
    func csv() throws {
        try Self.withDirectory { directory in
            let text = String(decoding: try Self.export(try Self.trace(directory), .csv), as: UTF8.self)
            let lines = text.split(separator: "\n")
            #expect(lines.count == 11)
            #expect(lines[0].split(separator: ",").count == 21)
            #expect(lines[1] == "1000,0,9,kvm_entry,0,,,,,1,0xffffffffffffffff,,,0x0,0x0,,,,,,")
            #expect(lines[4] == "2000,0,9,kvm_msr,0,0x186,write,0xffffffffffffffff,1,,,,,,,,,,,,")
            #expect(
                lines[8]
                    == #"5000,0,9,sched_switch,0,,,,,,,,,,,"a ""b"",\ {x}:",120,0x101,swapper/0,0,120"#)
        }
    }

    @Test("Perfetto gets a track for each pCPU, physical counter and vCPU, and every slice is closed")
    func perfetto() throws {
        try Self.withDirectory { directory in
            let packets = try ProtobufField.parse(try Self.export(try Self.trace(directory), .perfetto))

            var names: [UInt64: String] = [:]
            var parents: [UInt64: UInt64] = [:]
            var depth: [UInt64: Int] = [:]
            for packet in packets {
                let fields = try ProtobufField.parse(packet.bytes)
                if let descriptor = fields.first(where: { $0.number == 60 }) {
                    let inner = try ProtobufField.parse(descriptor.bytes)
                    let uuid = try #require(inner.first { $0.number == 1 }).value
                    let name = try #require(inner.first { $0.number == 2 })
                    names[uuid] = String(decoding: name.bytes, as: UTF8.self)
                    parents[uuid] = inner.first { $0.number == 5 }?.value
                }
                if let event = fields.first(where: { $0.number == 11 }) {
                    let inner = try ProtobufField.parse(event.bytes)
                    let track = try #require(inner.first { $0.number == 11 }).value
                    let type = try #require(inner.first { $0.number == 9 }).value
                    #expect(names[track] != nil)
                    if type == 1 { depth[track, default: 0] += 1 }
                    if type == 2 { depth[track, default: 0] -= 1 }
                    #expect((0...1).contains(depth[track] ?? 0))
                }
            }
            #expect(depth.values.allSatisfy { $0 == 0 })
            #expect(
                Set(names.values).isSuperset(of: ["pCPU 0", "pCPU 1", "pCPU 0 PMC 0", "vm, \"odd\" vCPU 1 (thread 9)"]))
            let counter = try #require(names.first { $0.value == "pCPU 0 PMC 0" }).key
            #expect(parents[counter].flatMap { names[$0] } == "pCPU 0")
        }
    }
}

/// A field of a protobuf message, for looking into what was exported.
private struct ProtobufField {
    var number: UInt64
    var value: UInt64 = 0
    var bytes: [UInt8] = []

    struct Malformed: Error {}

    static func parse(_ message: [UInt8]) throws -> [ProtobufField] {
        var at = 0
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while at < message.count, shift < 64 {
                let byte = message[at]
                at += 1
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            throw Malformed()
        }
        var fields: [ProtobufField] = []
        while at < message.count {
            let key = try varint()
            switch key & 7 {
            case 0: fields.append(.init(number: key >> 3, value: try varint()))
            case 2:
                let count = Int(try varint())
                guard count <= message.count - at else { throw Malformed() }
                fields.append(.init(number: key >> 3, bytes: Array(message[at..<at + count])))
                at += count
            default: throw Malformed()
            }
        }
        return fields
    }
}
