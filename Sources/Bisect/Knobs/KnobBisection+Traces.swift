import Counts
import Policy
import PolicyFile
import Replay

extension KnobBisection {
    /// The differences between two policies, judged by what they change on `traces`: A's counts are the baseline.
    ///
    /// - Parameters:
    ///   - a: a preset's name or a YAML file; so is `b`.
    /// - Throws: `PolicyUnusable`, `UnknownPolicy`, `TraceError`.
    public init(
        a: String, b: String, traces: [CheckedTrace], tolerances: Tolerances = Tolerances(), owners: [String] = [],
        failOn: ExitStatus.FailOn = .worse, replay: TraceReplay
    ) throws {
        let knobs = try PolicyKnobs(try PolicyInput.text(a), try PolicyInput.text(b))
        let baseline = Baseline(traces: try Check.entries(traces, policy: a, replay: replay.function))
        let check = Check(
            baseline: baseline, baselinePath: a, tolerances: tolerances, owners: owners, replay: replay.function)
        self.init(knobs: knobs, failOn: failOn) { text in
            let rules: PolicyRules
            do throws(PolicyFileError) {
                rules = try PolicyFile.decode(text, file: "mixture of \(a) and \(b)")
            } catch {
                throw PolicyUnusable(error.description)
            }
            var worst = Verdict.same
            for trace in traces {
                let table = Replayer.replay(try replay.timeline(trace.path), under: rules, trace: trace.path)
                worst = max(worst, check.compare(table, with: try check.entry(for: trace)).verdict)
                if worst == .worse { break }
            }
            return worst
        }
    }
}
