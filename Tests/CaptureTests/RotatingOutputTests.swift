import Foundation
import Testing
import Trace

@testable import Capture

@Suite("Files of a recording")
struct RotatingOutputTests {
    @Test("the bytes told are those of the files", arguments: [1, 3])
    func bytes(count: Int) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vpmu-output-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var limits = RecordingLimits()
        if count > 1 { limits.rotation = .every(1_000) }
        let output = try RotatingOutput(
            output: .init(path: folder.appendingPathComponent("a.vpt").path, existing: .refuse), limits: limits,
            metadata: TraceMetadata(source: "test", tool: "test", clock: "monotonic"), now: 0)
        for file in 0..<count {
            if file > 0 { _ = try output.tick(now: UInt64(file) * 1_000) }
            for number in 0..<500 {
                let time = UInt64(file) * 1_000 + UInt64(number)
                try output.append(.kvmMSR(time: time, pcpu: 0, pid: 7, write: true, register: 0xc1, data: time))
            }
        }
        try output.finish()
        let sizes = try output.paths.map { try FileManager.default.attributesOfItem(atPath: $0)[.size] as! Int }
        #expect(sizes.count == count)
        #expect(output.bytesWritten == UInt64(sizes.reduce(0, +)))
    }

    @Test(
        "names of threads keep their meaning in every file, appended one by one or many at once",
        arguments: [false, true])
    func names(atOnce: Bool) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vpmu-names-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var limits = RecordingLimits()
        limits.rotation = .every(1_000)
        let output = try RotatingOutput(
            output: .init(path: folder.appendingPathComponent("a.vpt").path, existing: .refuse), limits: limits,
            metadata: TraceMetadata(source: "test", tool: "test", clock: "monotonic"), now: 0)
        let names = ["init", "shell", "guest"].map { output.comm($0) }
        for file in 0..<2 as Range<UInt64> {
            if file > 0 { _ = try output.tick(now: file * 1_000) }
            // Other names first in the second file.
            let (prev, next) = file == 0 ? (names[1], names[2]) : (names[2], names[0])
            var ended = TraceEvent(time: file * 1_000 + 2, pcpu: 0, pid: 7, kind: .processExit)
            ended.value2 = UInt64(prev)
            var events: [TraceEvent] = [
                .schedSwitch(time: file * 1_000, pcpu: 0, prev: 7, next: 8, prevComm: prev, nextComm: next),
                .kvmMSR(time: file * 1_000 + 1, pcpu: 0, pid: 7, write: true, register: 0xc1, data: 5), ended,
            ]
            if atOnce {
                try events.withUnsafeMutableBufferPointer { try output.append($0) }
            } else {
                for event in events { try output.append(event) }
            }
        }
        try output.finish()
        let found = try output.paths.map { path in
            let trace = try TraceReader(path: path)
            return try trace.events().filter { $0.kind.namesThreads }.map { event in
                let second = event.kind == .schedSwitch ? trace.comms[Int(event.nextComm)] : "\(event.nextComm)"
                return trace.comms[Int(event.prevComm)] + ">" + second
            }
        }
        #expect(found == [["shell>guest", "shell>0"], ["guest>init", "guest>0"]])
    }
}
