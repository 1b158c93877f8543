import ArgumentParser
import Foundation
import Import
import Trace

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make a trace of what perf, trace-cmd or ftrace recorded.",
        discussion: """
            Examples: vpmu import perf.data -o host.vpt
                      perf record -a -e 'msr:*' -e kvm:kvm_msr -o - -- sleep 5 | vpmu import - -o host.vpt
                      trace-cmd report | vpmu import - -o host.vpt

            The input may be perf.data (file or pipe mode, compressed or not, or the directory of perf record --threads), \
            trace.dat (versions 6 and 7), or text of perf script, ftrace and trace-cmd report, all of them also as .zst. \
            Every record of kvm_msr, kvm_entry, kvm_exit, write_msr, read_msr, rdpmc and sched_switch is taken; others \
            are counted by name. --optional takes more where the input has them: opens (sys_enter_perf_event_open), threads \
            (sched_process_fork and sched_process_exit), interrupts (kvm_apic_accept_irq), or all.

            A damaged input gives one line a damaged place; what can be read is kept, and the trace says what is missing.

            Exit status: 0 a trace was written (also of a damaged input, as far as it goes), 128 nothing could be kept, or \
            the trace cannot be written, 129 wrong usage.
            """)

    @Argument(help: "The recording; - is standard input.") var input: String
    @Option(name: .shortAndLong, help: "The trace to write, 0600; - is standard output.") var output: String
    @Flag(help: "Replace the output if it exists.") var force = false
    @Flag(help: "Leave out accesses to registers outside the PMU.") var pmuOnly = false
    @Option(help: "Take records of optional tracepoints, too: opens, threads, interrupts, a list, or all.")
    var optional = OptionalSources(none: ())
    @Flag(help: "Write the summary as JSON.") var json = false

    func run() throws {
        let source =
            input == "-"
            ? try ImportInput(descriptor: dup(STDIN_FILENO), name: "standard input") : try ImportInput(path: input)
        let importer = Importer(
            options: ImportOptions(selection: pmuOnly ? .pmuOnly : .everyRegister, optional: optional.sources))
        let (writer, summary, metadata) = try importer.run(source) { metadata in
            try TraceWriter(
                path: output, metadata: metadata,
                options: .init(existing: force ? .replace : .refuse))
        }
        writer.metadata = metadata
        try writer.finish()
        for damage in summary.damage { complain("vpmu: \(source.name): \(damage)") }
        if summary.damageUnlisted > 0 {
            complain("vpmu: \(source.name): and \(summary.damageUnlisted) more damaged places")
        }
        let report =
            try json
            ? summary.json(input: source.name, output: output) : summary.text(input: source.name, output: output)
        // Standard output may be the trace itself.
        (output == "-" ? FileHandle.standardError : .standardOutput).write(Data(report.utf8))
    }

    private func complain(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}
