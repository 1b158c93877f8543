import Counts
import Foundation
import Testing
import Trace

@testable import Bisect

/// A check of one guest counter whose baseline and present values a test chooses.
struct CheckFixture {
    let trace: CheckedTrace
    let baseline: Baseline

    static func series(_ reading: Reading, owner: String = "guest:vm0/0", silent: UInt64 = 0) -> Series {
        Series(
            key: SeriesKey(owner: owner, counter: "gp0", event: "cycles"), reading: reading, enabledNs: 100,
            runningNs: 100 - silent, silentNs: silent)
    }

    static func table(_ series: [Series], taints: [Taint] = []) -> CountsTable {
        CountsTable(policy: "p", start: 0, end: 100, series: series, taints: taints)
    }

    init(_ before: [Series], tolerances: [String] = []) throws {
        // Any file will do: what it counts is the test's own word.
        let path = #filePath
        trace = CheckedTrace(name: "t.vpt", path: path)
        baseline = Baseline(
            tolerances: try tolerances.map { try ToleranceRule(parsing: $0) },
            traces: [
                Baseline.Entry(name: "t.vpt", content: try ContentHash.ofFile(path), table: Self.table(before))
            ])
    }

    func report(_ now: CountsTable, owners: [String] = []) throws -> CheckReport {
        try Check(baseline: baseline, baselinePath: "b.baseline", owners: owners, replay: { _, _ in now })
            .run([trace], policy: "p.yaml")
    }
}

@Suite("The check")
struct CheckTests {
    /// Before, now, tolerance, verdict: the cells of the rule for marked counts.
    static let cells: [(Reading, Reading, String, Verdict)] = [
        (.exact(100), .exact(100), "0", .same), (.exact(100), .exact(99), "1", .same),
        (.exact(100), .exact(99), "1%", .same), (.exact(100), .exact(98), "1", .worse),
        (.exact(100), .exact(98), "1%", .worse), (.exact(100), .exact(102), "1", .better),
        (.exact(100), .bounded(100, 100), "0", .same), (.exact(100), .bounded(98, 102), "2", .same),
        (.exact(100), .bounded(98, 102), "1", .cannotJudge), (.exact(100), .bounded(10, 99), "0", .worse),
        (.exact(100), .bounded(101, 900), "0", .better), (.exact(100), .bounded(nil, 99), "0", .worse),
        (.exact(100), .bounded(nil, 100), "0", .cannotJudge), (.exact(100), .bounded(101, nil), "0", .better),
        (.exact(100), .bounded(100, nil), "0", .cannotJudge), (.exact(100), .unknown, "50%", .cannotJudge),
        (.bounded(98, 102), .exact(100), "2", .same), (.bounded(98, 102), .exact(100), "1", .cannotJudge),
        (.bounded(98, 102), .exact(97), "1", .worse), (.bounded(98, 102), .exact(103), "1", .better),
        (.bounded(10, 20), .bounded(10, 20), "10", .same), (.bounded(10, 20), .bounded(10, 20), "9", .cannotJudge),
        (.bounded(10, 20), .bounded(15, 30), "20", .same), (.bounded(10, 20), .bounded(15, 30), "5", .cannotJudge),
        (.bounded(10, 20), .bounded(1, 9), "0", .worse), (.bounded(10, 20), .bounded(21, 30), "0", .better),
        (.bounded(10, nil), .bounded(nil, 9), "0", .worse), (.bounded(10, nil), .bounded(10, nil), "0", .cannotJudge),
        (.bounded(1, 2), .unknown, "0", .cannotJudge), (.unknown, .exact(1), "0", .cannotJudge),
        (.unknown, .bounded(1, 2), "0", .cannotJudge), (.unknown, .unknown, "50%", .cannotJudge),
    ]

    @Test("every pair of marks is judged by value, interval and tolerance", arguments: cells.indices)
    func cell(_ index: Int) throws {
        let (before, now, tolerance, verdict) = Self.cells[index]
        let fixture = try CheckFixture([CheckFixture.series(before)], tolerances: [tolerance])
        let report = try fixture.report(CheckFixture.table([CheckFixture.series(now)]))
        #expect(report.verdict == verdict, "\(before.words) then \(now.words) within \(tolerance)")
    }

    @Test("a trace's verdict is the worst over its owners: worse, then cannot judge, then better, then same")
    func rollUp() throws {
        let readings: [Verdict: Reading] = [
            .same: .exact(100), .better: .exact(101), .cannotJudge: .unknown, .worse: .exact(99),
        ]
        for a in Verdict.allCases {
            for b in Verdict.allCases {
                let owners = ["guest:vm0/0", "guest:vm0/1", "guest:vm1/0", "host:agent"]
                let fixture = try CheckFixture(owners.map { CheckFixture.series(.exact(100), owner: $0) })
                let now = zip(owners, [a, b, b, .same]).map { CheckFixture.series(readings[$1]!, owner: $0) }
                let report = try fixture.report(CheckFixture.table(now))
                #expect(report.verdict == max(a, b))
                let groups = report.traces[0].groups
                #expect(groups.map(\.name) == ["guest:vm0", "guest:vm1", "host:agent"])
                #expect(groups.map(\.verdict) == [max(a, b), b, .same])
                #expect(try fixture.report(CheckFixture.table(now), owners: ["guest:vm1"]).verdict == b)
            }
        }
    }

