import Foundation
import Glibc
import TestSupport
import Testing
import Trace

@testable import Capture

@Suite("Perf events held when a recording begins")
struct PerfEventHolderTests {
    /// Descriptors as /proc shows them, of processes that there are not.
    private func proc(_ processes: [(pid: Int32, comm: String, links: [String])]) throws -> String {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("vpmu-proc-\(UUID().uuidString)").path
        for process in processes {
            let directory = "\(root)/\(process.pid)/fd"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try Data((process.comm + "\n").utf8).write(to: URL(fileURLWithPath: "\(root)/\(process.pid)/comm"))
            for (number, link) in process.links.enumerated() {
                try FileManager.default.createSymbolicLink(
                    atPath: "\(directory)/\(number)", withDestinationPath: link)
            }
        }
        return root
    }

    @Test("processes are counted by their descriptors of perf events, others left out")
    func counts() throws {
        let root = try proc([
            (70, "detector", ["/dev/null", "anon_inode:[perf_event]", "anon_inode:[perf_event]"]),
            (71, "shell", ["/dev/null", "anon_inode:[eventfd]", "/tmp/anon_inode:[perf_event]"]),
        ])
        defer { try? FileManager.default.removeItem(atPath: root) }
        let holders = PerfEventHolders.scan(proc: root)
        #expect(holders.processes == [.init(pid: 70, comm: "detector", events: 2)])
        #expect(holders.unseen == 0)
    }

    @Test("processes that may not be looked at are counted")
    func forbidden() async throws {
        let root = try proc([(70, "detector", ["anon_inode:[perf_event]"]), (71, "shell", ["/dev/null"])])
        defer { try? FileManager.default.removeItem(atPath: root) }
        chmod("\(root)/70/fd", 0)
        // Capabilities are a thread's own: this one is made for the purpose.
        let holders = await withCheckedContinuation { done in
            Thread.detachNewThread {
                try? Privileges.drop()
                done.resume(returning: PerfEventHolders.scan(proc: root))
            }
        }
        #expect(holders.unseen == 1 && holders.processes.isEmpty)
    }
}
