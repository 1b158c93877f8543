import ArgumentParser
import Counts
import Policy
import PolicyFile
import Replay
import Report
import Timeline

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Replay a trace under every policy and show the results side by side.",
        discussion: """
            Examples: vpmu compare host.vpt
                      vpmu compare host.vpt --policy emulated --policy mediated --json

            Guest counts with how they are known, silent time, host blind time, host events that lose their counter, and \
            register operations; in the end, in words, what was found.

            Exit status: 0 done, 128 unreadable, 129 wrong usage.
            """)

    @OptionGroup var input: TimelineArguments
    @Option(name: .shortAndLong, help: "Only this preset or YAML file; may be repeated. Default: every preset.")
    var policy: [String] = []
    @Flag(help: "Watch the conformance laws while policies play.") var checkLaws = false
    @Option(help: "Threads.") var threads = 2
    @Flag(help: "Write JSON.") var json = false

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads \(threads) is not 1 to 256") }
    }

    func run() throws {
        try JudgeErrors.mapped(judged)
    }

    private func judged() throws {
        let policies =
            try policy.isEmpty ? PolicyCatalogue.all().map { PlayedPolicy($0) } : policy.map(PolicyArgument.played)
        let tables = try Replayer.replay(
            try input.timeline(), under: policies, threads: threads, trace: input.file, laws: checkLaws ? .on : .off)
        if json {
            print(try CountsTable.json(tables), terminator: "")
        } else {
            print(Comparison(tables).text(Terminal.standardOutput), terminator: "")
        }
    }
}
