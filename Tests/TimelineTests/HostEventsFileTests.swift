import Host
import Policy
import Testing
import Trace

@testable import Timeline

@Suite("Host events that a user supplies")
struct HostEventsFileTests {
    @Test("a list of events is read")
    func good() throws {
        let file = try HostEventsFile(
            yaml: "- {name: agent, event: cycles, pinned: true, exclude_guest: true, cpus: [0, 2], period: 1000}",
            file: "x")
        #expect(
            file.events == [
                .init(
                    name: "agent", event: "cycles", priority: .pinned, exclusion: .guest, pcpus: [0, 2],
                    samplePeriod: 1000)
            ])
    }

    @Test(
        "what is wrong is named with its line",
        arguments: [
            ("name: x", 1, "no list"), ("- {name: a, event: b, colour: red}", 1, "unknown key"),
            ("- {name: a}", 1, "lacks"), ("- {name: a, event: b,\n   cpus: [x]}", 2, "no CPU number"),
            ("- {name: a, event: b, pinned: maybe}", 1, "neither"),
            ("- {name: a, event: b, owner: -3}", 1, "no thread's id"),
            ("- {name: a, event: b, owner: x, cpus: [1]}", 1, "follows its thread"),
        ])
    func bad(text: String, line: Int, reason: String) throws {
        let problem = #expect(throws: HostEventsFile.Problem.self) { try HostEventsFile(yaml: text, file: "h.yaml") }
        #expect(problem?.line == line)
        #expect(problem?.description.contains(reason) == true)
        #expect(problem?.description.hasPrefix("h.yaml:\(line): ") == true)
    }

    /// One start of branch-misses on gp0 of pCPU 0 while thread 1000, an `agent`, is current, and nothing after it.
    private func timeline(_ yaml: String?) throws -> Timeline {
        var trace = TraceBuffer(metadata: TraceMetadata(source: "test", tool: "test", clock: "simulated"))
        trace.metadata.threads = [TraceMetadata.ThreadIdentity(tid: 1000, pid: 1000, comm: "agent")]
        trace.append(.schedSwitch(time: 1000, pcpu: 0, prev: 0, next: 1000))
        let writes: [(UInt32, UInt64)] = [
            (0x38f, 0), (0x38f, 0x7_0000_000f), (0x38f, 0), (0xc1, 0xffff_8000_0001), (0x186, 0x5300c5),
            (0x38f, 0x7_0000_000f),
        ]
        for (register, value) in writes {
            trace.append(.host(.writeMSR, time: 2000, pcpu: 0, pid: 1000, register: register, value: value))
        }
        return Timeline(trace, hostEvents: try yaml.map { try HostEventsFile(yaml: $0, file: "h.yaml") })
    }

    @Test("without a word of the user's the scope of a thread's event stays open, with both candidates")
    func open() throws {
        let timeline = try timeline(nil)
        #expect(timeline.decisions.map(\.scopes) == [[.pcpu(0), .thread(1000)]])
        #expect(timeline.decisions.map(\.certainty) == [.inferred])
        #expect(timeline.inferred.contains { $0.what.contains("may be a thread's") })
    }

    @Test(
        "whose an event is, the user settles: a thread by id or name, or the pCPU",
        arguments: [
            ("owner: 1000", Demand.HostEvent.Scope.task(0), Decision.Scope.thread(1000)),
            ("owner: agent", .task(0), .thread(1000)), ("cpus: [0]", .pcpu(0), .pcpu(0)),
        ])
    func settled(word: String, scope: Demand.HostEvent.Scope, decided: Decision.Scope) throws {
        let timeline = try timeline("- {name: mine, event: branch-misses, pinned: true, \(word)}")
        #expect(timeline.demand.actors.hostEvents.map(\.name) == ["mine"])
        #expect(timeline.demand.actors.hostEvents.map(\.scope) == [scope])
        #expect(timeline.demand.actors.hostEvents.map(\.priority) == [.pinned])
        #expect(timeline.decisions.map(\.scopes) == [[decided]])
        #expect(!timeline.inferred.contains { $0.what.contains("may be a thread's") })
    }

    @Test("an event that left no trace is there from before it, with what the user says of it")
    func added() throws {
        let timeline = try timeline("- {name: other, event: cycles, exclude_guest: true, cpus: [0]}")
        let other = try #require(timeline.demand.actors.hostEvents.firstIndex { $0.name == "other" })
        #expect(timeline.demand.actors.hostEvents[other].exclusion == .guest)
        #expect(timeline.demand.operations.first?.kind == .hostInstall(event: Int32(other)))
        #expect(timeline.demand.actors.hostEvents.count == 2)
    }

    @Test("an owner whom the trace does not know is said, and left out")
    func unknownOwner() throws {
        let timeline = try timeline("- {name: other, event: cycles, owner: nobody}")
        #expect(timeline.demand.actors.hostEvents.count == 1)
        #expect(timeline.inferred.contains { $0.what.hasPrefix("other: no thread") })
    }
}
