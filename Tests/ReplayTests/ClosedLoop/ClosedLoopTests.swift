import Counts
import Foundation
import Policy
import PolicyFile
import Scenario
import Testing
import Timeline

@testable import Replay

/// `VPMU_CLOSED_LOOP=200` plays that many scenarios (`85-90`: those seeds) in every direction between three policies
/// and between all presets, and prints the figures (`Tools/closed-loop` does); without it all presets get a part of
/// them.
@Suite("Recorded under one policy, replayed under another, compared with what would have been counted")
struct ClosedLoopTests {
    static let fullRun: ClosedRange<UInt64>? = {
        let words = (ProcessInfo.processInfo.environment["VPMU_CLOSED_LOOP"] ?? "").split(separator: "-")
        let seeds = words.compactMap { UInt64($0) }
        guard let last = seeds.last, last > 0, seeds.count == words.count else { return nil }
        return (seeds.count > 1 ? min(seeds[0], last) : 1)...last
    }()

    static func presets(_ names: [String]) throws -> [PolicyRules] {
        try names.map { try #require(try PolicyCatalogue.rules(named: $0)) }
    }

    @Test(
        "between emulated, mediated and none what is exact is the truth, what is bounded holds it, and bounds are narrow"
    )
    func basic() async throws {
        let policies = try Self.presets(["emulated", "mediated", "none"])
        let seeds = Self.fullRun ?? 1...200
        let survey = try await ClosedLoopSurvey.over(seeds) { seed in
            try ClosedLoop(seed: seed, recordedUnder: policies, replayedUnder: policies)
        }
        if Self.fullRun != nil { print("between emulated, mediated and none: \(survey.text)") }
        for one in survey.wrong { Issue.record("\(one)") }
        #expect(survey.judged > 20 * seeds.count)
        #expect(survey.bounded.widths.count > 2 * seeds.count)
        // With the exact ones, whose width is none, and of the intervals alone.
        for spread in [survey.comparable, survey.bounded] {
            #expect(spread.medianWidth <= 0.2)
            #expect(spread.medianError <= 0.05)
        }
        // Host demand is inferred; where it could not be, the counts above are not called exact.
        #expect(survey.agreeing * 100 >= survey.recordings * 75, "\(survey.agreeing) of \(survey.recordings)")
    }

    @Test("it holds between all presets, and where policies differ from VM to VM and knobs combine", arguments: 0..<4)
    func presets(part: Int) throws {
        let policies = try PolicyCatalogue.all() + ClosedLoopTests.combined()
        var survey = ClosedLoopSurvey()
        // Each scenario is recorded under three of them, in turn.
        for seed in UInt64(part * 3 + 1)...UInt64(part * 3 + 3) {
            let recorded = (0..<3).map { policies[(Int(seed) * 3 + $0) % policies.count] }
            survey.add(try ClosedLoop(seed: seed, recordedUnder: recorded, replayedUnder: policies))
        }
        for one in survey.wrong { Issue.record("\(one)") }
        #expect(survey.judged > 500)
    }

    @Test(
        "every scenario in every direction between all presets",
        .enabled(if: fullRun != nil, "only with VPMU_CLOSED_LOOP=200, as Tools/closed-loop sets it: takes minutes"))
    func everything() throws {
        let policies = try PolicyCatalogue.all() + ClosedLoopTests.combined()
        var survey = ClosedLoopSurvey()
        for seed in Self.fullRun ?? 1...1 {
            survey.add(try ClosedLoop(seed: seed, recordedUnder: policies, replayedUnder: policies))
        }
        print("between all presets: \(survey.text)")
        for one in survey.wrong { Issue.record("\(one)") }
    }

    /// Policies of several parts, as users write them.
    static func combined() throws -> [PolicyRules] {
        try [
            """
            name: per-vm
            guests: emulated
            vms:
              vm0: {guests: none}
              vm1: {guest-priority: flexible}
            """,
            """
            name: one-mediated
            guests: emulated
            host-visibility: refuses
            vms:
              vm0: {guests: mediated}
            """,
            """
            name: proposals
            guests: emulated
            pinned-misfit: retry-at-sched-in
            misfit: try-later
            freed: refills-at-once
            task-pinned: spares-cpu-flexible
            """,
            """
            name: first-come-split
            guests: emulated
            arbitration: first-come
            reservations:
              - pcpus: "0"
                host: [gp-lower-half]
                guests: [gp-upper-half, fixed0-15]
            """,
        ].map { try PolicyFile.decode($0, file: "combined.yaml") }
    }
}
