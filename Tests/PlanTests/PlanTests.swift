import Counts
import Foundation
import Host
import Policy
import PolicyFile
import Replay
import Scenario
import Testing
import Timeline
import Trace

@testable import Plan

@Suite("What a host must give up")
struct PlanTests {
    static let traces = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Traces").path

    static func timeline(_ name: String) throws -> Timeline {
        try Timeline(TraceReader(path: "\(traces)/\(name).vpt"))
    }

    /// The timeline of a scenario under today's policy.
    static func timeline(yaml: String) throws -> Timeline {
        let synth = Synth(try ScenarioReader.read(text: yaml, file: "s.yaml"), rules: .emulated)
        var buffer = TraceBuffer(metadata: synth.metadata(tool: "test"))
        _ = try synth.run(into: &buffer)
        return Timeline(buffer)
    }

    /// Silent time of the guests whose vCPUs are in `vcpus` with the host events in `gone` never installed: found by a
    /// whole replay, and by no part of the planner.
    static func silence(_ timeline: Timeline, without gone: Set<Int>, vcpus: Set<String>) -> UInt64 {
        var host = timeline
        host.demand.operations.removeAll { operation in
            switch operation.kind {
            case .hostInstall(let event), .hostRemove(let event), .hostRead(let event), .hostEnable(let event),
                .hostDisable(let event), .hostPeriod(let event, _):
                gone.contains(Int(event))
            case .overflow(.host(let event)): gone.contains(event)
            default: false
            }
        }
        host.readings = []
        return Replayer.replay(host, under: .emulated, ticks: .own).series.reduce(0) {
            $0 + (vcpus.contains($1.key.owner) ? $1.silentNs : 0)
        }
    }

    /// Every smallest set of `choices` without which those guests are never silent, by trying all sets there are.
    static func smallest(_ timeline: Timeline, _ choices: [[Int]], vcpus: Set<String>) -> [[Int]] {
        var found: [[Int]] = []
        for bits in (0..<1 << choices.count).sorted(by: { $0.nonzeroBitCount < $1.nonzeroBitCount }) {
            if let first = found.first, bits.nonzeroBitCount > first.count { break }
            let chosen = choices.indices.filter { bits >> $0 & 1 != 0 }
            if silence(timeline, without: Set(chosen.flatMap { choices[$0] }), vcpus: vcpus) == 0 {
                found.append(chosen)
            }
        }
        return found
    }

    @Test("the starved guests need two counters on each pCPU: no smaller set does, as trying every set shows")
    func agent() throws {
        let timeline = try Self.timeline("agent-starves-guest")
        let plan = Planner(timeline, rules: .emulated).plan()
        #expect(plan.parts.map(\.pcpus) == [[0], [1]])
        #expect(plan.counters == 4 && plan.endsSilence)
        let events = timeline.demand.actors.hostEvents
        for (pcpu, part) in plan.parts.enumerated() {
            let here = events.indices.filter { events[$0].scope == .pcpu(pcpu) }
            let smallest = Self.smallest(timeline, here.map { [$0] }, vcpus: ["guest:web-1/\(pcpu)"])
            let sets = smallest.map { Set($0.map { "host:\(events[here[$0]].name)" }) }
            #expect(part.counters == smallest.first?.count)
            #expect(part.proof == .exhaustive && part.equals == smallest.count)
            #expect(sets.contains(Set(part.given.flatMap(\.owners))))
            #expect(part.given.allSatisfy { $0.pcpus == [pcpu] })
            #expect(!part.given.flatMap(\.owners).contains("host:nmi_watchdog"), "the watchdog goes last")
        }
    }

