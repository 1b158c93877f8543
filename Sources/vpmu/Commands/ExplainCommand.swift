import ArgumentParser
import Bisect
import Counts
import Timeline
import Trace

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say which decision differs first under two policies, and why.",
        discussion: """
            Examples: vpmu explain host.vpt --policy mediated
                      vpmu explain host.vpt --policy mine.yaml --against emulated --owner guest:vm0/1

            Told are who asked for which counter, what the candidates were, which rule, priority, constraint, filter, \
            reservation or ERROR decided, what it costs from there on, and the register accesses around it.

            Exit status: 0 the policies decide alike, 1 they differ, 125 a policy cannot be used, 128 unreadable, 129 \
            wrong usage.
            """)

    @OptionGroup var input: TimelineArguments
    @Option(name: .shortAndLong, help: "Policy A: a preset or a YAML file.") var policy: String
    @Option(help: "Policy B. Default: the policy of the recording.") var against: String?
    @Option(help: "Only decisions about this owner (guest:VM, guest:VM/VCPU, host:NAME).") var owner: String?
    @Option(help: "Only decisions at or after this time: \(TraceTime.form).") var at = TraceTime(nanoseconds: 0)
    @Flag(help: "Write JSON.") var json = false

    func run() throws {
        try JudgeErrors.mapped {
            let a = try PolicyInput.rules(policy)
            let (reader, timeline) = try input.opened()
            let b = try against.map { try PolicyInput.rules($0) } ?? timeline.recordedRules
            try timeline.require(owner.map { [$0] } ?? [], trace: input.file)
            guard at.nanoseconds <= timeline.end else {
                throw ValidationError("--at \(at.nanoseconds) ns is behind the trace's end, \(timeline.end) ns")
            }
            let explainer = Explainer(timeline, a: a, b: b)
            guard var explanation = explainer.explain(.init(owner: owner, from: at.nanoseconds)) else {
                print(json ? "{\"schemaVersion\": 1, \"cause\": null}" : "\(a.name) and \(b.name) decide alike.")
                return
            }
            explanation.addCost(timeline, a: a, b: b)
            try explanation.addAccesses(from: reader)
            print(try json ? explanation.json() : explanation.text, terminator: "")
            throw ExitStatus.no.code
        }
    }
}
