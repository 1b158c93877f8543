import ArgumentParser
import Bench
import Counts
import Foundation
import Report

extension BenchSection: ExpressibleByArgument {}

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure vpmu against its peers and the limits of the machine.",
        discussion: """
            Example: vpmu bench diff --thresholds Tools/bench-thresholds.json

            Every figure is a ratio measured in the same run. Without a section all are measured. Measure a release \
            build: Tools/bench makes one and installs the peers.

            Exit status: 0 done, 1 a figure misses its floor (with --strict), 128 nothing to measure with, 129 wrong usage.
            """)

    @Argument(help: "What to measure: \(BenchSection.allCases.map(\.rawValue).joined(separator: ", ")), all.")
    var sections: [String] = []
    @Option(help: "Targets and floors by name, JSON.") var thresholds: String?
    @Option(help: "Interleaved runs.") var rounds: Int?
    @Option(help: "MiB of each column compared.") var columnMegabytes: Int?
    @Option(help: "Events of synthetic traces.") var events: Int?
    @Option(help: "Register accesses of the real guests that are recorded.") var guestAccesses: Int?
    @Option(help: "MB of the large trace that is opened.") var largeTraceMegabytes: Int?
    @Option(help: "Events of the longest trace of the scaling curves.") var scaleEvents: Int?
    @Option(help: "A folder for the scaling curves as SVG; it must exist.") var plots: String?
    @Option(help: "Measure nothing: write a synthetic trace of at least so many events to standard output.")
    var generate: Int?
    @Option(help: "With --generate: events that are made; more are repetitions of them.") var generatePattern =
        1_000_000
    @Option(help: "With --generate: pCPUs of the host.") var generatePcpus = 64
    @Flag(help: "Seconds instead of minutes: shows that it works, its figures mean nothing.") var smoke = false
    @Flag(help: "End with 1 if a figure misses its floor.") var strict = false
    @Flag(help: "Write JSON.") var json = false

    func validate() throws {
        for name in sections where name != "all" && BenchSection(rawValue: name) == nil {
            throw ValidationError("no section \"\(name)\"")
        }
        let numbers = [
            ("rounds", rounds), ("column-megabytes", columnMegabytes), ("events", events),
            ("guest-accesses", guestAccesses), ("large-trace-megabytes", largeTraceMegabytes),
            ("scale-events", scaleEvents), ("generate", generate), ("generate-pattern", generatePattern),
        ]
        for (name, value) in numbers {
            guard value ?? 1 >= 1, value ?? 1 <= 1 << 40 else {
                throw ValidationError("--\(name) \(value!) is out of range")
            }
        }
        guard (1...1024).contains(generatePcpus) else {
            throw ValidationError("--generate-pcpus \(generatePcpus) is not 1 to 1024")
        }
    }

    func run() throws {
        if let generate {
            try BenchSuite.generate(generate, pattern: generatePattern, pcpus: generatePcpus)
            return
        }
        var effort = smoke ? BenchEffort.smoke : .full
        effort.rounds = rounds ?? effort.rounds
        effort.columnBytes = columnMegabytes.map { $0 << 20 } ?? effort.columnBytes
        effort.events = events ?? effort.events
        effort.capturedAccesses = guestAccesses ?? effort.capturedAccesses
        effort.guestAccesses = guestAccesses ?? effort.guestAccesses
        effort.largeTraceBytes = largeTraceMegabytes.map { $0 * 1_000_000 } ?? effort.largeTraceBytes
        effort.scaleEvents = scaleEvents ?? effort.scaleEvents
        effort.plots = plots
        let wanted = BenchSection.allCases.filter {
            sections.isEmpty || sections.contains("all") || sections.contains($0.rawValue)
        }
        let limits = try thresholds.map(Threshold.file) ?? [:]
        let machine = Machine.current()
        let outcome = try BenchSuite(effort: effort, executable: Bundle.main.executablePath ?? "/proc/self/exe").run(
            wanted
        ) { name in
            if isatty(STDERR_FILENO) == 1 { FileHandle.standardError.write(Data("measuring \(name) ...\n".utf8)) }
        }
        let report = BenchReport(
            machine: machine, command: ["vpmu"] + CommandLine.arguments.dropFirst(), rounds: effort.rounds,
            outcome: outcome, thresholds: limits)
        print(try json ? report.json() : report.text(.standardOutput), terminator: "")
        if strict, !report.belowFloor.isEmpty { throw ExitStatus.no.code }
    }
}
