import Counts
import Foundation
import Policy
import PolicyFile
import Scenario
import Testing
import Timeline
import Trace

@testable import Replay

/// The plain way is the timeline in memory, replayed policy by policy; the stream must give its tables.
@Suite("A replay straight from the file gives what a replay of the timeline gives")
struct StreamTests {
    /// What a host may not have recorded.
    enum Left: String, CaseIterable, Sendable {
        case everythingOfGuests, noEntries, noSwitches, accessesOnly

        func keeps(_ kind: EventKind) -> Bool {
            switch kind {
            case .writeMSR, .readMSR, .rdpmc: false
            case .kvmEntry, .kvmExit: self == .everythingOfGuests || self == .noSwitches
            case .schedSwitch: self == .everythingOfGuests || self == .noEntries
            case .kvmMSR: true
            case .processFork, .processExit, .perfEventOpen, .acceptIRQ: true
            }
        }
    }

    /// More through `VPMU_STREAM_SEEDS`.
    private static let seeds = UInt64(
        ProcessInfo.processInfo.environment["VPMU_STREAM_SEEDS"].flatMap { Int($0) } ?? 12)

    private static let presets: [PlayedPolicy] = {
        let all = (try? PolicyCatalogue.all()) ?? []
        return all.map { PlayedPolicy($0) }
    }()

    @Test("of random hosts, whatever was recorded of them, on any number of threads", arguments: Left.allCases)
    func same(left: Left) throws {
        #expect(Self.presets.count > 8)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("stream-\(UUID().uuidString).vpt").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let recordings: [PolicyRules] = [.emulated, .mediated, .none]
        for seed in 1...Self.seeds {
            let rules = recordings[Int(seed) % recordings.count]
            let trace = try Recording(ScenarioGenerator.scenario(seed: seed), rules).trace
            try write(trace, to: file, apart: seed % 3 == 0 ? nil : 8, where: left.keeps)
            let reader = try TraceReader(path: file)
            guard reader.eventCount > 0 else { continue }
            let stream = try #require(try DemandStream(reader), "seed \(seed) is not streamed")
            let plain = Replayer.replay(try Timeline(reader), under: Self.presets.map(\.rules), threads: 1)
            for threads in [1, 2, 3] {
                let tables = try Replayer.replay(stream, under: Self.presets.map(\.rules), threads: threads)
                #expect(tables == plain, "seed \(seed), \(rules.name), \(threads) threads")
            }
            let small = try Replayer.replay(
                stream, under: Self.presets.map(\.rules), threads: 1, memo: .atMost(20))
            #expect(small == plain, "seed \(seed), \(rules.name), with room for 20 cells")
            let merged = try Replayer.replay(
                stream, under: Self.presets.map(\.rules), threads: 1, order: .merged)
            #expect(merged == plain, "seed \(seed), \(rules.name), in the trace's order")
        }
    }

    @Test("operation by operation")
    func operations() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("stream-\(UUID().uuidString).vpt").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        for seed in UInt64(100)...103 {
            let trace = try Recording(ScenarioGenerator.scenario(seed: seed), .emulated).trace
            try write(trace, to: file, where: Left.everythingOfGuests.keeps)
            let reader = try TraceReader(path: file)
            let plain = try Timeline(reader).demand
            let stream = try #require(try DemandStream(reader))
            var walk = try stream.operations()
            let batch = DemandBatch()
            var number = 0
            while try walk.next(into: batch) {
                for operation in batch.operations {
                    try #require(number < plain.operations.count && operation == plain.operations[number])
                    number += 1
                }
            }
            #expect(number == plain.operations.count && stream.timeline.demand.actors == plain.actors)
        }
    }

    @Test("a trace that shows the host's own traffic is not streamed, and replayed all the same")
    func hostTraffic() throws {
        let reader = try Files.trace("agent-starves-guest")
        #expect(try DemandStream(reader) == nil)
        let tables = try Replayer.replay(reader, under: [PlayedPolicy(.emulated)], threads: 2)
        #expect(tables == [Replayer.replay(try Timeline(reader), under: .emulated)])
    }

    @Test("memory for events and stretches does not grow with the trace")
    func flat() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("stream-\(UUID().uuidString).vpt").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let metadata = TraceMetadata(source: "test", tool: "test", clock: "simulated")
        let writer = try TraceWriter(path: file, metadata: metadata, options: .init(existing: .replace))
        // A guest that gives its counter another event each time, so that KVM makes a new event of the host's.
        for number in UInt64(0)..<3_000 {
            for (place, value) in [0x43_00c0 + number % 2, 0].enumerated() {
                try writer.append(
                    .kvmMSR(
                        time: 1_000_000 + number * 1_000 + UInt64(place) * 400, pcpu: 0, pid: 7, write: true,
                        register: 0x186, data: value))
            }
        }
        try writer.finish()
        let reader = try TraceReader(path: file)
        let stream = try #require(try DemandStream(reader))
        var replayer = Replayer(timeline: stream.timeline, rules: .emulated)
        replayer.machine.scheduler.eventIDs = .reused
        var walk = try stream.operations()
        let batch = DemandBatch()
        var reach = TaintReach(before: stream.timeline)
        while try walk.next(into: batch) {
            replayer.play(batch.operations, from: 0)
            reach.take(batch.operations)
        }
        reach.finish()
        replayer.reach = reach
        #expect(replayer.machine.scheduler.eventCount < 10)
        #expect(replayer.machine.scheduler.sink.series.allSatisfy { $0.from.count <= 257 })
        replayer.passTime(upTo: stream.timeline.end)
        replayer.end(at: stream.timeline.end)
        #expect(replayer.table(trace: nil) == Replayer.replay(try Timeline(reader), under: .emulated))
    }

    private func write(
        _ trace: TraceBuffer, to file: String, apart: UInt64? = nil, where keeps: (EventKind) -> Bool
    ) throws {
        var options = TraceWriter.Options(existing: .replace)
        options.eventsPerBlock = 300
        let writer = try TraceWriter(path: file, metadata: trace.metadata, options: options)
        for comm in trace.comms { _ = writer.comm(comm) }
        for record in trace.lost { try writer.append(record) }
        for var event in trace.events where keeps(event.kind) {
            // Apart in time, so that the order of pCPUs does not depend on it.
            if let apart { event.time = event.time * apart + UInt64(event.pcpu) }
            try writer.append(event)
        }
        try writer.finish()
    }
}
