import Capture
import Foundation
import TestSupport
import Testing
import Trace

private enum ThisMachine {
    static let recordsGuests =
        Guest.unavailability() == nil
        && (try? Recorder(options: RecordingOptions(), tool: "test", commandLine: [])) != nil
}

@Suite(
    "vpmu record", .serialized, .exclusiveMachine,
    .enabled(if: ThisMachine.recordsGuests, "this machine cannot record a KVM guest (/dev/kvm, tracefs, privilege)"))
struct RecordCommandTests {
    private let directory: TemporaryDirectory
    private let program: String

    init() throws {
        directory = try TemporaryDirectory()
        program = directory.path("program.guest")
        try Data("repeat 200\nwrite 0x186 0x5300c0\nread 0xc1\nwrite 0xc0010201 5\nread 0x38f\nend\n".utf8)
            .write(to: URL(fileURLWithPath: program))
    }

    /// Reads every block of a trace, and answers its events.
    private func events(_ reader: TraceReader) throws -> [TraceEvent] {
        #expect(reader.damage.isEmpty)
        return try reader.events()
    }

    @Test("a guest as the command: the file is whole, says what was recorded and agrees with the guest's notes")
    func recordsCommand() throws {
        let file = directory.path("a.vpt")
        let notes = directory.path("notes")
        let outcome = try Executable.run([
            "record", "-o", file, "--json", "--", Executable.url.path, "guest", program, "--vcpus", "2", "--notes",
            notes,
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let reader = try TraceReader(path: file)
        #expect(reader.isComplete)
        #expect(reader.lost.isEmpty)
        let noted = try String(contentsOfFile: notes, encoding: .utf8).split(separator: "\n")
        let accesses = try events(reader).filter { $0.kind == .kvmMSR }
        #expect(accesses.count == noted.count && accesses.count == 2 * 800)
        #expect(
            accesses.filter(\.raisedException).count == noted.filter { $0.contains("\"exception\":true") }.count)
        #expect(reader.metadata.source == "record")
        #expect(try JSONSchema.published("Capture/Schema/record").violations(outcome.output) == [])
        let document = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        #expect(document?["end"] as? String == "command")
        #expect((document?["records"] as? [String: Int])?["kvm_msr"] == accesses.count)
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("a signal ends a recording with a good file and exit code 0", arguments: [SIGINT, SIGTERM, SIGHUP])
    func endsWithSignal(signal: Int32) throws {
        let file = directory.path("\(signal).vpt")
        let recorder = try Executable.start(["record", "-o", file])
        try waitForHeader(file)
        kill(recorder.processIdentifier, signal)
        recorder.waitUntilExit()
        #expect(recorder.terminationReason == .exit && recorder.terminationStatus == 0)
        #expect(try TraceReader(path: file).isComplete)
    }

    @Test("kill -9 at ten random moments: each file opens, every block in it reads, and it is marked unfinished")
    func survivesKill() throws {
        let guest = try Executable.start(["guest", program, "--vcpus", "2", "--times", "1000000"])
        defer {
            // A test's thread has most signals blocked, and so has what it starts: ask in a way that cannot be blocked.
            kill(guest.processIdentifier, SIGKILL)
            guest.waitUntilExit()
        }
        // All at once, each killed after a time of its own; what the kernel and the scheduler do meanwhile is random
        // enough.
        let pauses: [UInt32] = (0..<10).map { 10_000 + $0 * 7_919 % 10 * 49_000 }
        let files = (0..<10).map { directory.path("killed-\($0).vpt") }
        let recorders = try files.map { try Executable.start(["record", "-o", $0, "--buffer", "256K"]) }
        for file in files { try waitForHeader(file) }
        for (recorder, pause) in zip(recorders, pauses) {
            usleep(pause)
            kill(recorder.processIdentifier, SIGKILL)
        }
        var total = 0
        for (file, recorder) in zip(files, recorders) {
            recorder.waitUntilExit()
            #expect(recorder.terminationReason == .uncaughtSignal)
            let reader = try TraceReader(path: file)
            #expect(!reader.isComplete)
            let events = try events(reader)
            #expect(events.count == reader.blocks.reduce(0) { $0 + $1.events })
            total += events.count
        }
        #expect(total > 0)
        // Whatever a killed recorder had switched on in the kernel goes with the next one.
        let next = try Executable.run(["record", "-o", directory.path("next.vpt"), "--duration", "10ms"])
        #expect(next.status == 0, "\(next.errors)")
        let instances = try? FileManager.default.contentsOfDirectory(atPath: "/sys/kernel/tracing/instances")
        for recorder in recorders {
            #expect(!(instances ?? []).contains { $0.hasPrefix("vpmu-\(recorder.processIdentifier)-") })
        }
    }

    @Test("both sources make the same kind of file", arguments: ["perf", "tracefs"])
    func recordsFromEither(source: String) throws {
        let file = directory.path("\(source).vpt")
        let outcome = try Executable.run([
            "record", "-o", file, "--source", source, "--exits", "full", "--", Executable.url.path, "guest", program,
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let reader = try TraceReader(path: file)
        #expect(reader.isComplete && reader.lost.isEmpty)
        #expect(try events(reader).filter { $0.kind == .kvmMSR }.count == 800)
        #expect(reader.metadata.lossGranularity == (source == "perf" ? .tracepoint : .ring))
    }

    @Test("an output that exists is kept, unless --force says otherwise")
    func keepsExisting() throws {
        let file = directory.path("kept.vpt")
        try Data("mine".utf8).write(to: URL(fileURLWithPath: file))
        let refused = try Executable.run(["record", "-o", file, "--duration", "10ms"])
        #expect(refused.status == 128)
        #expect(refused.errors.contains("--force"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data("mine".utf8))
        let forced = try Executable.run(["record", "-o", file, "--duration", "10ms", "--force"])
        #expect(forced.status == 0)
        #expect(try TraceReader(path: file).isComplete)
    }

    @Test(
        "wrong usage is told in one line and ends with 129",
        arguments: [
            ["--duration", "0"], ["--duration", "soon"], ["--cpus", "x"], ["--cpus", "8191"], ["--pid", "2147483647"],
            ["--buffer", "0"], ["--buffer", "2T"],
        ])
    func refusesWrongUsage(arguments: [String]) throws {
        let outcome = try Executable.run(["record", "-o", directory.path("never.vpt")] + arguments)
        #expect(outcome.status == 129, "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: directory.path("never.vpt")))
    }

    /// Waits until the recorder has created its file and written the header.
    private func waitForHeader(_ file: String) throws {
        for _ in 0..<3000 {
            if let size = try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int, size > 0 { return }
            usleep(10_000)
        }
        Issue.record("the recorder never wrote \(file)")
    }
}
