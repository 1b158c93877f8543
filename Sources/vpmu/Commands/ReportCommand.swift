import ArgumentParser
import Bisect
import Foundation
import PolicyFile
import Replay
import Report

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Make one self-contained page of what policies do to a trace.",
        discussion: """
            Examples: vpmu report host.vpt -o report.html
                      vpmu report host.vpt --policy emulated --policy mine.yaml -o report.html

            The comparison with differences first, then who held each physical counter over time, with silent, blind and \
            multiplexed time. The page asks nothing from any network; open it from the file, print it, mail it.

            Exit status: 0 done, 125 a policy cannot be used, 128 unreadable, 129 wrong usage.
            """)

    @OptionGroup var input: TimelineArguments
    @Option(
        name: .shortAndLong,
        help:
            "A preset or a YAML file; may be repeated, the first is the one others are measured against. Default: all presets."
    )
    var policy: [String] = []
    @Option(name: .shortAndLong, help: "The page to write.") var output: String
    @Option(help: "Its title. Default: the trace's file name.") var title: String?
    @Option(help: "Threads for several policies.") var threads = 2
    @Flag(help: "Replace the page if it exists.") var force = false

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads \(threads) is not 1 to 256") }
    }

    func run() throws {
        try JudgeErrors.mapped {
            if !force, FileManager.default.fileExists(atPath: output) {
                throw CheckProblem("\(output): exists already; --force replaces it")
            }
            let rules = try (policy.isEmpty ? PolicyCatalogue.names : policy).map { try PolicyInput.rules($0) }
            let timeline = try input.timeline()
            let name = (input.file as NSString).lastPathComponent
            let tables = Replayer.replay(timeline, under: rules, threads: threads, trace: name)
            let strips = rules.map { rules in
                var play = HoldingPlay(timeline, rules: rules, visitor: StripCollector(timeline, policy: rules.name))
                play.run()
                play.visitor.finish()
                return play.visitor.strips
            }
            try ReportPage(title: title ?? name, tables: tables, strips: strips, testimony: timeline.testimony).write(
                to: output)
            print("\(output): \(tables.count == 1 ? "1 policy" : "\(tables.count) policies") over \(name)")
        }
    }
}
