import Foundation
import Testing
import Trace

@Suite("vpmu info, dump, verify, salvage and scrub")
struct TraceCommandTests {
    private let directory: TemporaryDirectory
    private let trace: String

    init() throws {
        directory = try TemporaryDirectory()
        trace = directory.path("a.vpt")
        var metadata = TraceMetadata(source: "test", tool: "test", clock: "simulated")
        metadata.blindSpots = ["Nothing else was looked at."]
        var options = TraceWriter.Options()
        options.eventsPerBlock = 50
        let writer = try TraceWriter(path: trace, metadata: metadata, options: options)
        let comm = writer.comm("CPU 0/KVM")
        for i in 0..<200 as Range<UInt64> {
            try writer.append(
                .kvmMSR(
                    time: i * 1000, pcpu: 0, pid: 42, write: i % 2 == 0, register: 0x186, data: i, exception: i < 20))
            try writer.append(.kvmEntry(time: i * 1000 + 100, pcpu: 0, pid: 42, vcpu: 0))
        }
        try writer.append(.schedSwitch(time: 300_000, pcpu: 1, prev: 42, next: 0, prevComm: comm, nextComm: comm))
        try writer.append(LostRecords(pcpu: 1, kind: nil, count: 9, earliest: 5, latest: 6))
        try writer.finish()
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test("info --json has the numbers by tracepoint, register, direction and exception")
    func info() throws {
        let outcome = try Executable.run(["info", trace, "--json"])
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        let info = try object(outcome.output)
        let records = try #require(info["records"] as? [String: Int])
        #expect(records["kvm_msr"] == 200 && records["kvm_entry"] == 200 && records["sched_switch"] == 1)
        let accesses = try #require(info["accesses"] as? [[String: Any]])
        #expect(accesses.compactMap { $0["count"] as? Int } == [90, 10, 90, 10])
        #expect(accesses.allSatisfy { $0["register"] as? Int == 0x186 })
        #expect(info["complete"] as? Bool == true && info["unattributed"] as? Int == 0)
        let lost = try #require(info["lost"] as? [String: Any])
        #expect(lost["total"] as? Int == 9 && (lost["byCPU"] as? [String: Int]) == ["1": 9])
        #expect(lost["granularity"] as? String == "ring")
        #expect(info["blindSpots"] as? [String] == ["Nothing else was looked at."])
    }

    @Test("dump --json is one object a line, and --from and --to bound it")
    func dump() throws {
        let all = try Executable.run(["dump", trace, "--json"]).output.split(separator: "\n")
        #expect(all.count == 402)
        for line in all.prefix(20) { _ = try object(String(line)) }
        let some = try Executable.run(["dump", trace, "--json", "--from", "1000", "--to", "1100"])
        for (from, to) in [
            ("0.000001000", "0.0000011"), ("1us", "1.1us"), ("1000ns", "1100ns"), ("0.001ms", "0.0011ms"),
        ] {
            let same = try Executable.run(["dump", trace, "--json", "--from", from, "--to", to])
            #expect(same.output == some.output, "\(from) to \(to)")
        }
        #expect(some.output.split(separator: "\n").count == 2)
    }

    /// Damaged and foreign files, with what their one line must contain.
    private func bad() throws -> [(name: String, bytes: [UInt8], says: String)] {
        let good = Array(try Data(contentsOf: URL(fileURLWithPath: trace)))
        var flipped = good
        let block = try #require(try TraceReader(path: trace).blocks.first)
        flipped[Int(block.offset) + block.length - 2] ^= 4
        var newer = good
        newer[13] = 9
        return [
            ("cut in the header", Array(good.prefix(30)), "offset 30"), ("flipped", flipped, "offset \(block.offset)"),
            ("empty", [], "empty"), ("text", Array("hello\n".utf8), "text"), ("newer", newer, "version 9"),
        ]
    }

    @Test("bad input is one line that names the file, what is wrong and a remedy, and ends with 128")
    func badInput() throws {
        for (name, bytes, says) in try bad() {
            let file = directory.path(name)
            try Data(bytes).write(to: URL(fileURLWithPath: file))
            for command in [["dump", file], ["scrub", file, "-o", directory.path("out")]] {
                let outcome = try Executable.run(command)
                #expect(outcome.status == 128, "\(command)")
                #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
                #expect(outcome.errors.contains(file) && outcome.errors.contains(says), "\(outcome.errors)")
                #expect(outcome.errors.contains(";"), "no remedy: \(outcome.errors)")
            }
            #expect(!FileManager.default.fileExists(atPath: directory.path("out")))
        }
    }

    @Test("verify says no to a damaged and to an unfinished trace, and yes to a whole one")
    func verify() throws {
        #expect(try Executable.run(["verify", trace]).status == 0)
        let good = Array(try Data(contentsOf: URL(fileURLWithPath: trace)))
        let flipped = try #require(try bad().first { $0.name == "flipped" })
        for (name, bytes) in [("flipped", flipped.bytes), ("cut", Array(good.prefix(good.count - 500)))] {
            try Data(bytes).write(to: URL(fileURLWithPath: directory.path(name)))
            let outcome = try Executable.run(["verify", directory.path(name)])
            #expect(outcome.status == 1 && outcome.output.contains("offset"))
            #expect(
                try object(Executable.run(["verify", "--json", directory.path(name)]).output)["good"] as? Bool == false)
        }
    }

