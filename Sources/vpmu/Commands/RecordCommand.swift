import ArgumentParser
import Capture
import Foundation
import Trace

extension RecordingSource: ExpressibleByArgument {}
extension ExitDetail: ExpressibleByArgument {}

struct RecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record", abstract: "Record what guests and host do with this machine's performance counters.",
        discussion: """
            Examples: vpmu record -o host.vpt --duration 10
                      vpmu record -o run.vpt -- qemu-system-x86_64 -enable-kvm disk.img

            Records kvm_msr, write_msr, read_msr, rdpmc and sched_switch on every CPU, with --exits full also kvm_entry and \
            kvm_exit, until the duration is over, the command has ended, or Ctrl-C. Registers outside the PMU are filtered \
            in the kernel.

            Exit status: 0 a good file (also after Ctrl-C or SIGTERM), 128 the host cannot record or the file cannot be \
            written, 129 wrong usage.
            """)

    @Option(name: .shortAndLong, help: "The trace to write, 0600; - is standard output.") var output: String
    @Flag(help: "Replace the output if it exists.") var force = false
    @Option(help: "Stop after this long: 10 (seconds), 500ms, 2m.") var duration: String?
    @Option(help: "Only this process's threads; may be repeated.") var pid: [Int32] = []
    @Option(help: "Only these CPUs: 0-3,8.") var cpus: String?
    @Flag(help: "Record accesses to registers outside the PMU, too.") var allRegisters = false
    @Option(help: "Bytes of each CPU's ring: 512K, 4M. Default: sized from the host.") var buffer: String?
    @Option(help: "Where records come from: tracefs (cheapest for guests), perf, or auto: tracefs where it can be had.")
    var source = RecordingSource.automatic
    @Option(help: "Entries into and exits from guests: none, or full (a record each).") var exits = ExitDetail.none
    @Option(help: "What the trace calls this host. Default: its own name.") var hostName: String?
    @Flag(help: "Write the summary as JSON.") var json = false
    @Argument(help: "A command to record, and to stop with.") var command: [String] = []

    func run() throws {
        let line = ProgressLine()
        let summary: RecordingSummary
        do {
            summary = try RecordingSession.record(
                options: try options(), output: .init(path: output, existing: force ? .replace : .refuse),
                tool: Version.tool, commandLine: CommandLine.arguments
            ) { state in
                let seconds = state.recording.elapsedNanoseconds / 1_000_000_000
                line.show(
                    "recording: \(seconds) s, \(state.recording.records) records, \(state.bytesWritten) bytes written")
            }
        } catch CaptureError.usage(let text) {
            throw ValidationError(text)
        }
        line.clear()
        let report = try json ? summary.json(path: output) : summary.text(path: output)
        // Standard output may be the trace itself.
        (output == "-" ? FileHandle.standardError : .standardOutput).write(Data(report.utf8))
        if case .sinkFailed = summary.end { throw ExitStatus.unreadable.code }
    }

    private func options() throws -> RecordingOptions {
        var options = RecordingOptions()
        if let duration {
            guard let nanoseconds = Quantity.nanoseconds(duration) else {
                throw ValidationError("--duration \(duration) is no time such as 10, 500ms or 2m")
            }
            options.duration = nanoseconds
        }
        if let buffer {
            guard let bytes = Quantity.bytes(buffer) else {
                throw ValidationError("--buffer \(buffer) is no size such as 512K or 4M")
            }
            options.bufferBytes = bytes
        }
        options.cpus = try cpus.map { try CPUList.parse($0) }
        options.processes = pid
        options.registers = allRegisters ? .all : .pmu
        options.command = command
        options.source = source
        options.exits = exits
        options.hostName = hostName
        return options
    }
}
