import Testing
import Trace

@testable import Timeline

@Suite("Whose a host's event is")
struct HostScopeTests {
    /// branch-misses is started while thread 1000 is current, stopped at `value`, started again at it, and goes out
    /// with the thread.
    private func timeline(stoppedAt value: UInt64) -> Timeline {
        var trace = TraceBuffer(metadata: TraceMetadata(source: "test", tool: "test", clock: "simulated"))
        var time: UInt64 = 1000
        func section(_ accesses: (EventKind, UInt32, UInt64)...) {
            time += 1000
            for (kind, register, value) in [(.writeMSR, 0x38f, 0)] + accesses + [(.writeMSR, 0x38f, 0x7_0000_000f)] {
                trace.append(.host(kind, time: time, pcpu: 0, pid: 1000, register: register, value: value))
            }
        }
        trace.append(.schedSwitch(time: 1000, pcpu: 0, prev: 0, next: 1000))
        section()
        section((.writeMSR, 0xc1, 0xffff_8000_0001), (.writeMSR, 0x186, 0x5300c5))
        section((.writeMSR, 0x186, 0x1300c5), (.rdpmc, 0, value))
        section((.writeMSR, 0xc1, value), (.writeMSR, 0x186, 0x5300c5))
        trace.append(.schedSwitch(time: time + 1, pcpu: 0, prev: 1000, next: 7))
        section((.writeMSR, 0x186, 0x1300c5), (.rdpmc, 0, value + 9))
        return Timeline(trace)
    }

    @Test("an event that goes on at the value it had counted to is one: what one holding tells holds for all")
    func counted() {
        let timeline = timeline(stoppedAt: 0xffff_8000_0777)
        #expect(timeline.demand.actors.hostEvents.map(\.name) == ["branch-misses@task1000"])
        #expect(timeline.decisions.filter { $0.holder != nil }.map(\.scopes) == [[.thread(1000)], [.thread(1000)]])
        #expect(timeline.decisions.allSatisfy { $0.certainty == .seen })
    }

    @Test("one that counted nothing may be two: its name says both, and so does the decision that is open")
    func uncounted() {
        let timeline = timeline(stoppedAt: 0xffff_8000_0001)
        #expect(timeline.demand.actors.hostEvents.map(\.name) == ["branch-misses@cpu0|task1000"])
        let scopes = timeline.decisions.filter { $0.holder != nil }.map(\.scopes)
        #expect(scopes == [[.thread(1000), .pcpu(0)], [.thread(1000)]])
        #expect(timeline.decisions.first?.certainty == .inferred)
    }

    @Test("a thread that is switched to itself without global control takes its events out and back in one section")
    func bothWays() {
        var trace = TraceBuffer(metadata: TraceMetadata(source: "test", tool: "test", clock: "simulated"))
        func access(_ kind: EventKind, _ register: UInt32, _ value: UInt64, _ time: UInt64) {
            trace.append(.host(kind, time: time, pcpu: 0, pid: 1000, register: register, value: value))
        }
        func start(_ time: UInt64) {
            access(.writeMSR, 0xc001_0201, 0x8000_0000_0001, time)
            access(.writeMSR, 0xc001_0200, 0x5300c0, time)
        }
        trace.append(.schedSwitch(time: 1000, pcpu: 0, prev: 0, next: 1000))
        start(2000)
        trace.append(.schedSwitch(time: 3000, pcpu: 0, prev: 1000, next: 1000))
        access(.readMSR, 0xc001_0200, 0x5300c0, 3000)
        access(.writeMSR, 0xc001_0200, 0x1300c0, 3000)
        access(.writeMSR, 0xc001_0200, 0x1300c0, 3000)
        access(.rdpmc, 0, 0x8000_0000_0001, 3000)
        start(3000)
        let decisions = Timeline(trace).decisions.filter { $0.holder != nil }
        #expect(!decisions.isEmpty)
        #expect(decisions.allSatisfy { $0.scopes.contains(.thread(1000)) })
    }
}