    @Test("an unfinished trace is shown as far as it goes, and said to be unfinished")
    func unfinished() throws {
        let good = Array(try Data(contentsOf: URL(fileURLWithPath: trace)))
        let blocks = try TraceReader(path: trace).blocks
        try Data(good.prefix(Int(blocks[2].offset) + 40)).write(to: URL(fileURLWithPath: directory.path("cut")))
        let outcome = try Executable.run(["info", "--json", directory.path("cut")])
        #expect(outcome.status == 0 && outcome.errors.contains("unfinished"))
        #expect(try object(outcome.output)["complete"] as? Bool == false)
        #expect(
            try Executable.run(["dump", "--json", directory.path("cut")]).output.split(separator: "\n").count == 100)
    }

    @Test("salvage and scrub write whole traces, and nothing over another file without --force")
    func mend() throws {
        let flipped = try #require(try bad().first { $0.name == "flipped" })
        try Data(flipped.bytes).write(to: URL(fileURLWithPath: directory.path("flipped")))
        let mended = directory.path("mended.vpt")
        #expect(try Executable.run(["salvage", directory.path("flipped"), "-o", mended]).status == 0)
        #expect(try Executable.run(["verify", mended]).status == 0)
        let before = try Data(contentsOf: URL(fileURLWithPath: mended))
        for command in [["salvage", trace, "-o", mended], ["scrub", trace, "-o", mended]] {
            let outcome = try Executable.run(command)
            #expect(outcome.status == 128 && outcome.errors.contains("--force"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: mended)) == before)
        }
        #expect(try Executable.run(["scrub", trace, "-o", mended, "--force"]).status == 0)
        #expect(try !Executable.run(["dump", mended]).output.contains("KVM"))
    }

    @Test(
        "importing text of no tracer is one line, ends with 128 and writes nothing; a recording of other events ends with 0"
    )
    func importText() throws {
        let out = directory.path("imported.vpt")
        func run(_ text: String) throws -> Executable.Outcome {
            try Data(text.utf8).write(to: URL(fileURLWithPath: directory.path("text")))
            return try Executable.run(["import", directory.path("text"), "-o", out])
        }
        let refused = try run("root:x:0:0:root:/root:/bin/bash\n")
        #expect(refused.status == 128)
        #expect(refused.errors.split(separator: "\n").count == 1 && refused.errors.contains("none of its 1 lines"))
        #expect(!FileManager.default.fileExists(atPath: out))
        let other = try run("    a  5 [001]  1.0: sched:sched_wakeup: comm=b pid=6 prio=120 target_cpu=001\n")
        #expect(other.status == 0 && other.output.contains("sched:sched_wakeup 1"))
        #expect(try Executable.run(["verify", out]).status == 0)
    }

    @Test(
        "wrong usage ends with 129",
        arguments: [["info"], ["dump", "x", "--bogus"], ["dump", "x", "--from", "9", "--to", "1"]])
    func usage(arguments: [String]) throws {
        #expect(try Executable.run(arguments).status == 129)
    }

    @Test(
        "zstd walks a finished trace and checks it",
        .enabled(if: Shell.isInstalled("zstd"), "the zstd program is not installed"))
    func zstd() throws {
        #expect(try Shell.run("zstd", ["-t", "-q", trace]).status == 0)
        let flipped = try #require(try bad().first { $0.name == "flipped" })
        try Data(flipped.bytes).write(to: URL(fileURLWithPath: directory.path("flipped")))
        #expect(try Shell.run("zstd", ["-t", "-q", directory.path("flipped")]).status != 0)
    }
}
