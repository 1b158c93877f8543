import Foundation
import TestSupport
import Testing

@testable import Bench

private let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// The vpmu that was built beside the tests.
private let vpmu = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .appendingPathComponent("vpmu").path

@Suite("The benchmark", .serialized, .exclusiveMachine)
struct BenchTests {
    @Test("each section runs, and every figure is a number", arguments: BenchSection.allCases)
    func smoke(section: BenchSection) throws {
        let effort = BenchEffort(
            rounds: 1, columnBytes: 1 << 18, events: 2_000, guestAccesses: 200, largeTraceBytes: 100_000)
        let outcome = try BenchSuite(effort: effort, executable: vpmu).run([section]) { _ in }
        // What a section measures without a peer it measures everywhere; another may be skipped as a whole where its
        // peer is missing, and says so.
        if outcome.results.isEmpty {
            #expect([.record, .replay].contains(section), "\(section.rawValue) measured nothing: \(outcome.skipped)")
            let reasons = ["perf is not installed", "/dev/kvm cannot be used", "records no tracepoint here"]
            #expect(!outcome.skipped.isEmpty)
            for skip in outcome.skipped {
                #expect(reasons.contains { skip.why.contains($0) }, "\(skip.name): \(skip.why)")
            }
        }
        for result in outcome.results { #expect(result.value.isFinite && result.value >= 0, "\(result)") }
    }

    @Test("the file of thresholds is readable, floors lie on the worse side of targets")
    func thresholds() throws {
        let thresholds = try Threshold.file(project.appendingPathComponent("Tools/bench-thresholds.json").path)
        #expect(!thresholds.isEmpty)
        for (name, threshold) in thresholds {
            #expect(threshold.standing(of: threshold.target) == .reachesTarget, "\(name)")
            #expect(threshold.standing(of: threshold.floor) != .missesFloor, "\(name)")
        }
    }

    @Test("a figure is judged by its direction")
    func standing() {
        let more = Threshold(target: 10, floor: 5, direction: .atLeast)
        #expect([11, 7, 4].map { more.standing(of: $0) } == [.reachesTarget, .meetsFloor, .missesFloor])
        let less = Threshold(target: 5, floor: 10, direction: .atMost)
        #expect([4, 7, 11].map { less.standing(of: $0) } == [.reachesTarget, .meetsFloor, .missesFloor])
    }

    @Test("a broken file of thresholds is named")
    func brokenThresholds() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString)").path
        try Data("{".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let error = #expect(throws: BenchError.self) { try Threshold.file(path) }
        #expect(try #require(error).description.hasPrefix(path))
    }

    @Test("medians and ratios are taken within rounds")
    func medians() throws {
        var rounds = Rounds()
        var times = [1.0, 2, 10, 2, 4, 20, 3, 6, 30].makeIterator()
        let next = { times.next() }
        try rounds.run(3, [("a", next), ("b", next), ("c", next)])
        #expect(rounds.median("a") == 2)
        #expect(rounds.speed("a", over: "b") == 2)
        #expect(rounds.fastest(["b", "c", "a"]) == "a")
        #expect(Rounds.median([4, 1, 3, 2]) == 2.5)
    }

    @Test("JSON has results with name, value, unit, target, floor and peer")
    func json() throws {
        var outcome = BenchOutcome()
        outcome.add("x.y", 0.5, "of z", peer: "z", how: "w")
        let report = BenchReport(
            machine: Machine(lines: ["m"]), command: ["vpmu"], rounds: 5, outcome: outcome,
            thresholds: ["x.y": Threshold(target: 0.9, floor: 0.8, direction: .atLeast)])
        #expect(try JSONSchema.published("Bench/Schema/bench").violations(report.json()) == [])
        let json = try JSONSerialization.jsonObject(with: Data(try report.json().utf8)) as? [String: Any]
        let row = try #require((json?["results"] as? [[String: Any]])?.first)
        #expect(row["name"] as? String == "x.y" && row["value"] as? Double == 0.5 && row["unit"] as? String == "of z")
        #expect(row["target"] as? Double == 0.9 && row["floor"] as? Double == 0.8 && row["peer"] as? String == "z")
        #expect(report.belowFloor == ["x.y"])
    }

    @Test("a peer that fails or cannot be run is an error")
    func peers() throws {
        #expect(throws: BenchError.self) { try PeerProgram(path: "/nonexistent").run([]) }
        let shell = try #require(PeerProgram("sh"))
        #expect(try shell.run(["-c", "exit 7"]).status == 7)
        #expect(throws: BenchError.self) { try shell.run(["-c", "exit 7"], expecting: [0, 1]) }
        #expect(PeerProgram("no-such-program-anywhere") == nil)
    }
}
