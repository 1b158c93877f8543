import Counts
import Policy
import Testing
import Timeline
import Trace

@testable import Replay

@Suite("Checkpoints of a replay")
struct CheckpointTests {
    @Test("looking on the way changes nothing, and the looks are what a replay that stops there has counted")
    func looks() throws {
        let timeline = try Timeline(try Files.trace("guest-perf-record-intel"))
        let plain = try Replayer.replay(timeline, under: PlayedPolicy(.mediated))
        let dated = try Replayer.replay(timeline, under: PlayedPolicy(.mediated), checkpoints: 5)
        #expect(Array(dated.series) == Array(plain.series))
        #expect(dated.openLoop == plain.openLoop)
        let checkpoints = try #require(dated.checkpoints)
        let span = timeline.end - timeline.start
        #expect(checkpoints.times == (1...4).map { timeline.start + span * $0 / 5 })
        for (number, time) in checkpoints.times.enumerated() {
            var cursor = ReplayCursor(timeline, under: .mediated)
            cursor.advance(to: timeline.demand.operations.firstIndex { $0.time > time } ?? 0)
            let table = cursor.table(at: time)
            for (row, series) in dated.series.enumerated() {
                let then = table.series.first { $0.key == series.key }
                let place = row * checkpoints.times.count + number
                #expect(checkpoints.counts[place] == then?.reading.count ?? 0, "\(series.key) at \(time)")
                #expect(checkpoints.silentNs[place] == then?.silentNs ?? 0, "\(series.key) at \(time)")
            }
        }
        #expect(checkpoints.counts.contains { $0 > 0 })
    }

    @Test(
        "a trace too short for so many different moments is looked at as often as it has any",
        arguments: 0...9 as ClosedRange<UInt64>)
    func shortTrace(_ span: UInt64) throws {
        var trace = TraceBuffer(metadata: TraceMetadata(source: "test", tool: "test", clock: "simulated"))
        trace.append(.kvmMSR(time: 1000, pcpu: 0, pid: 7, write: true, register: 0x186, data: 0x53_003c))
        trace.append(.kvmMSR(time: 1000 + span, pcpu: 0, pid: 7, write: false, register: 0xc1, data: 0))
        let table = try Replayer.replay(Timeline(trace), under: PlayedPolicy(.emulated), checkpoints: 8)
        let times = table.checkpoints?.times ?? []
        #expect(times.count == min(7, span == 0 ? 0 : Int(span) - 1))
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
    }
}
