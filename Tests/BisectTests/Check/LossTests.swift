import Counts
import Policy
import Replay
import Testing

@testable import Bisect
@testable import Timeline

@Suite("Loss in a trace")
struct LossTests {
    /// Two guests, each on a CPU of its own from 7 us to 107 us.
    private func timeline(lossOn pcpu: Int, from: UInt64, to: UInt64) -> Timeline {
        var demand = DemandFixture(pcpus: 2, vcpus: [1, 1])
        demand.slice(0) { $0.program(0, 0, "instructions") }
        demand.slice(1, pcpu: 1) { $0.program(1, 0, "instructions", pcpu: 1) }
        demand.taints = [TimelineTaint(vcpu: nil, pcpu: pcpu, from: from, to: to, cause: "7 records were lost")]
        return demand.timeline
    }

    private func report(_ timeline: Timeline, owner: String) throws -> CheckReport {
        let fixture = try CheckFixture([])
        let replay: ReplayFunction = { _, _ in Replayer.replay(timeline, under: .emulated) }
        let entries = try Check.entries([fixture.trace], policy: "p", replay: replay)
        return try Check(baseline: Baseline(traces: entries), baselinePath: "b", owners: [owner], replay: replay)
            .run([fixture.trace], policy: "p")
    }

    @Test("loss while the guest was on that CPU cannot be judged, and the interval is named")
    func matters() throws {
        let report = try report(timeline(lossOn: 0, from: 20_000, to: 30_000), owner: "guest:vm0")
        #expect(report.verdict == .cannotJudge)
        #expect(report.traces[0].sentences.contains { $0.text.contains("from 20000 to 30000 ns") })
        #expect(ExitStatus(report.verdict) == .cannotJudge)
    }

    @Test(
        "loss on another CPU, or when the guest was not there, leaves a verdict",
        arguments: [(1, UInt64(20_000), UInt64(30_000)), (0, 150_000, 200_000)])
    func elsewhere(_ pcpu: Int, _ from: UInt64, _ to: UInt64) throws {
        #expect(try report(timeline(lossOn: pcpu, from: from, to: to), owner: "guest:vm0").verdict == .same)
    }
}
