import Capture
import Foundation
import Testing
import Trace

private enum ThisMachine {
    static let records: Bool = {
        guard Guest.unavailability() == nil else { return false }
        return [RecordingSource.perf, .tracefs].allSatisfy { source in
            var options = RecordingOptions()
            options.source = source
            return (try? Recorder(options: options, tool: "test", commandLine: [])) != nil
        }
    }()
}

/// One guest, recorded at once by `perf record`, by a plain tracing instance, and by `vpmu record` from both sources.
@Suite(
    "recorders side by side", .serialized, .exclusiveMachine,
    .enabled(if: ThisMachine.records, "this machine cannot record a KVM guest (/dev/kvm, tracefs, privilege)"),
    .enabled(if: Shell.isInstalled("perf"), "perf is not installed"))
struct AgreementTests {
    /// An access without its time: each recorder takes its own.
    private struct Access: Equatable {
        var isWrite: Bool
        var register: UInt32
        var value: UInt64
        var raisedException: Bool
    }

    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// What a trace holds of a guest's threads, in the order of time.
    private func accesses(_ file: String, of threads: [Int32]) throws -> [[Access]] {
        let events = try TraceReader(path: file).events().filter { $0.kind == .kvmMSR }.sorted { $0.time < $1.time }
        return threads.map { thread in
            events.filter { $0.pid == thread }.map {
                Access(
                    isWrite: $0.isWrite, register: $0.register, value: $0.value, raisedException: $0.raisedException)
            }
        }
    }

    @Test("all agree with each other and with the guest's notes, access by access; exports come back as they were")
    func agree() throws {
        let program = directory.path("program.guest")
        try Data(
            """
            repeat 100
              write 0xc0010000 0x5300c0
              read 0xc0010004
              write 0x38f 0x700000003
              read 0xc0010200
              write 0xc0010201 0xffff00000000
            end

            """.utf8
        ).write(to: URL(fileURLWithPath: program))

        let tracefs = try Tracefs()
        let instance = "\(tracefs.root)/instances/vpmu-agree-\(getpid())"
        try FileManager.default.createDirectory(atPath: instance, withIntermediateDirectories: false)
        defer { rmdir(instance) }
        func set(_ file: String, _ value: String) throws {
            try Data(value.utf8).write(to: URL(fileURLWithPath: "\(instance)/\(file)"))
        }
        try set("buffer_size_kb", "4096")
        try set("trace_clock", "mono")
        try set("events/kvm/kvm_msr/enable", "1")

        let vpmu = Executable.url.path
        func path(_ name: String) -> String { directory.path(name) }
        // Each runs the next: all see the guest's whole life. perf comes innermost, because it waits for SIGCHLD, which
        // a test's thread has blocked and vpmu lets through to what it starts.
        let outcome = try Shell.run(
            vpmu,
            [
                "record", "--source", "tracefs", "-o", path("tracefs.vpt"), "--", vpmu, "record", "--source", "perf",
                "-o",
                path("perf.vpt"), "--", "perf", "record", "-q", "-a", "-e", "kvm:kvm_msr", "-o", path("perf.data"),
                "--",
                vpmu, "guest", program, "--vcpus", "2", "--notes", path("notes"),
            ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        try set("events/kvm/kvm_msr/enable", "0")
        let ring = try #require(FileHandle(forReadingAtPath: "\(instance)/trace"))
        try #require(try ring.readToEnd()).write(to: URL(fileURLWithPath: path("ring.txt")))
        try ring.close()
        for (input, output) in [("perf.data", "imported.vpt"), ("ring.txt", "ring.vpt")] {
            let imported = try Executable.run(["import", path(input), "-o", path(output)])
            #expect(imported.status == 0, "\(imported.errors)")
        }

        struct Note: Decodable {
            var thread: Int32
            var access: String
            var exception: Bool
        }
        let notes = try String(contentsOfFile: path("notes"), encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(Note.self, from: Data($0.utf8))
        }
        let threads = Set(notes.map(\.thread)).sorted()
        #expect(threads.count == 2)
        let mine = try accesses(path("tracefs.vpt"), of: threads)
        #expect(mine.map(\.count) == [500, 500])
        for (index, thread) in threads.enumerated() {
            let noted = notes.filter { $0.thread == thread }
            #expect(noted.map { $0.access == "write" } == mine[index].map(\.isWrite))
            #expect(noted.map(\.exception) == mine[index].map(\.raisedException))
        }
        for other in ["perf.vpt", "imported.vpt", "ring.vpt"] {
            let isSame = try accesses(path(other), of: threads) == mine
            #expect(isSame, "\(other) differs")
        }

        for format in ["perf-script", "json"] {
            let text = path("export.\(format)")
            #expect(try Executable.run(["export", "--format", format, path("perf.vpt"), "-o", text]).status == 0)
            let again = path("again-\(format).vpt")
            #expect(try Executable.run(["import", text, "-o", again]).status == 0)
            // perf script's text has no common_flags, which only the JSON dump shows.
            for form in format == "json" ? [[], ["--json"]] : [[]] {
                let before = try Executable.run(["dump", path("perf.vpt")] + form).output
                let isSame = try Executable.run(["dump", again] + form).output == before
                #expect(isSame, "dump \(form) of what came back as \(format)")
            }
        }
    }
}
