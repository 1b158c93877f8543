import ArgumentParser
import Bisect
import Counts
import Foundation
import Timeline
import Trace

struct BisectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bisect", abstract: "Find the change that made counts worse: a commit, a moment, or a knob.",
        discussion: """
            Over revisions (as git bisect run vpmu check does, with fewer replays):
              vpmu bisect Traces --policy policies/mine.yaml --good v1 --bad HEAD --jobs 2
              vpmu bisect Traces --policy build/mine.yaml --build make --good v1 --bad HEAD
            Over time, the first decision, or the first moment at which a count differs:
              vpmu bisect host.vpt --policy old.yaml --against new.yaml
              vpmu bisect host.vpt --policy old.yaml --against new.yaml --count-differs --owner guest:vm0/1
            Over knobs, which differences between two policy files are to blame, alone or together:
              vpmu bisect Traces --policy old.yaml --against new.yaml --over knobs

            Exit status: 0 found, 1 nothing differs, 125 only skipped revisions, or counts that cannot be told apart, are
            left, 128 unreadable, 129 wrong usage, 130 interrupted.
            """)

    enum Over: String, ExpressibleByArgument, CaseIterable { case time, knobs }

    @Argument(help: "Traces, or folders of them.") var traces: [String]
    @Option(name: .shortAndLong, help: "Revisions: the policy's path in the repository. Else policy A.") var policy:
        String
    @Option(help: "A good revision; may be repeated.") var good: [String] = []
    @Option(help: "The bad revision.") var bad: String?
    @Option(help: "A command that builds --policy in a checkout of each revision.") var build: String?
    @Option(help: "The git repository. Default: the one around the working folder.") var repository = "."
    @Option(help: "Revisions probed at once.") var jobs = 1
    @Option(help: "A baseline file. Default: what the good revision counts.") var baseline: String?
    @Flag(help: "Do not look at, nor add to, the verdicts remembered in the repository.") var forget = false
    @Option(help: "Policy B, to bisect between two policies.") var against: String?
    @Option(help: "Between two policies: over time or over their knobs.") var over = Over.time
    @Flag(help: "Over time: when a count of the owner differs first, instead of a decision.") var countDiffers = false
    @Flag(help: "Over time: when an owner's running, silent or blind time differs first.") var timeDiffers = false
    @Option(name: [.long, .customLong("require-owner")], help: "Only this owner; may be repeated.") var owner:
        [String] = []
    @Option(help: "A tolerance rule, as in vpmu check; may be repeated.") var tolerance: [String] = []
    @Option(help: "What counts as bad beside worse: worse (nothing else) or better.") var failOn: ExitStatus.FailOn =
        .worse
    @Option(help: "A YAML file with host events that no trace shows.") var hostEvents: String?
    @Flag(help: "Write JSON.") var json = false

    func validate() throws {
        guard (1...256).contains(jobs) else { throw ValidationError("--jobs \(jobs) is not 1 to 256") }
        if against != nil, bad != nil || !good.isEmpty {
            throw ValidationError("--against compares two policies, --good and --bad two revisions of one; not both")
        }
        if against == nil, bad == nil || good.isEmpty {
            throw ValidationError("name --good and --bad revisions, or a policy to compare --against")
        }
        let isOverTime = against != nil && over == .time
        if countDiffers, timeDiffers { throw ValidationError("--count-differs or --time-differs, not both") }
        if countDiffers || timeDiffers, !isOverTime {
            throw ValidationError(
                "--count-differs and --time-differs look for a moment between two policies, over time")
        }
        if against != nil, build != nil || baseline != nil || forget || jobs != 1 {
            throw ValidationError("--build, --baseline, --forget and --jobs go with --good and --bad")
        }
    }

    func run() throws {
        try JudgeErrors.mapped {
            let rules = Tolerances(try tolerance.map { try ToleranceRule(parsing: $0) })
            let listed = try CheckedTrace.list(traces)
            let replay = TraceReplay(hostEvents: try hostEvents.map { try HostEventsFile(contentsOf: $0) })
            guard let against else { return try revisions(listed, rules, replay) }
            switch over {
            case .knobs:
                let finding = try KnobBisection(
                    a: policy, b: against, traces: listed, tolerances: rules, owners: owner, failOn: failOn,
                    replay: replay
                ).run()
                print(try json ? finding.json() : finding.text, terminator: "")
            case .time: try moments(listed, against, rules, replay)
            }
        }
    }

    private func revisions(_ listed: [CheckedTrace], _ rules: Tolerances, _ replay: TraceReplay) throws {
        let git = try GitRepository(containing: repository)
        let path = try git.pathInside(policy, relativeTo: repository)
        let progress = ProgressLine()
        var bisection = RevisionBisection(
            repository: git, source: build.map { .built(command: $0, path: path) } ?? .file(path), traces: listed,
            baseline: try baseline.map { ($0, try Baseline(contentsOf: $0)) }, tolerances: rules, owners: owner,
            failOn: failOn, jobs: jobs, memory: VerdictMemory(path: forget ? nil : git.verdictFile),
            tool: try ToolIdentity.current(), replay: replay.function)
        Interruption.watch()
        bisection.mayGoOn = { try Interruption.check() }
        let finding = try bisection.run(goods: good, bad: bad!) { probe, left in
            progress.show("\(probe.commit.prefix(12)) \(probe.answer), \(left) left")
        }
        progress.clear()
        let report = try RevisionReport(finding, in: git)
        print(try json ? report.json() : report.text, terminator: "")
        if finding.firstBad == nil { throw ExitStatus.cannotJudge.code }
    }

    private func moments(_ listed: [CheckedTrace], _ against: String, _ rules: Tolerances, _ replay: TraceReplay) throws
    {
        let (a, b) = (try PolicyInput.rules(policy), try PolicyInput.rules(against))
        let progress = ProgressLine()
        var moments: [TraceMoment] = []
        // An owner may be in one of several traces only.
        var unknown: UnknownOwners?
        for trace in listed {
            let timeline = try replay.timeline(trace.path)
            do throws(UnknownOwners) {
                try timeline.require(owner, trace: trace.name)
            } catch {
                unknown = error
                continue
            }
            let bisection = TimeBisection(timeline, a: a, b: b, owners: owner, tolerances: rules)
            moments.append(
                TraceMoment(
                    trace: trace.name,
                    moment: bisection.run(countDiffers ? .count : timeDiffers ? .running : .decision) { done, all in
                        progress.show("\(trace.name): \(done) of \(all) operations")
                    }))
        }
        progress.clear()
        if moments.isEmpty, let unknown { throw unknown }
        print(try json ? TraceMoment.json(moments) : TraceMoment.text(moments), terminator: "")
        if moments.allSatisfy({ $0.moment == nil }) { throw ExitStatus.no.code }
        if !moments.contains(where: { $0.moment?.certainty == .differs }) { throw ExitStatus.cannotJudge.code }
    }
}
