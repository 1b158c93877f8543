import ArgumentParser
import Capture
import Counts
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
                      vpmu record -o day.vpt --rotate 1G --max-files 20

            Records kvm_msr, write_msr, read_msr, rdpmc and sched_switch on every CPU, with --exits full or summary also kvm_entry and \
            kvm_exit, with --optional more, until the duration is over, the command has ended, or Ctrl-C. Registers outside the PMU are filtered \
            in the kernel. With --overwrite nothing is written before SIGUSR1, a control command or the end asks for what the \
            kernel's rings hold. Control commands are those of perf record: enable, disable, snapshot, ping, stop, each \
            answered with ack.

            Exit status: 0 a good file (also after Ctrl-C or SIGTERM), 128 the host cannot record or the file cannot be \
            written, 129 wrong usage.
            """)

    @Option(name: .shortAndLong, help: "The trace to write, 0600; - is standard output.") var output: String
    @Flag(help: "Replace the output if it exists.") var force = false
    @Option(help: "Stop after this long: 10 (seconds), 500ms, 2m.") var duration: String?
    @Option(help: "Only this process's threads; may be repeated.") var pid: [Int32] = []
    @Option(help: "Only this virtual machine, by QEMU's or libvirt's name or by process id; may be repeated.")
    var vm: [String] = []
    @Option(help: "Only these CPUs: 0-3,8.") var cpus: String?
    @Flag(help: "Record accesses to registers outside the PMU, too.") var allRegisters = false
    @Option(
        help: """
            Entries into and exits from guests: none, full (a record each), or summary (one pair a slice with its time in guest \
            mode; the kernel still pays for each).
            """)
    var exits = ExitDetail.none
    @Option(
        help: """
            Record also: opens (who calls perf_event_open, though not for which event), threads (forks and exits: reused thread ids), \
            interrupts (that guests' APICs take, those of their counters among them), holders (who holds perf events at the \
            start), a list of these, or all.
            """)
    var optional = OptionalSources(none: ())
    @Option(help: "Where records come from: tracefs (cheapest for guests), perf, or auto: tracefs where it can be had.")
    var source = RecordingSource.automatic
    @Option(help: "Bytes of each CPU's ring: 512K, 4M. Default: sized from the host.") var buffer: String?
    @Flag(help: "Flight recorder: keep only what the rings hold; SIGUSR1 writes it out.") var overwrite = false
    @Option(help: "With --overwrite, write out only the last so much: 10 (seconds), 500ms, 2m.") var last: String?
    @Option(help: "Begin a new file every so often (10m) or at a size (1G): NAME.0001.vpt, NAME.0002.vpt, ...")
    var rotate: String?
    @Option(help: "Keep so many files; the oldest are removed. With --rotate.") var maxFiles: Int?
    @Option(help: "Stop at this size: 4G. With --rotate the oldest files are removed instead.") var maxSize: String?
    @Option(help: "Per cent of one CPU the recorder may use; beyond it exits are given up, then the recording.")
    var maxOverhead: Double?
    @Flag(help: "Record nothing before the control command enable.") var startPaused = false
    @Option(help: "Take commands while recording: fifo:CONTROL[,ACK] or fd:N[,M].") var control: String?
    @Option(help: "What the trace calls this host. Default: its own name.") var hostName: String?
    @Flag(help: "Write the summary as JSON.") var json = false
    @Argument(help: "A command to record, and to stop with.") var command: [String] = []

    func run() throws {
        KeptMemory.keepForBlocks()
        let line = ProgressLine()
        let summary: RecordingSummary
        do {
            summary = try RecordingSession.record(
                options: try options(), output: .init(path: output, existing: force ? .replace : .refuse),
                privileges: .drop, tool: Version.tool, commandLine: CommandLine.arguments
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
        options.duration = try duration.map { try time($0, "--duration") }
        options.bufferBytes = try buffer.map { try size($0, "--buffer") }
        options.cpus = try cpus.map { try CPUList.parse($0) }
        options.processes = try pid + vm.map { try GuestThreads.process(ofVM: $0) }
        options.registers = allRegisters ? .all : .pmu
        options.command = command
        options.source = source
        options.exits = exits
        options.optional = optional.sources
        guard last == nil || overwrite else { throw ValidationError("--last needs --overwrite, the flight recorder") }
        options.mode = overwrite ? .flightRecorder(last: try last.map { try time($0, "--last") }) : .continuous
        options.limits = RecordingLimits(
            rotation: try rotate.map { text in
                // A bare number is bytes; a time needs its unit.
                if let bytes = Quantity.bytes(text), !text.hasSuffix("m") { return .size(bytes) }
                return .every(try time(text, "--rotate"))
            }, mostFiles: maxFiles, mostBytes: try maxSize.map { try size($0, "--max-size") })
        options.mostOverheadPercent = maxOverhead
        options.startsPaused = startPaused
        options.hostName = hostName
        if let control {
            guard let endpoint = RecordingControl.Endpoint(control) else {
                throw ValidationError("--control \(control) is neither fifo:CONTROL[,ACK] nor fd:N[,M]")
            }
            options.control = endpoint
        }
        guard !startPaused || options.control != nil else {
            throw ValidationError("--start-paused needs --control, or nothing would ever begin")
        }
        return options
    }

    private func time(_ text: String, _ option: String) throws -> UInt64 {
        guard let nanoseconds = Quantity.nanoseconds(text) else {
            throw ValidationError("\(option) \(text) is no time such as 10, 500ms or 2m")
        }
        return nanoseconds
    }

    private func size(_ text: String, _ option: String) throws -> UInt64 {
        guard let bytes = Quantity.bytes(text) else {
            throw ValidationError("\(option) \(text) is no size such as 512K or 4M")
        }
        return bytes
    }
}