    @Test("for a set of pCPUs an event goes on all of them: the smallest set is again found by trying every set")
    func sets() throws {
        let timeline = try Self.timeline("agent-starves-guest")
        let plan = Planner(timeline, rules: .emulated, sets: [try #require(PCPUSet(list: "0-1"))]).plan()
        let part = try #require(plan.parts.first)
        #expect(plan.parts.count == 1 && part.pcpus == [0, 1] && plan.endsSilence)
        let events = timeline.demand.actors.hostEvents
        // Watchdog and agent count the same event; they are told apart by name.
        let choices = Dictionary(grouping: events.indices) { HostDemand.bare(events[$0].name) }.values.sorted {
            $0[0] < $1[0]
        }
        let smallest = Self.smallest(timeline, choices, vcpus: ["guest:web-1/0", "guest:web-1/1"])
        #expect(part.given.count == smallest.first?.count)
        #expect(part.equals == smallest.count)
        #expect(part.counters == 4 && part.given.allSatisfy { $0.pcpus == [0, 1] && $0.counters == 2 })
    }

    @Test("pCPUs in no set are left as they are, and what stays silent there is said")
    func unlisted() throws {
        let timeline = try Self.timeline("agent-starves-guest")
        let plan = Planner(timeline, rules: .emulated, sets: [try #require(PCPUSet(list: "1"))]).plan()
        #expect(plan.parts.flatMap(\.given).allSatisfy { $0.pcpus == [1] })
        #expect(plan.counters == 2 && !plan.endsSilence)
        #expect(plan.silentNsAfter > 0 && plan.silentNsAfter < plan.silentNs)
    }

    @Test("a guest that moves joins the pCPUs it runs on")
    func movingGuest() throws {
        let timeline = try Self.timeline(
            yaml: """
                processor: {model: zen2, cores: 2}
                duration: 40ms
                rates: {host: {cycles: 1G, r00c0: 1G, r00c2: 1M}, guest: {cycles: 1G, r00c0: 1G, r00c2: 1M}}
                events:
                  - {name: a0, event: r00c2, priority: pinned, cpus: "0"}
                  - {name: a1, event: r00c3, priority: pinned, cpus: "0"}
                  - {name: a2, event: r00c4, priority: pinned, cpus: "0"}
                  - {name: a3, event: r00c5, priority: pinned, cpus: "0"}
                  - {name: b0, event: r00c2, priority: pinned, cpus: "1"}
                  - {name: b1, event: r00c3, priority: pinned, cpus: "1"}
                  - {name: b2, event: r00c4, priority: pinned, cpus: "1"}
                  - {name: b3, event: r00c5, priority: pinned, cpus: "1"}
                  - {name: b4, event: r00c6, priority: pinned, cpus: "1"}
                vms:
                  - name: m
                    guest: 500us
                    host: 5us
                    vcpus: [{placement: [{from: 0, cpu: 0}, {from: 20ms, cpu: 1}]}]
                    program:
                      - {at: 5ms, write: [0xc0010201, 0x800000000001]}
                      - {write: [0xc0010200, 0x5300c0]}
                      - {write: [0xc0010203, 0x800000000001]}
                      - {write: [0xc0010202, 0x530076]}
                """)
        let plan = Planner(timeline, rules: .emulated).plan()
        let part = try #require(plan.parts.first)
        #expect(part.pcpus == [0, 1])
        let events = timeline.demand.actors.hostEvents
        let smallest = Self.smallest(timeline, events.indices.map { [$0] }, vcpus: ["guest:m/0"])
        #expect(part.counters == 1 && smallest.first?.count == 1)
        #expect(part.equals == smallest.count)
        #expect(part.given.allSatisfy { $0.pcpus == [1] })
    }

    @Test("a group is given up as a whole, and counts with all its events")
    func group() throws {
        var timeline = try Self.timeline("agent-starves-guest")
        let events = timeline.demand.actors.hostEvents
        let agents = events.indices.filter { events[$0].scope == .pcpu(0) && events[$0].name != "nmi_watchdog" }
        let (leader, members) = (agents[0], Set(agents.dropFirst()))
        for member in members { timeline.demand.actors.hostEvents[member].leader = leader }
        timeline.demand.operations.removeAll {
            if case .hostInstall(let event) = $0.kind { members.contains(Int(event)) } else { false }
        }
        let part = try #require(Planner(timeline, rules: .emulated).plan().parts.first { $0.pcpus == [0] })
        // The watchdog alone frees one counter only, so the group of five has to go.
        #expect(part.given.map(\.counters) == [5] && part.silentNsAfter == 0)
    }

    @Test("where the guest wants more than there is nothing helps, and that is said")
    func hopeless() throws {
        let timeline = try Self.timeline(
            yaml: """
                processor: {model: skylake-sp, cores: 1}
                duration: 20ms
                rates: {host: {r01d1: 1M}, guest: {r01d1: 1M, r0151: 1M}}
                vms:
                  - name: m
                    guest: 500us
                    host: 5us
                    vcpus: [{cpu: 0}]
                    program:
                      - {at: 2ms, write: [0x186, 0x5301c0]}
                      - {write: [0x187, 0x5301c0]}
                """)
        let plan = Planner(timeline, rules: .emulated).plan()
        #expect(plan.silentNs > 0 && plan.counters == 0 && !plan.endsSilence)
        #expect(plan.text(.plain).contains("Nothing that the host could give up changes that."))
    }

    @Test("a policy that never leaves a guest silent asks for nothing")
    func nothing() throws {
        let plan = Planner(try Self.timeline("agent-starves-guest"), rules: .mediated).plan()
        #expect(plan.parts.isEmpty && plan.counters == 0 && plan.endsSilence)
    }

    @Test("with too few tries the set is not called the smallest, and nothing in it can be kept")
    func budget() throws {
        let timeline = try Self.timeline("agent-starves-guest")
        let plan = Planner(timeline, rules: .emulated, mostTries: 4).plan()
        let events = timeline.demand.actors.hostEvents
        for (pcpu, part) in plan.parts.enumerated() {
            #expect(part.proof == .irreducible && part.equals == nil && part.silentNsAfter == 0)
            let given = events.indices.filter {
                events[$0].scope == .pcpu(pcpu) && part.given.flatMap(\.owners).contains("host:\(events[$0].name)")
            }
            for kept in given {
                let rest = Set(given).subtracting([kept])
                #expect(Self.silence(timeline, without: rest, vcpus: ["guest:web-1/\(pcpu)"]) > 0)
            }
        }
    }

    @Test("what each policy makes of it: today's is mended, and a ceded PMU refuses fewer host events")
    func effects() throws {
        let plan = Planner(try Self.timeline("agent-starves-guest"), rules: .emulated).plan(
            asking: [.emulated, .mediated])
        #expect(plan.effects[0].silentNs == plan.silentNs && plan.effects[0].silentNsAfter == 0)
        #expect(plan.effects[1].silentNs == 0)
        #expect(plan.effects[1].refusals == 12 && plan.effects[1].refusalsAfter == 8)
        #expect(plan.effects[1].hostLostNsAfter < plan.effects[1].hostLostNs)
    }
}
