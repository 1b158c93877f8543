import ArgumentParser
import Foundation
import Report
import Timeline
import Trace

struct DumpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump", abstract: "Print a trace record by record.",
        discussion: """
            Examples: vpmu dump host.vpt | less
                      vpmu dump host.vpt --json --from 1s --to 2s
                      vpmu dump host.vpt --decisions

            Records come ordered by time, then pCPU. The text is that of perf script --ns.

            Exit status: 0 printed, 128 unreadable or damaged, 129 wrong usage.
            """)

    @Argument(help: "The trace; - is standard input.") var file: String
    @Flag(help: "Write JSON, one object a line.") var json = false
    @Option(help: "Only records from this time on: \(TraceTime.form).") var from = TraceTime(nanoseconds: 0)
    @Option(help: "Only records up to this time.") var to: TraceTime?
    @Option(help: "Only this pCPU; may be repeated.") var cpu: [UInt16] = []
    @Flag(help: "Go on where the file is damaged; what is left out is named on standard error.") var skipDamage = false

    @Flag(help: "Print who got which physical counter when, instead of records.") var decisions = false

    func validate() throws {
        let (from, to) = (from.nanoseconds, to?.nanoseconds ?? .max)
        if decisions, from != 0 || to != .max || !cpu.isEmpty || skipDamage {
            throw ValidationError(
                "--decisions are read off the whole trace; it goes without --from, --to, --cpu and --skip-damage")
        }
        guard from <= to else { throw ValidationError("--from \(from) ns is later than --to \(to) ns") }
    }

    func run() throws {
        let reader = try TraceReader(path: file)
        TraceNotice.complain(about: reader)
        if decisions {
            let timeline = try Timeline(reader)
            let write = { (line: String) in try FileHandle.standardOutput.write(contentsOf: Data(line.utf8)) }
            if json {
                try DecisionLines.json(timeline, each: write)
            } else {
                try DecisionLines.text(timeline, each: write)
            }
            return
        }
        var dump = TraceDump(
            reader, format: json ? .json : .text, in: from.nanoseconds...(to?.nanoseconds ?? .max),
            pcpus: cpu.isEmpty ? nil : Set(cpu))
        let skipped = try dump.run(onDamage: skipDamage ? .skip : .fail) { bytes in
            try FileHandle.standardOutput.write(contentsOf: Data(bytes))
        }
        TraceNotice.complain(about: skipped, in: reader.path)
    }
}
