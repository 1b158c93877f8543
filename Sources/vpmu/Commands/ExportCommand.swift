import ArgumentParser
import Import
import Trace

extension ExportFormat: ExpressibleByArgument {}

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a trace for other tools: Perfetto, a table, JSON, perf script's text.",
        discussion: """
            Examples: vpmu export --format perfetto host.vpt -o host.perfetto-trace
                      vpmu export --format json host.vpt -o - | jq .

            perfetto opens in ui.perfetto.dev: a track per pCPU, physical counter and vCPU. json and perf-script can be \
            imported again and give the same trace.

            Exit status: 0 written, 128 the trace is unreadable or damaged or the output cannot be written, 129 wrong \
            usage.
            """)

    @Argument(help: "The trace; - is standard input.") var file: String
    @Option(help: "perfetto, csv, json or perf-script.") var format: ExportFormat
    @Option(name: .shortAndLong, help: "The file to write, 0600; - is standard output.") var output: String
    @Flag(help: "Replace the output if it exists.") var force = false

    func run() throws {
        let reader = try TraceReader(path: file)
        TraceNotice.complain(about: reader)
        var target = try OutputFile.create(path: output, existing: force ? .replace : .refuse)
        try TraceExport(reader, format: format).run { try target.append($0) }
        try target.close()
    }
}
