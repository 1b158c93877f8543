import Counts
import Scenario
import Testing
import Trace

@testable import Replay
@testable import Timeline

/// A thread's events end with it (`perf_event_exit_task()`, kernel/events/core.c, v6.12): what a later thread of the
/// same id counts is no part of their counts.
@Suite("Thread ids that are used again by other threads of the host")
struct ThreadReuseTests {
    /// How the trace shows that another thread has the id from some moment on.
    enum Sign: CaseIterable { case diedInSwitch, forked, exitedAndForked }

    /// A thread with id 500 runs from 0, 10, 20 and 30 ms on, for 4 ms each, and its event counts. Told that a thread
    /// died in the middle, the same records are two threads'.
    private static func trace(_ sign: Sign?) throws -> TraceBuffer {
        let text = """
            name: reuse
            processor: {model: sapphire-rapids, sockets: 1, cores: 1, smt: 1}
            duration: 40ms
            nmi-watchdog: off
            rates: {host: {instructions: 1G}}
            tasks: [{name: worker, thread: 500, cpu: 0, run: 4ms, sleep: 6ms}]
            events:
              - {name: own, event: instructions, task: worker, priority: pinned, from: 1ms}
            """
        let trace = try Recording(ScenarioReader.read(text: text, file: "reuse"), .emulated).trace
        let leaves = trace.events.indices.filter {
            trace.events[$0].kind == .schedSwitch && trace.events[$0].pid == 500
        }
        let last = leaves[1]
        let time = trace.events[last].time
        var events = trace.events
        if sign == .diedInSwitch { events[last].value = 0x10 }
        if sign == .exitedAndForked { events.append(.processExit(time: time - 1, pcpu: 0, pid: 500)) }
        if sign == .forked || sign == .exitedAndForked {
            events.append(.processFork(time: time + 1_000_000, pcpu: 0, pid: 1, child: 500))
        }
        return buffer(events, like: trace)
    }

    private static func buffer(_ events: [TraceEvent], like trace: TraceBuffer, names: [String] = []) -> TraceBuffer {
        var buffer = TraceBuffer(metadata: trace.metadata)
        for name in trace.comms + names { _ = buffer.comm(name) }
        for event in events { buffer.append(event) }
        return buffer
    }

    @Test(
        "their counts are not added to those of the first, and each replay gives the recorded decisions",
        arguments: Sign.allCases)
    func counts(sign: Sign) throws {
        let whole = Timeline(try Self.trace(nil))
        let parted = Timeline(try Self.trace(sign))
        #expect(whole.demand.actors.hostTasks == [500])
        #expect(parted.demand.actors.hostTasks == [500, 500])
        #expect(parted.demand.actors.hostEvents.map(\.name) == ["instructions@task500", "instructions@task500-2"])
        #expect(SelfReplay.check(parted).difference == nil)
        func counts(_ timeline: Timeline) -> [UInt64?] {
            Replayer.replay(timeline, under: .emulated).series.map(\.reading.count)
        }
        let all = counts(whole).compactMap { $0 }
        let each = counts(parted).compactMap { $0 }
        try #require(all.count == 1 && each.count == 2)
        // 1 GHz for 3 ms and 4 ms, then for twice 4 ms.
        #expect(abs(Int(each[0]) - 7_000_000) < 100_000)
        #expect(abs(Int(each[1]) - 8_000_000) < 100_000)
        #expect(each[0] + each[1] == all[0])
    }

    @Test("what the user says of a name is for the thread that had it")
    func supplied() throws {
        let trace = try Self.trace(.forked)
        let first = UInt32(trace.comms.count)
        let second = first + 1
        let events = trace.events.map { event in
            var event = event
            if event.kind == .processFork { event.value2 = UInt64(second) << 32 }
            guard event.kind == .schedSwitch else { return event }
            let name = event.time < 20_000_000 ? first : second
            if event.pid == 500 { event.value2 = event.value2 & 0xffff_ffff_0000_0000 | UInt64(name) }
            if event.nextPID == 500 { event.value2 = event.value2 & 0xffff_ffff | UInt64(name) << 32 }
            return event
        }
        let file = HostEventsFile(events: [
            .init(name: "theirs", event: "instructions", owner: .comm("new"))
        ])
        let named = Self.buffer(events, like: trace, names: ["old", "new"])
        let hostEvents = Timeline(named, hostEvents: file).demand.actors.hostEvents
        #expect(hostEvents.map(\.name) == ["instructions@task500", "theirs"])
    }
}
