import Foundation
import TestSupport
import Testing

@testable import Capture

@Suite("Tracing instances", .exclusiveMachine)
struct TracefsTests {
    @Test(
        "an instance goes with its owner, and a running process's instance is no orphan",
        .enabled(if: ThisMachine.makesInstances, "this machine gives no tracing instance (tracefs, privilege)"))
    func removesItself() throws {
        let tracefs = try Tracefs()
        var instance: TracefsInstance? = try TracefsInstance(tracefs)
        let path = try #require(instance?.path)
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(!TracefsInstance.orphans(in: tracefs).contains((path as NSString).lastPathComponent))
        instance = nil
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test(
        "what a killed recorder left behind is found and removed, what others made is left alone",
        .enabled(if: ThisMachine.makesInstances, "this machine gives no tracing instance (tracefs, privilege)"))
    func removesOrphans() throws {
        let tracefs = try Tracefs()
        // No process has this number (the kernel's limit is 4194304), and start times are no neighbours of it.
        let orphan = "vpmu-4194305-1-1"
        let foreign = "somebody-\(UUID().uuidString)"
        for name in [orphan, foreign] {
            try FileManager.default.createDirectory(
                atPath: "\(tracefs.root)/instances/\(name)", withIntermediateDirectories: false)
        }
        defer { rmdir("\(tracefs.root)/instances/\(foreign)") }
        _ = TracefsInstance.removeOrphans(in: tracefs)
        #expect(!FileManager.default.fileExists(atPath: "\(tracefs.root)/instances/\(orphan)"))
        #expect(FileManager.default.fileExists(atPath: "\(tracefs.root)/instances/\(foreign)"))
    }

    @Test("a process's start is read behind its name, whatever the name holds")
    func readsStartTime() throws {
        let mine = try #require(TracefsInstance.startTime(ofProcess: getpid()))
        #expect(mine > 0)
        #expect(TracefsInstance.startTime(ofProcess: Int32.max) == nil)
    }

    @Test("a ring's counts are read from its statistics")
    func readsCounts() {
        let counts = RingCounts(
            stats: """
                entries: 5
                overrun: 10
                commit overrun: 1
                bytes: 240
                oldest event ts:  3635.051210
                now ts:  3635.051210
                dropped events: 2
                read events: 100

                """)
        #expect(counts.waiting == 5 && counts.lost == 13 && counts.read == 100)
    }

    @Test(
        "CPUs are written as a mask in groups of 32",
        arguments: [([0], "1"), ([0, 1], "3"), ([33], "2,0"), ([0, 64], "1,0,1")])
    func writesMasks(cpus: [Int], mask: String) {
        #expect(CPUList.mask(cpus) == mask)
    }
}
