import Foundation
import Testing

@testable import Trace

@Suite("A repeated trace")
struct RepeatedTraceTests {
    @Test("is the trace's events over and over, each time later, and passes every check")
    func repeats() throws {
        let scratch = ScratchDirectory()
        let source = scratch.file("source.vpt")
        try write(RandomEvents.plausible(5_000, pcpus: 3, seed: 5), to: source, options: smallBlocks(700))
        let trace = try TraceReader(path: source)
        let events = try trace.events()
        let range = try #require(trace.timeRange)
        let span = range.upperBound - range.lowerBound + 77
        let path = scratch.file("repeated.vpt")
        let count = try RepeatedTrace(trace, gap: 77).write(to: path, atLeast: 12_000)
        #expect(count == 15_000)
        let later = (0..<UInt64(3)).flatMap { round in
            events.map { event in
                var event = event
                event.time += round * span
                return event
            }
        }
        let reader = try TraceReader(path: path)
        #expect(try reader.events() == later)
        #expect(reader.isComplete && reader.damage.isEmpty)
        #expect(try reader.summary().records == 15_000)
        #expect(try TraceVerification(path: path).isGood)
    }
}
