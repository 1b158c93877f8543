import ArgumentParser
import Counts
import Policy
import Replay
import Report
import Timeline

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Replay a trace's demand under other policies, and say what everybody counts.",
        discussion: """
            Examples: vpmu replay host.vpt --policy mediated
                      vpmu replay host.vpt --policy emulated -o before.counts
                      vpmu replay host.vpt --self

            A policy is a preset (vpmu policies) or a YAML file. --self replays under the policy of the recording and \
            compares every decision and every reading of a guest with what was recorded.

            Exit status: 0 done, or --self agrees; 1 --self differs; 128 unreadable; 129 wrong usage.
            """)

    @OptionGroup var input: TimelineArguments
    @Option(name: .shortAndLong, help: "A preset or a YAML file; may be repeated.") var policy: [String] = []
    @Option(name: .shortAndLong, help: "Write the counts to this file (one policy only).") var output: String?
    @Flag(help: "Replace the output file if it exists.") var force = false
    @Flag(name: .customLong("self"), help: "Compare with the recording instead.") var checksItself = false
    @Option(help: "Threads for several policies.") var threads = 2
    @Flag(help: "Write JSON.") var json = false

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads \(threads) is not 1 to 256") }
        if checksItself, !policy.isEmpty || output != nil {
            throw ValidationError("--self goes without --policy and --output")
        }
        if !checksItself, policy.isEmpty { throw ValidationError("name a --policy; `vpmu policies` lists them") }
        if output != nil, policy.count > 1 { throw ValidationError("--output takes the counts of one --policy") }
    }

    func run() throws {
        let rules = try policy.map(PolicyArgument.rules)
        let timeline = try input.timeline()
        if checksItself {
            let check = SelfReplay.check(timeline)
            print(try json ? check.json() : check.text, terminator: "")
            if !check.agrees { throw ExitStatus.no.code }
            return
        }
        let tables = Replayer.replay(timeline, under: rules, threads: threads, trace: input.file)
        if let output { try tables[0].write(to: output, existing: force ? .replace : .keep) }
        if json {
            print(try CountsTable.json(tables), terminator: "")
        } else if output == nil {
            print(Comparison(tables).text(Terminal.standardOutput), terminator: "")
        }
    }
}
