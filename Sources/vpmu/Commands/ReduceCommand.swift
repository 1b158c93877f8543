import ArgumentParser
import Bisect
import Counts
import Timeline
import Trace

struct ReduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reduce", abstract: "Make the smallest trace that still shows a difference between two policies.",
        discussion: """
            Example: vpmu reduce host.vpt --policy emulated --against mine.yaml -o small.vpt

            Demand is taken away as long as the difference shows: vCPUs, host events, slices, accesses, time. The \
            host's register traffic is written anew, so the result replays itself exactly and is a trace like any \
            other: scrub it and attach it to a report. Counts in it come from a steady rate, not from the original.

            Exit status: 0 done, 1 the policies do not differ, 125 a policy cannot be used, 128 unreadable, 129 wrong usage.
            """)

    @OptionGroup var input: TimelineArguments
    @Option(name: .shortAndLong, help: "Policy A: a preset or a YAML file.") var policy: String
    @Option(help: "Policy B.") var against: String
    @Option(name: .shortAndLong, help: "The trace to write.") var output: String
    @Option(help: "Keep a difference of this owner (guest:VM, guest:VM/VCPU, host:NAME); may be repeated.")
    var owner: [String] = []
    @Flag(help: "Replace the output file if it exists.") var force = false

    func run() throws {
        try JudgeErrors.mapped {
            let (a, b) = (try PolicyInput.rules(policy), try PolicyInput.rules(against))
            let (reader, timeline) = try input.opened()
            try timeline.require(owner, trace: input.file)
            let progress = ProgressLine()
            let reduced: ReducedTrace
            do {
                reduced = try ReducedTrace(timeline, metadata: reader.metadata, a: a, b: b, owners: owner) {
                    progress.show("\($0) operations left")
                }
            } catch ReductionProblem.noDifference {
                progress.clear()
                print("\(ReductionProblem.noDifference)")
                throw ExitStatus.no.code
            }
            progress.clear()
            try reduced.write(to: output, existing: force ? .replace : .refuse)
            print(
                """
                \(output): \(reduced.trace.events.count) records, \(reduced.operations.after) of \
                \(reduced.operations.before) operations; \(reduced.probes) demands tried
                It keeps: \(reduced.target)
                """)
        }
    }
}
