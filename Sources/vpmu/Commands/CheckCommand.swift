import ArgumentParser
import Bisect
import Counts
import Foundation
import Report
import Timeline

extension ExitStatus.FailOn: ExpressibleByArgument {}

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Judge a policy against a baseline: same, better, worse or cannot judge.",
        discussion: """
            Examples: vpmu check Traces --policy mine.yaml --baseline ci/mine.baseline --update
                      vpmu check Traces --policy mine.yaml --baseline ci/mine.baseline --tolerance 1%
                      git bisect run vpmu check host.vpt --policy mine.yaml --baseline /tmp/good.baseline

            A baseline is a text file for your repository: what each guest counter and host event counted, and which \
            tolerances hold. --tolerance takes the same rules: a value (12, 0.5%, 5ms), then what it holds for \
            (owner=guest:vm0/*, counter=gp0, event=cycles, mark=bounded, policy=NAME).

            Exit status: 0 same or better, 1 worse, 125 this revision of the policy cannot be judged, 128 unreadable \
            trace or baseline, 129 wrong usage; as git bisect run understands them.
            """)

    @Argument(help: "Traces, or folders of them.") var traces: [String]
    @Option(name: .shortAndLong, help: "The policy to judge: a preset, a YAML file or a shared object.") var policy:
        String
    @Option(name: .shortAndLong, help: "The baseline file.") var baseline: String
    @Flag(help: "Write what the policy counts now into the baseline instead of judging.") var update = false
    @Option(help: "A tolerance rule; may be repeated, the last one that fits decides.") var tolerance: [String] = []
    @Option(
        help: "Only this owner decides, and it must be there (guest:VM, guest:VM/VCPU, host:NAME); may be repeated.")
    var requireOwner: [String] = []
    @Option(help: "What else fails: worse (nothing else) or better.") var failOn: ExitStatus.FailOn = .worse
    @Flag(help: "Watch the conformance laws; a policy that breaks one cannot be judged.") var checkLaws = false
    @Option(help: "A YAML file with host events that no trace shows.") var hostEvents: String?
    @Flag(help: "Write JSON.") var json = false
    @Option(help: "Write JUnit XML to this file.") var junit: String?
    @Option(help: "Write SARIF 2.1.0 to this file.") var sarif: String?
    @Option(help: "Append Markdown to this file, e.g. $GITHUB_STEP_SUMMARY.") var markdown: String?
    @Flag(help: "Print annotations for GitHub Actions.") var github = false

    func run() throws {
        try JudgeErrors.mapped {
            let rules = try tolerance.map { try ToleranceRule(parsing: $0) }
            let listed = try CheckedTrace.list(traces)
            let replay = TraceReplay(
                hostEvents: try hostEvents.map { try HostEventsFile(contentsOf: $0) }, laws: checkLaws ? .on : .off)
            if update {
                let number = try Baseline.rewrite(
                    baseline, listed, policy: policy, adding: rules, replay: replay.function)
                print("\(baseline): \(number == 1 ? "1 trace" : "\(number) traces") under \(policy)")
                return
            }
            let check = Check(
                baseline: try Baseline(contentsOf: baseline), baselinePath: baseline, tolerances: Tolerances(rules),
                owners: requireOwner, replay: replay.function)
            let report = try check.run(listed, policy: policy)
            try write(report)
            let exit = ExitStatus(report.verdict, failOn: failOn)
            if exit != .good { throw exit.code }
        }
    }

    private func write(_ report: CheckReport) throws {
        let isFile = FileManager.default.fileExists(atPath: policy)
        if let junit { try report.junit.write(toFile: junit, atomically: true, encoding: .utf8) }
        if let sarif {
            try report.sarif(file: isFile ? policy : baseline, version: Version.tool).write(
                toFile: sarif, atomically: true, encoding: .utf8)
        }
        if let markdown { try TextFile.append(report.markdown, to: markdown) }
        if github { print(report.gitHubAnnotations(file: isFile ? policy : baseline), terminator: "") }
        print(try json ? report.json() : report.text(Terminal.standardOutput), terminator: "")
    }
}
