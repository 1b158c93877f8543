import ArgumentParser
import Bisect
import Foundation
import Scenario
import Trace

struct SynthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synth", abstract: "Make the trace of a host that a scenario file describes, and the true counts.",
        discussion: """
            Example: vpmu synth Traces/agent-starves-guest.yaml -o starved.vpt --truth truth.json

            For machines without a PMU. Out comes what a recorder would have seen on that host under the policy, and \
            what really was counted, integrated from the scenario's rates. The same scenario, policy and seed give the \
            same bytes. Traces/SCENARIO.md describes the file.

            Exit status: 0 done, 125 the policy cannot be used, 128 the scenario cannot be used or a file cannot be written, \
            129 wrong usage.
            """)

    @Argument(help: "The scenario, a YAML file.") var scenario: String
    @Option(name: .shortAndLong, help: "The trace to write, 0600; - is standard output.") var output: String
    @Option(help: "The host's policy: a preset's name or a policy file.") var policy = "emulated"
    @Option(help: "Write the true counts there as JSON; - is standard output.") var truth: String?
    @Option(help: "Use this seed instead of the scenario's.") var seed: UInt64?
    @Flag(help: "Replace files that exist.") var force = false

    func validate() throws {
        if output == "-", truth == "-" { throw ValidationError("--output and --truth cannot both be standard output") }
    }

    func run() throws { try JudgeErrors.mapped(synthesise) }

    private func synthesise() throws {
        var scenario = try ScenarioReader.read(file: scenario)
        if let seed { scenario.seed = seed }
        let synth = Synth(scenario, rules: try PolicyInput.rules(policy))
        if let truth, truth != "-", !force, FileManager.default.fileExists(atPath: truth) {
            throw TraceError.exists(path: truth)
        }
        let line = ProgressLine()
        var writer = try TraceWriter(
            path: output, metadata: synth.metadata(tool: Version.tool),
            options: .init(existing: force ? .replace : .refuse))
        let counts = try synth.run(into: &writer) { time in
            line.show("simulating: \(time * 100 / scenario.duration) %")
        }
        try writer.finish()
        line.clear()
        if let truth { try write(try counts.json(), to: truth) }
    }

    private func write(_ data: Data, to path: String) throws {
        if path == "-" {
            FileHandle.standardOutput.write(data)
        } else {
            try data.write(to: URL(fileURLWithPath: path), options: force ? .atomic : .withoutOverwriting)
        }
    }
}