    @Test("lost time counts even where the count is the same")
    func silentTime() throws {
        let fixture = try CheckFixture([CheckFixture.series(.exact(5), silent: 10)], tolerances: ["3ns mark=exact"])
        #expect(try fixture.report(CheckFixture.table([CheckFixture.series(.exact(5), silent: 13)])).verdict == .same)
        #expect(try fixture.report(CheckFixture.table([CheckFixture.series(.exact(5), silent: 14)])).verdict == .worse)
        #expect(try fixture.report(CheckFixture.table([CheckFixture.series(.exact(5), silent: 0)])).verdict == .better)
    }

    @Test("an owner that is asked for and not there cannot be judged, and is named")
    func missingOwner() throws {
        let fixture = try CheckFixture([CheckFixture.series(.exact(5))])
        let report = try fixture.report(
            CheckFixture.table([CheckFixture.series(.exact(5))]), owners: ["guest:vm0", "guest:vm7"])
        #expect(report.verdict == .cannotJudge)
        #expect(report.traces[0].sentences.map(\.owner) == ["guest:vm7"])
    }

    @Test(
        "checkpoints of a trace that is shorter than they are many, as older baselines have them, are compared all the same"
    )
    func equalCheckpoints() throws {
        let checkpoints = Checkpoints(times: [5, 5, 6], counts: [1, 1, 2], silentNs: [0, 0, 0])
        let table = CountsTable(
            policy: "p", start: 5, end: 7, series: [CheckFixture.series(.exact(5))], checkpoints: checkpoints)
        let kept = table.keepingCheckpoints([5, 6])
        #expect(kept.checkpoints == Checkpoints(times: [5, 6], counts: [1, 2], silentNs: [0, 0]))
    }

    @Test("loss that touches a counter turns its verdict into cannot judge, with the interval; loss elsewhere does not")
    func taint() throws {
        let fixture = try CheckFixture([CheckFixture.series(.exact(5))])
        func verdict(_ counter: String, _ owners: [String]) throws -> CheckReport {
            let taint = Taint(
                owner: "guest:vm0/0", pcpu: nil, counter: counter, from: 20, to: 30, cause: "7 records lost")
            return try fixture.report(
                CheckFixture.table([CheckFixture.series(.exact(5))], taints: [taint]), owners: owners)
        }
        let touched = try verdict("gp0", [])
        #expect(touched.verdict == .cannotJudge)
        #expect(touched.traces[0].sentences[0].text.contains("from 20 to 30 ns: 7 records lost"))
        #expect(try verdict("gp1", []).verdict == .same)
    }

    @Test("a policy that cannot be used cannot be judged; a trace that is not the baseline's is an error")
    func problems() throws {
        let fixture = try CheckFixture([CheckFixture.series(.exact(5))])
        let unusable = Check(
            baseline: fixture.baseline, baselinePath: "b", replay: { _, _ in throw PolicyUnusable("line 3: no") })
        let report = try unusable.run([fixture.trace], policy: "p.yaml")
        #expect(report.verdict == .cannotJudge)
        #expect(report.traces[0].sentences[0].text == "line 3: no")

        let check = Check(baseline: fixture.baseline, baselinePath: "b", replay: { _, _ in CheckFixture.table([]) })
        #expect(throws: CheckProblem.self) {
            try check.run([CheckedTrace(name: "other.vpt", path: fixture.trace.path)], policy: "p")
        }
        // Under its name there are other bytes now.
        let other = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("LossTests.swift").path
        #expect(throws: CheckProblem.self) {
            try check.run([CheckedTrace(name: fixture.trace.name, path: other)], policy: "p")
        }
    }

    @Test("a difference is dated by the first checkpoint that shows it")
    func dating() throws {
        let fixture = try CheckFixture([CheckFixture.series(.exact(9))])
        @Sendable func table(_ counts: [UInt64]) -> CountsTable {
            CountsTable(
                policy: "p", start: 0, end: 100, series: [CheckFixture.series(.exact(counts.last!))],
                checkpoints: Checkpoints(
                    times: counts.indices.map { UInt64($0) * 10 }, counts: counts, silentNs: counts.map { _ in 0 }))
        }
        let before = Array(0...20).map { UInt64($0) }
        let entries = try Check.entries([fixture.trace], policy: "p", replay: { _, _ in table(before) })
        #expect(entries[0].table.checkpoints?.times.count == Baseline.checkpointsKept)
        let now = before.map { $0 > 12 ? 12 : $0 }
        let report = try Check(
            baseline: Baseline(traces: entries), baselinePath: "b", replay: { _, _ in table(now) }
        ).run([fixture.trace], policy: "p")
        let since = report.traces[0].sentences[0].since
        #expect(report.verdict == .worse)
        #expect(since.map { $0 > 120 && $0 <= 150 } == true)
    }

    @Test("exit codes follow the verdict")
    func exits() {
        #expect(Verdict.allCases.map { ExitStatus($0).rawValue } == [0, 0, 125, 1])
        #expect(Verdict.allCases.map { ExitStatus($0, failOn: .better).rawValue } == [0, 1, 125, 1])
    }

    @Test("a trace is judged under the policy that its recorder names", arguments: ["fair", "mediated", "emulated"])
    func recordedPolicy(_ name: String) throws {
        let path = NSTemporaryDirectory() + "vpmu-check-\(UUID().uuidString).vpt"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var metadata = ReductionTests.metadata
        metadata.recordedPolicy = name
        let writer = try TraceWriter(path: path, metadata: metadata)
        try writer.append(.schedSwitch(time: 1, pcpu: 0, prev: 0, next: 100, prevState: 0))
        try writer.finish()
        #expect(try TraceReplay().timeline(path).recordedRules.name == name)
    }
}
