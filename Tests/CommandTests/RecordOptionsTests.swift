import Capture
import Foundation
import TestSupport
import Testing
import Trace

private enum ThisMachine {
    static let recordsGuests =
        Guest.unavailability() == nil
        && (try? Recorder(options: RecordingOptions(), tool: "test", commandLine: [])) != nil

    static let makesInstances: Bool = {
        var options = RecordingOptions()
        options.source = .tracefs
        return (try? Recorder(options: options, tool: "test", commandLine: [])) != nil
    }()

    static let isRoot = geteuid() == 0

    static let setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].first { FileManager.default.isExecutableFile(atPath: $0) }
}

@Suite(
    "vpmu record's options", .serialized, .exclusiveMachine,
    .enabled(if: ThisMachine.recordsGuests, "this machine cannot record a KVM guest (/dev/kvm, tracefs, privilege)"))
struct RecordOptionsTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// A guest in this process that reads one register so many times: what shows in a trace as that register.
    @discardableResult
    private func play(register: UInt32, times: Int, vcpus: Int = 1) throws -> [GuestNotes] {
        try Guest(program: GuestProgram(parsing: "repeat \(times)\nread \(register)\nend"), vcpus: vcpus).run()
    }

    private func accesses(_ path: String) throws -> [TraceEvent] {
        try TraceReader(path: path).events().filter { $0.kind == .kvmMSR && mine.contains($0) }
    }

    /// Other guests may run on this machine; those of these tests read counter registers of AMD that nobody else does.
    private let mine = Mine()
    private struct Mine {
        func contains(_ event: TraceEvent) -> Bool {
            (0xc001_0004...0xc001_0007).contains(event.register) && !event.isWrite
        }
    }

    private func waitForFile(_ path: String) throws {
        for _ in 0..<3000 {
            if let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int, size > 0 { return }
            usleep(10_000)
        }
        Issue.record("the recorder never wrote \(path)")
    }

    private func end(_ recorder: Process, _ signal: Int32 = SIGINT) -> Int32 {
        kill(recorder.processIdentifier, signal)
        recorder.waitUntilExit()
        return recorder.terminationStatus
    }

    @Test("rotated files are whole, consecutive and no more than asked for")
    func rotates() throws {
        let outcome = try Executable.run([
            "record", "-o", directory.path("r.vpt"), "--rotate", "200ms", "--max-files", "3", "--duration", "1500ms",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.url.path).sorted()
        let numbers = files.compactMap { Int($0.dropFirst(2).prefix(4)) }
        #expect(files.count == 3 && numbers.count == 3)
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 + 1 == $1 })
        // CPUs' rings are emptied one after the other: what is in order across files is each CPU's own stream.
        var latest: [UInt16: UInt64] = [:]
        var disordered = 0
        for file in files {
            let reader = try TraceReader(path: directory.path(file))
            #expect(reader.isComplete)
            try reader.forEachEvent { event, _ in
                if event.time < latest[event.pcpu] ?? 0 { disordered += 1 }
                latest[event.pcpu] = event.time
            }
        }
        #expect(!latest.isEmpty)
        #expect(disordered == 0)
    }

    @Test("a recording ends at its size limit, with a whole file")
    func limitsSize() throws {
        let file = directory.path("s.vpt")
        let program = directory.path("p.guest")
        try Data("repeat 5000\nread 0xc0010004\nend\n".utf8).write(to: URL(fileURLWithPath: program))
        let guest = try Executable.start(["guest", program, "--times", "100000"])
        defer { _ = end(guest, SIGKILL) }
        let outcome = try Executable.run([
            "record", "-o", file, "--max-size", "48K", "--duration", "60", "--json",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("\"size limit\""))
        let reader = try TraceReader(path: file)
        #expect(reader.isComplete)
        #expect(reader.size < 4 * 48 * 1024)
    }

    @Test(
        "commands are acknowledged once they have taken effect: only what happens between enable and disable is recorded"
    )
    func obeysControl() throws {
        let (control, acknowledge) = (directory.path("control"), directory.path("ack"))
        for path in [control, acknowledge] { #expect(mkfifo(path, 0o600) == 0) }
        let file = directory.path("c.vpt")
        let recorder = try Executable.start([
            "record", "-o", file, "--start-paused", "--control", "fifo:\(control),\(acknowledge)",
        ])
        defer { _ = end(recorder, SIGKILL) }
        let line = ControlLine(control: control, acknowledge: acknowledge)
        #expect(line.send("ping") == "ack")
        try play(register: 0xc001_0004, times: 50)
        #expect(line.send("enable") == "ack")
        try play(register: 0xc001_0005, times: 50)
        #expect(line.send("disable") == "ack")
        try play(register: 0xc001_0006, times: 50)
        #expect(line.send("dance") == "unknown")
        #expect(line.send("enable") == "ack")
        try play(register: 0xc001_0007, times: 50)
        #expect(line.send("stop") == "ack")
        recorder.waitUntilExit()
        #expect(recorder.terminationStatus == 0)
        let registers = try accesses(file).map(\.register)
        #expect(registers.filter { $0 == 0xc001_0005 }.count == 50)
        #expect(registers.filter { $0 == 0xc001_0007 }.count == 50)
        #expect(registers.count == 100)
        let reader = try TraceReader(path: file)
        #expect(reader.metadata.blindSpots.contains { $0.hasPrefix("Paused 1 time") })
        // The gap is told for each CPU, with no number: nobody counted.
        #expect(Set(reader.lost.map(\.pcpu)).count == reader.metadata.topology.count)
        #expect(reader.lost.allSatisfy { $0.count == nil })
    }

    @Test(
        "with and without entries and exits a guest's accesses are the same, and the trace says what it lacks",
        arguments: ["none", "summary", "full"])
    func exits(detail: String) throws {
        let (control, acknowledge) = (directory.path("control"), directory.path("ack"))
        for path in [control, acknowledge] { #expect(mkfifo(path, 0o600) == 0) }
        let file = directory.path("o.vpt")
        let recorder = try Executable.start([
            "record", "-o", file, "--exits", detail, "--control", "fifo:\(control),\(acknowledge)",
        ])
        defer { _ = end(recorder, SIGKILL) }
        #expect(ControlLine(control: control, acknowledge: acknowledge).send("ping") == "ack")
        try play(register: 0xc001_0004, times: 400)
        #expect(end(recorder) == 0)
        #expect(try accesses(file).count == 400)
        let reader = try TraceReader(path: file)
        #expect(reader.metadata.exits == detail)
        #expect(reader.metadata.tracepoints.contains("kvm:kvm_exit") == (detail != "none"))
        #expect(reader.metadata.blindSpots.contains { $0.contains("--exits \(detail)") } == (detail != "full"))
    }

    @Test(
        "a flight recorder holds the newest records, and says how many older ones were overwritten",
        .enabled(if: ThisMachine.makesInstances, "this machine gives no tracing instance (tracefs, privilege)"))
    func keepsNewest() throws {
        let (control, acknowledge) = (directory.path("control"), directory.path("ack"))
        for path in [control, acknowledge] { #expect(mkfifo(path, 0o600) == 0) }
        let file = directory.path("o.vpt")
        let recorder = try Executable.start([
            "record", "-o", file, "--overwrite", "--buffer", "64K", "--control", "fifo:\(control),\(acknowledge)",
        ])
        defer { _ = end(recorder, SIGKILL) }
        let line = ControlLine(control: control, acknowledge: acknowledge)
        #expect(line.send("ping") == "ack")
        try play(register: 0xc001_0004, times: 6000)
        try play(register: 0xc001_0005, times: 300)
        kill(recorder.processIdentifier, SIGUSR1)
        // Signals are looked at before commands: once this is answered the snapshot has been taken.
        #expect(line.send("ping") == "ack")
        // What a snapshot has written survives whatever happens to the recorder.
        kill(recorder.processIdentifier, SIGKILL)
        recorder.waitUntilExit()
        let registers = try accesses(file).map(\.register)
        #expect(registers.filter { $0 == 0xc001_0005 }.count == 300)
        #expect(registers.filter { $0 == 0xc001_0004 }.count < 6000)
    }

    @Test(
        "a flight recorder asked for its last seconds writes those, and says how many records were older",
        .enabled(if: ThisMachine.makesInstances, "this machine gives no tracing instance (tracefs, privilege)"))
    func keepsLastSeconds() throws {
        let file = directory.path("o.vpt")
        let recorder = try startFlight(file, "--last", "1500ms", "--buffer", "4M")
        defer { _ = end(recorder, SIGKILL) }
        try play(register: 0xc001_0004, times: 500)
        // Longer than what is asked for, so that no load of the machine makes the first records young enough.
        usleep(1_600_000)
        try play(register: 0xc001_0005, times: 300)
        #expect(end(recorder) == 0)
        let registers = try accesses(file).map(\.register)
        #expect(registers.filter { $0 == 0xc001_0004 }.count == 0)
        // How many of them are young enough is up to the machine's load: all, where it has none.
        #expect(registers.filter { $0 == 0xc001_0005 }.count > 0)
        let reader = try TraceReader(path: file)
        #expect(reader.metadata.blindSpots.contains { $0.contains("the last 1.5 s were kept") })
        #expect(reader.lost.isEmpty)
        let times = try reader.events().map(\.time)
        #expect((times.max() ?? 0) - (times.min() ?? 0) <= 1_600_000_000)
    }

    @Test(
        "a ring that does not reach back as far as asked for is named, with how far it does",
        .enabled(if: ThisMachine.makesInstances, "this machine gives no tracing instance (tracefs, privilege)"))
    func tellsShortRings() throws {
        let file = directory.path("o.vpt")
        let recorder = try startFlight(file, "--last", "1h", "--buffer", "16K")
        defer { _ = end(recorder, SIGKILL) }
        try play(register: 0xc001_0004, times: 4000)
        #expect(end(recorder) == 0)
        let reader = try TraceReader(path: file)
        #expect(reader.metadata.blindSpots.contains { $0.contains("not the 3600.0 s of --last") })
        #expect(reader.lost.contains { ($0.count ?? 0) > 0 })
    }

    /// Starts a flight recorder, and is back once it records.
    private func startFlight(_ file: String, _ options: String...) throws -> Process {
        let (control, acknowledge) = (directory.path("control"), directory.path("ack"))
        for path in [control, acknowledge] { #expect(mkfifo(path, 0o600) == 0) }
        let recorder = try Executable.start(
            ["record", "-o", file, "--overwrite", "--control", "fifo:\(control),\(acknowledge)"] + options)
        #expect(ControlLine(control: control, acknowledge: acknowledge).send("ping") == "ack")
        return recorder
    }

    @Test(
        "with CAP_PERFMON and CAP_DAC_READ_SEARCH alone the recording equals root's",
        .enabled(
            if: ThisMachine.isRoot && ThisMachine.setpriv != nil,
            "only root with setpriv can give just two capabilities"))
    func needsTwoCapabilities() throws {
        let setpriv = try #require(ThisMachine.setpriv)
        #expect(chmod(directory.url.path, 0o777) == 0)
        let (mine, roots) = (directory.path("capabilities.vpt"), directory.path("root.vpt"))
        let both = "-all,+perfmon,+dac_read_search"
        let limited = Process()
        limited.executableURL = URL(fileURLWithPath: setpriv)
        limited.arguments = [
            "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=\(both)", "--ambient-caps=\(both)",
            "--bounding-set=\(both)", Executable.url.path, "record", "-o", mine,
        ]
        limited.standardOutput = FileHandle.nullDevice
        try limited.run()
        let root = try Executable.start(["record", "-o", roots, "--source", "perf"])
        try waitForFile(mine)
        try waitForFile(roots)
        usleep(300_000)
        try play(register: 0xc001_0004, times: 500, vcpus: 2)
        #expect(end(limited) == 0 && end(root) == 0)
        func comparable(_ path: String) throws -> [TraceEvent] {
            try accesses(path).sorted { ($0.pid, $0.time) < ($1.pid, $1.time) }.map { event in
                var event = event
                event.time = 0
                return event
            }
        }
        let isSame = try comparable(mine) == comparable(roots)
        #expect(isSame)
        #expect(try comparable(mine).count == 1000)
    }

    @Test(
        "a full disk ends the recording with a readable file and the reason",
        .enabled(if: ThisMachine.isRoot, "only root mounts"))
    func survivesFullDisk() throws {
        let mount = directory.path("small")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: false)
        guard try Self.run("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", mount]) == 0 else {
            Issue.record("tmpfs cannot be mounted here")
            return
        }
        defer { _ = try? Self.run("umount", [mount]) }
        let program = directory.path("p.guest")
        try Data("repeat 5000\nread 0xc0010004\nend\n".utf8).write(to: URL(fileURLWithPath: program))
        let guest = try Executable.start(["guest", program, "--times", "100000"])
        defer { _ = end(guest, SIGKILL) }
        let file = "\(mount)/full.vpt"
        let outcome = try Executable.run(["record", "-o", file, "--duration", "60"])
        #expect(outcome.status == 128)
        #expect(outcome.output.contains("No space left"))
        let reader = try TraceReader(path: file)
        #expect(!reader.isComplete && reader.damage.isEmpty)
        #expect(try !reader.events().isEmpty)
    }

    @Test("a recorder that was stopped for a while accounts for every record", arguments: ["perf", "tracefs"])
    func accountsWhileStopped(source: String) throws {
        let file = directory.path("\(source)-stopped.vpt")
        let report = directory.path("\(source).json")
        #expect(FileManager.default.createFile(atPath: report, contents: nil))
        let recorder = try Executable.start(
            ["record", "-o", file, "--source", source, "--buffer", "16K", "--json"],
            output: FileHandle(forWritingTo: URL(fileURLWithPath: report)))
        try waitForFile(file)
        usleep(300_000)
        kill(recorder.processIdentifier, SIGSTOP)
        try play(register: 0xc001_0004, times: 3000, vcpus: 2)
        kill(recorder.processIdentifier, SIGCONT)
        #expect(end(recorder) == 0)
        let document =
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report))) as? [String: Any]
        let rings = try #require(document?["rings"] as? [[String: Any]])
        for ring in rings {
            let (made, read, lost) = (ring["made"] as? Int, ring["read"] as? Int, ring["lost"] as? Int)
            #expect(made == (read ?? 0) + (lost ?? 0))
        }
        let lost = try #require(document?["lost"] as? Int)
        #expect(lost > 0)
        let reported = try TraceReader(path: file).lost.reduce(0) { $0 + ($1.count ?? 0) }
        #expect(reported == UInt64(lost))
    }

    private static func run(_ command: String, _ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [command] + arguments
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}

/// The other end of a recorder's control FIFOs.
private final class ControlLine {
    private let control: Int32
    private let acknowledge: Int32

    init(control: String, acknowledge: String) {
        self.control = open(control, O_RDWR)
        self.acknowledge = open(acknowledge, O_RDWR)
    }

    deinit {
        close(control)
        close(acknowledge)
    }

    /// Sends a command and waits for its answer; nil when none comes in twenty seconds.
    func send(_ command: String) -> String? {
        let text = command + "\n"
        guard write(control, text, text.utf8.count) == text.utf8.count else { return nil }
        var answer: [UInt8] = []
        while true {
            var poller = pollfd(fd: acknowledge, events: Int16(POLLIN), revents: 0)
            guard poll(&poller, 1, 20_000) == 1 else { return nil }
            var byte: UInt8 = 0
            guard read(acknowledge, &byte, 1) == 1 else { return nil }
            if byte == UInt8(ascii: "\n") { return String(decoding: answer, as: UTF8.self) }
            answer.append(byte)
        }
    }
}
