import Capture
import Foundation
import Testing
import Trace

private enum ThisMachine {
    static let recordsGuests =
        Guest.unavailability() == nil
        && (try? Recorder(options: RecordingOptions(), tool: "test", commandLine: [])) != nil

    static let switchOfCPU1 = "/sys/devices/system/cpu/cpu1/online"
    /// Whether CPU 1 may be taken offline is only known by trying; this asks for the file and the right to write it.
    static let unplugs =
        access(switchOfCPU1, W_OK) == 0 && (try? CPUList.online().contains(1)) == true && Shell.isInstalled("taskset")
}

/// What happens to a host while it is recorded: CPUs that go, budgets that are used up, virtual machines that others
/// run.
@Suite(
    "vpmu record on a host that changes", .serialized, .exclusiveMachine,
    .enabled(if: ThisMachine.recordsGuests, "this machine cannot record a KVM guest (/dev/kvm, tracefs, privilege)"))
struct RecordHostTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func waitForFile(_ path: String) throws {
        for _ in 0..<3000 {
            if let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int, size > 0 { return }
            usleep(10_000)
        }
        Issue.record("the recorder never wrote \(path)")
    }

    private func program(_ text: String) throws -> String {
        let path = directory.path("\(UUID().uuidString).guest")
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// A guest that reads one of AMD's counters fifty times, on one CPU.
    private func play(register: UInt32, on cpu: Int) throws {
        let program = try program("repeat 50\nread \(register)\nend\n")
        let outcome = try Shell.run("taskset", ["-c", "\(cpu)", Executable.url.path, "guest", program])
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    private func end(_ recorder: Process) -> Int32 {
        kill(recorder.processIdentifier, SIGINT)
        recorder.waitUntilExit()
        return recorder.terminationStatus
    }

    @Test(
        "a CPU that goes offline and comes back: the rest is recorded, and the trace says what it lacks",
        .enabled(if: ThisMachine.unplugs, "CPU 1 cannot be taken offline here (one CPU, or no right to)"),
        arguments: ["tracefs", "perf"])
    func losesCPU(source: String) throws {
        func setOnline(_ value: String) -> Bool {
            (try? Data(value.utf8).write(to: URL(fileURLWithPath: ThisMachine.switchOfCPU1))) != nil
        }
        let file = directory.path("\(source).vpt")
        let recorder = try Executable.start(["record", "-o", file, "--source", source])
        defer { _ = setOnline("1") }
        try waitForFile(file)
        usleep(200_000)
        try play(register: 0xc001_0004, on: 1)
        guard setOnline("0") else {
            kill(recorder.processIdentifier, SIGKILL)
            try Test.cancel("this kernel refuses to take CPU 1 offline")
        }
        usleep(300_000)
        try play(register: 0xc001_0005, on: 0)
        #expect(setOnline("1"))
        usleep(300_000)
        try play(register: 0xc001_0006, on: 0)
        try play(register: 0xc001_0007, on: 1)
        #expect(end(recorder) == 0)

        let reader = try TraceReader(path: file)
        #expect(reader.isComplete && reader.damage.isEmpty)
        let registers = try reader.events().filter { $0.kind == .kvmMSR && !$0.isWrite }.map(\.register)
        func count(_ register: UInt32) -> Int { registers.filter { $0 == register }.count }
        let counts: [Int] = [count(0xc001_0004), count(0xc001_0005), count(0xc001_0006)]
        #expect(counts.allSatisfy { $0 == 50 }, "\(counts)")
        let remarks = reader.metadata.blindSpots
        #expect(remarks.contains { $0.hasPrefix("CPU 1 went offline") })
        if source == "tracefs" {
            #expect(count(0xc001_0007) == 50)
            #expect(remarks.contains { $0.hasPrefix("CPU 1 came back") && $0.hasSuffix("recorded again.") })
        } else if count(0xc001_0007) < 50 {
            #expect(remarks.contains { $0.hasPrefix("CPU 1 came back") && $0.hasSuffix("not recorded any more.") })
            #expect(reader.lost.contains { $0.pcpu == 1 && $0.count == nil })
        }
    }

    @Test("a recorder over its budget first gives up entries and exits, then the recording, and says both")
    func keepsBudget() throws {
        let busy = try program("repeat 5000\nread 0xc0010004\nend\n")
        let guest = try Executable.start(["guest", busy, "--times", "100000"])
        defer {
            kill(guest.processIdentifier, SIGKILL)
            guest.waitUntilExit()
        }
        let file = directory.path("budget.vpt")
        let outcome = try Executable.run([
            "record", "-o", file, "--exits", "full", "--max-overhead", "0.001", "--duration", "30", "--json",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("\"end\" : \"overhead\""))
        let reader = try TraceReader(path: file)
        #expect(reader.isComplete)
        #expect(reader.metadata.blindSpots.contains { $0.hasPrefix("kvm_entry and kvm_exit were given up") })
        #expect(reader.metadata.blindSpots.contains { $0.hasPrefix("Stopped: the recorder needed more") })
    }

    @Test("what the recorder used stands in the trace, and info tells it")
    func measuresItself() throws {
        let file = directory.path("cost.vpt")
        #expect(try Executable.run(["record", "-o", file, "--duration", "300ms"]).status == 0)
        let cost = try #require(try TraceReader(path: file).metadata.recorder)
        #expect(cost.cpuNanoseconds > 0 && cost.wakeUps > 0 && cost.bytes > 0)
        let text = try Executable.run(["info", file]).output
        #expect(text.contains("\(cost.wakeUps) wake-ups, \(cost.bytes) bytes written"))
        let json = try Executable.run(["info", file, "--json"]).output
        #expect(json.contains("\"wakeUps\" : \(cost.wakeUps)"))
    }

    @Test(
        "a virtual machine of QEMU's is recorded by its name, and its vCPUs are told apart as far as the machine shows",
        .enabled(if: Shell.isInstalled("qemu-system-x86_64"), "qemu-system-x86_64 is not installed"))
    func recordsQEMU() throws {
        let name = "vpmu-test-\(getpid())"
        let machine = Process()
        machine.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        machine.arguments = [
            "qemu-system-x86_64", "-enable-kvm", "-name", "guest=\(name),debug-threads=on", "-nodefaults", "-display",
            "none", "-m", "64", "-smp", "2", "-S", "-monitor", "stdio",
        ]
        let monitor = Pipe()
        machine.standardInput = monitor
        machine.standardOutput = FileHandle.nullDevice
        machine.standardError = FileHandle.nullDevice
        try machine.run()
        defer {
            kill(machine.processIdentifier, SIGKILL)
            machine.waitUntilExit()
        }
        let file = directory.path("qemu.vpt")
        var recorder: Process?
        // The machine needs a moment before it has vCPUs and can be found by its name.
        for _ in 0..<100 where recorder == nil {
            usleep(100_000)
            let candidate = try Executable.start([
                "record", "-o", file, "--vm", name, "--all-registers", "--exits", "full",
            ])
            for _ in 0..<100 where candidate.isRunning && !FileManager.default.fileExists(atPath: file) {
                usleep(20_000)
            }
            if FileManager.default.fileExists(atPath: file) { recorder = candidate } else { candidate.waitUntilExit() }
        }
        let running = try #require(recorder, "the machine was never found by its name")
        usleep(200_000)
        monitor.fileHandleForWriting.write(Data("cont\n".utf8))
        sleep(3)
        #expect(end(running) == 0)

        let reader = try TraceReader(path: file)
        let threads = reader.metadata.threads.filter { $0.vm == name }
        #expect(Set(threads.compactMap(\.vcpu)) == [0, 1])
        let accesses = try reader.events().filter { $0.kind == .kvmMSR }
        #expect(!accesses.isEmpty, "SeaBIOS sets MTRRs and the APIC's base")
        let vcpus = Set(threads.filter { $0.vcpu != nil }.map(\.tid))
        #expect(accesses.allSatisfy { vcpus.contains($0.pid) })
        if !reader.metadata.tracepoints.contains("kvm:kvm_entry") { Issue.record("kvm_entry was not asked for") }
        if try !reader.events().contains(where: { $0.kind == .kvmEntry }) {
            #expect(reader.metadata.blindSpots.contains { $0.hasPrefix("kvm_entry and kvm_exit never fired") })
        }
    }
}
