import Counts
import Foundation
import Host
import PMU
import Policy
import Testing
import Trace

@testable import Replay
@testable import Timeline

@Suite("Self-replay")
struct SelfReplayTests {
    @Test("every decision and reading of each committed trace is reproduced", arguments: Files.names)
    func committed(name: String) throws {
        let check = SelfReplay.check(try Timeline(try Files.trace(name)))
        #expect(check.difference == nil)
        #expect(check.matchedSteps == check.steps)
        #expect(check.matchedReadings == check.readings)
        #expect(check.steps + check.readings > 0)
    }

    @Test(
        "the decisions a replay makes under the recording policy are those read off the trace",
        arguments: ["agent-starves-guest", "error-cascade", "guest-perf-record-intel", "fleet-monitoring"])
    func decisions(name: String) throws {
        func lines(_ decisions: [Decision]) -> [String] {
            decisions.map {
                "\($0.time) \($0.pcpu) \($0.counter) \(String(describing: $0.holder)) \($0.config)"
            }.sorted()
        }
        let timeline = try Timeline(try Files.trace(name))
        let replayed = try Replayer.decisions(timeline, under: PlayedPolicy(.emulated))
        #expect(lines(replayed) == lines(timeline.decisions))
        #expect(lines(try Replayer.decisions(timeline, under: PlayedPolicy(.mediated))) != lines(replayed))
    }

    @Test("one altered decision fails at that event", arguments: ["error-cascade", "guest-perf-record-intel"])
    func altered(name: String) throws {
        let reader = try Files.trace(name)
        let events = try reader.events()
        let honest = Timeline(buffer(reader, events))
        // A guest's event that started on another counter than the kernel would have given it.
        let model = honest.model
        let starts = honest.steps.filter { $0.kind == .start && $0.vcpu >= 0 && !$0.counter.isFixed }
        let step = try #require(starts.last)
        let free = try #require(
            (0..<model.gp).map { Counter.gp($0) }.first { counter in
                !starts.contains { $0.counter == counter } || counter != step.counter
            })
        var lied = events
        for index in events.indices where events[index].time == step.time && events[index].pcpu == UInt16(step.pcpu) {
            guard events[index].kind == .writeMSR else { continue }
            let name = RegisterName(address: events[index].register, flavour: model.flavour)
            if name == .eventSelect(step.counter), events[index].value & EventSelect.enable != 0 {
                lied[index].a = MSR.intelEventSelect + UInt32(free.number)
            }
            if name == .fullWidthCounter(step.counter) {
                lied[index].a = MSR.intelFullWidthCounter + UInt32(free.number)
            }
        }
        #expect(lied != events)
        let check = SelfReplay.check(Timeline(buffer(reader, lied)))
        let difference = try #require(check.difference)
        #expect(difference.time == step.time)
    }

    @Test("a reading that was altered is named")
    func alteredReading() throws {
        let reader = try Files.trace("agent-starves-guest")
        var events = try reader.events()
        let index = try #require(events.lastIndex { $0.kind == .kvmMSR && !$0.isWrite && !$0.raisedException })
        events[index].value ^= 0x10
        let difference = try #require(SelfReplay.check(Timeline(buffer(reader, events))).difference)
        #expect(difference.event == UInt64(index))
        #expect(difference.what.contains("read"))
    }

    @Test("decisions and readings are no input of a replay", arguments: Files.names)
    func onlyDemand(name: String) throws {
        let timeline = try Timeline(try Files.trace(name))
        var bare = timeline
        bare.decisions = []
        bare.steps = []
        bare.readings = []
        for rules in [PolicyRules.emulated, .mediated, .none] {
            #expect(Replayer.replay(timeline, under: rules) == Replayer.replay(bare, under: rules))
        }
    }

    @Test("one thread and two give the same bytes", arguments: Files.names)
    func threads(name: String) throws {
        let timeline = try Timeline(try Files.trace(name))
        let rules = [PolicyRules.emulated, .mediated, .none]
        let one = try CountsTable.json(Replayer.replay(timeline, under: rules, threads: 1))
        let two = try CountsTable.json(Replayer.replay(timeline, under: rules, threads: 2))
        #expect(one == two)
    }

    private func buffer(_ reader: TraceReader, _ events: [TraceEvent]) -> TraceBuffer {
        var buffer = TraceBuffer(metadata: reader.metadata)
        for event in events { buffer.append(event) }
        return buffer
    }
}
