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
}
