import ArgumentParser
import Bisect
import Counts
import Plan
import Policy
import PolicyFile
import Report
import Timeline

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Say which counters a host must give up so that no guest's counter is silent.",
        discussion: """
            Examples: vpmu plan host.vpt
                      vpmu plan host.vpt --pcpus 0-3 --pcpus 4-7
                      vpmu plan host.vpt --policy mine.yaml --json

            The smallest set of host events, tried out by replaying the trace without them, for every pCPU by itself, or \
            with --pcpus for sets of pCPUs that are configured alike: an event goes on all of a set or stays on all; \
            pCPUs in no set are left as they are. Then what every policy makes of the host as it is and as planned.

            Exit status: 0 nothing is silent, or will be as planned; 1 no plan ends all silence; 125 the policy \
            cannot be used; 128 unreadable; 129 wrong usage.
            """)

    @OptionGroup var input: TimelineArguments
    @Option(help: "pCPUs that are configured alike, such as 0-3,8; may be repeated. Default: each by itself.")
    var pcpus: [String] = []
    @Option(name: .shortAndLong, help: "The policy that the host keeps: a preset or a YAML file.") var policy =
        "emulated"
    @Option(help: "Sets to try for each part of the host before settling for one that may not be the smallest.")
    var tries = 20_000
    @Flag(help: "Write JSON.") var json = false

    func validate() throws {
        guard tries >= 1 else { throw ValidationError("--tries \(tries) is less than 1") }
    }

    func run() throws { try JudgeErrors.mapped(planned) }

    private func planned() throws {
        let rules = try PolicyInput.rules(policy)
        var sets: [PCPUSet] = []
        for list in pcpus {
            guard let set = PCPUSet(list: list) else {
                throw ValidationError("--pcpus \(list) is no list of pCPUs; write one such as 0-3,8")
            }
            if sets.contains(where: { $0.intersects(set) }) {
                throw ValidationError("--pcpus \(list): a pCPU stands in another set already")
            }
            sets.append(set)
        }
        let progress = ProgressLine()
        let plan = Planner(try input.timeline(), rules: rules, sets: sets.isEmpty ? nil : sets, mostTries: tries).plan(
            asking: try PolicyCatalogue.all()
        ) { progress.show("\($0) sets tried") }
        progress.clear()
        print(try json ? plan.json() : plan.text(Terminal.standardOutput), terminator: "")
        if !plan.endsSilence { throw ExitStatus.no.code }
    }
}
