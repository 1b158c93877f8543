import ArgumentParser
import Bisect
import Counts
import Foundation
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

            A policy is a preset (vpmu policies), a YAML file (Traces/POLICY.md) or a shared object that speaks the \
            interface of vpmu_policy.h (./mine.so). --self replays under the policy of the recording and \
            compares every decision and every reading of a guest with what was recorded.

            Exit status: 0 done, or --self agrees; 1 --self differs; 125 the policy failed or broke a law; 128 \
            unreadable; 129 wrong usage.
            """)

    @OptionGroup var input: TimelineArguments
    @Option(name: .shortAndLong, help: "A preset, a YAML file or a shared object; may be repeated.") var policy:
        [String] = []
    @Option(name: .shortAndLong, help: "Write the counts to this file (one policy only).") var output: String?
    @Flag(help: "Replace the output file if it exists.") var force = false
    @Flag(name: .customLong("self"), help: "Compare with the recording instead.") var checksItself = false
    @Flag(help: "Print who gets which physical counter when, as dump --decisions does (one policy only).")
    var decisions = false
    @Flag(help: "Watch the conformance laws while the policy plays.") var checkLaws = false
    @Option(help: "A YAML cost table: source, and ns per operation; adds overhead in time.") var costs: String?
    @Option(help: "Threads for several policies.") var threads = 2
    @Flag(help: "Write JSON.") var json = false

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads \(threads) is not 1 to 256") }
        if checksItself, !policy.isEmpty || output != nil {
            throw ValidationError("--self goes without --policy and --output")
        }
        if !checksItself, policy.isEmpty { throw ValidationError("name a --policy; `vpmu policies` lists them") }
        if decisions, checksItself || output != nil || policy.count > 1 {
            throw ValidationError("--decisions takes one --policy, and goes without --output and --self")
        }
        if checksItself || decisions, checkLaws || costs != nil {
            throw ValidationError("--check-laws and --costs go with counts, not with --self and --decisions")
        }
        if output != nil, policy.count > 1 { throw ValidationError("--output takes the counts of one --policy") }
    }

    func run() throws {
        try JudgeErrors.mapped(judged)
    }

    private func judged() throws {
        let policies = try policy.map(PolicyInput.played)
        if checksItself {
            let check = SelfReplay.check(try input.timeline())
            print(try json ? check.json() : check.text, terminator: "")
            if !check.agrees { throw ExitStatus.no.code }
            return
        }
        if decisions {
            try printDecisions(try input.timeline(), policies[0])
            return
        }
        let costTable = try costs.map { try CostTable(contentsOf: $0) }
        var tables = try TimelineArguments.replay(
            input.file, hostEvents: input.hostEvents, under: policies, threads: threads, laws: checkLaws ? .on : .off)
        if let costTable { tables = tables.map { $0.costed(by: costTable) } }
        if let output { try tables[0].write(to: output, existing: force ? .replace : .keep) }
        if json {
            print(try CountsTable.json(tables), terminator: "")
        } else if output == nil {
            print(Comparison(tables).text(Terminal.standardOutput), terminator: "")
        }
    }

    private func printDecisions(_ timeline: Timeline, _ policy: PlayedPolicy) throws {
        var played = timeline
        played.decisions = try Replayer.decisions(timeline, under: policy)
        let write = { (line: String) in try FileHandle.standardOutput.write(contentsOf: Data(line.utf8)) }
        if json {
            try DecisionLines.json(played, each: write)
        } else {
            try DecisionLines.text(played, each: write)
        }
    }
}
