import ArgumentParser
import Bisect
import Counts
import Policy
import PolicyFile
import Replay
import Report
import Timeline

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Replay traces under every policy and show the results side by side.",
        discussion: """
            Examples: vpmu compare host.vpt
                      vpmu compare host.vpt --policy emulated --policy mediated --json
                      vpmu compare Traces --worst 10
                      vpmu compare Traces --by-trace --policy emulated --policy mediated

            One trace: guest counts with how they are known, silent time, host blind time, host events that lose their \
            counter, fairness and register operations; in the end, in words, what was found. A folder or several traces, \
            or --worst: per policy in sum, and per VM and host event what is lost and gained against the first policy, \
            silent, blind and told, the worst off first.

            Exit status: 0 done, 125 a policy failed or broke a law, 128 unreadable, 129 wrong usage.
            """)

    @Argument(help: "Traces, or folders of them; - is standard input.") var traces: [String]
    @Option(help: "A YAML file with host events that no trace shows: name, event, pinned, exclude_guest, cpus.")
    var hostEvents: String?
    @Option(
        name: .shortAndLong,
        help: "Only this preset, YAML file or shared object; may be repeated. Default: every preset.")
    var policy: [String] = []
    @Option(help: "List so many of the worst off VMs and host events. Default for folders: 20.") var worst: Int?
    @Flag(help: "List every series of a trace, not only the first that tell the policies apart.") var all = false
    @Flag(help: "Instead, one line for each policy and one column for each trace.") var byTrace = false
    @Flag(help: "Watch the conformance laws while policies play.") var checkLaws = false
    @Option(help: "A YAML cost table: source, and ns per operation; adds overhead in time.") var costs: String?
    @Option(help: "Threads.") var threads = 2
    @Flag(help: "Write JSON.") var json = false

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads \(threads) is not 1 to 256") }
        if byTrace, json || worst != nil || costs != nil {
            throw ValidationError("--by-trace goes without --json, --worst and --costs")
        }
        if all, byTrace || worst != nil || json {
            throw ValidationError("--all goes without --json, --worst and --by-trace")
        }
        if let worst, worst < 0 { throw ValidationError("--worst \(worst) is less than nothing") }
    }

    func run() throws { try JudgeErrors.mapped(judged) }

    private func shown(_ tables: [CountsTable]) -> String {
        Comparison(tables).text(Terminal.standardOutput, length: all ? .all : .atMost(40))
    }

    private func judged() throws {
        let policies =
            try policy.isEmpty ? PolicyCatalogue.all().map { PlayedPolicy($0) } : policy.map(PolicyInput.played)
        let listed = traces == ["-"] ? [CheckedTrace(name: "-", path: "-")] : try CheckedTrace.list(traces)
        let isAlone = traces.count == 1 && listed.count == 1 && listed[0].path == traces[0]
        let costTable = try costs.map { try CostTable(contentsOf: $0) }
        var entries: [CorpusComparison.Entry] = []
        for trace in listed {
            var tables = try TimelineArguments.replay(
                trace.path, hostEvents: hostEvents, under: policies, threads: threads, laws: checkLaws ? .on : .off)
            if let costTable { tables = tables.map { $0.costed(by: costTable) } }
            if isAlone, worst == nil, !byTrace {
                let text = try json ? CountsTable.json(tables) : shown(tables)
                print(text, terminator: "")
                return
            }
            entries.append(.init(trace: trace.name, comparison: Comparison(tables)))
        }
        let corpus = CorpusComparison(entries)
        if byTrace {
            print(corpus.matrix(Terminal.standardOutput), terminator: "")
            return
        }
        print(
            try json ? corpus.json(worst: worst) : corpus.text(Terminal.standardOutput, worst: worst ?? 20),
            terminator: "")
    }
}
