import Host
import PMU
import Policy
import Testing
import Trace

@testable import Scenario

/// Outcomes that somebody published, as scenarios with the numbers that must come out.
@Suite("Published outcomes")
struct PublishedOutcomesTests {
    /// A Skylake-SP CPU with what counts there; everything happens 1 G times a second.
    private func host(
        model: String = "skylake-sp", kernel: String = "6.12.29", watchdog: String = "off", events: String = "[]",
        program: String = "[]", vmFrom: String = "0", filter: String = ""
    ) -> String {
        """
        processor: {model: \(model)}
        kernel: \(kernel)
        duration: 40ms
        nmi-watchdog: \(watchdog)
        rates:
          host: {cycles: 1G, instructions: 1G, branches: 1G, branch-misses: 1G, r01d1: 1G}
          guest: {cycles: 1G, instructions: 1G, branches: 1G, branch-misses: 1G, r01d1: 1G, r01c4: 100M, r11c4: 100M}
        events: \(events)
        vms: [{name: vm, from: \(vmFrom), process: 500, program: \(program), vcpus: [{cpu: 0}]\(filter)}]
        """
    }

    @Test(
        "cpu-pinned, task-pinned, cpu-flexible, task-flexible: four who want one counter stand in that order (Like Xu, 10 February 2022)"
    )
    func fourWayOrder() throws {
        // r01c0 may use GP 1 alone; all four want it. The guest is the task-pinned one.
        let all = """
            [{name: task-flexible, event: r01c0, vcpu: vm/0}, {name: cpu-flexible, event: r01c0}, \
            {name: cpu-pinned, event: r01c0, priority: pinned, from: 20ms}]
            """
        let program = "[{at: 10ms, write: [0x187, 0x5301c0]}]"
        let played = try Played(host(events: all, program: program))
        // Until 10 ms the cpu-flexible event has it, then the guest, from 20 ms the cpu-pinned one.
        #expect(played.series("host:cpu-flexible")?.runningNs == 10_000_000)
        #expect(played.series("guest:vm/0")?.runningNs == 10_000_000)
        #expect(played.series("host:cpu-pinned")?.runningNs == 20_000_000)
        #expect(played.series("host:task-flexible")?.runningNs == 0)
    }

    @Test(
        "one short-lived pinned host event leaves two guest counters dead after it has gone, one on an uncontended fixed counter"
    )
    func errorCascade() throws {
        let scenario = try ScenarioReader.read(file: Files.traces.appendingPathComponent("error-cascade.yaml").path)
        let played = try Played(scenario)
        func series(_ counter: String) throws -> Truth.Series {
            try #require(played.series("guest:db-7/0", counter: counter))
        }
        // From 20 ms, when the agent comes, to 60 ms, when the guest turns its counters off and on.
        for counter in ["gp3", "fixed0"] {
            let silent = try series(counter).silentNs
            #expect(silent > 39_000_000 && silent < 40_000_000)
        }
        for counter in ["gp0", "gp1", "gp2"] { #expect(try series(counter).silentNs == 0) }
        #expect(played.series("host:agent-once")?.runningNs == 10_000_000)
    }

    @Test("two flexible events for one counter run 50 % each (perf wiki, multiplexing)")
    func halves() throws {
        let played = try Played(host(events: "[{name: a, event: r01c0}, {name: b, event: r01c0}]"))
        #expect(played.series("host:a")?.runningNs == 20_000_000)
        #expect(played.series("host:b")?.runningNs == 20_000_000)
    }

    @Test("with the watchdog on fixed counter 1 the guest's cycles land on a GP counter (kernel/watchdog_perf.c)")
    func watchdog() throws {
        let program = "[{at: 1ms, write: [0x38f, 0x200000000]}, {write: [0x38d, 0xb0]}]"
        func registers(watchdog: String) throws -> [UInt32] {
            try Played(host(watchdog: watchdog, program: program)).events
                .filter { $0.kind == .writeMSR && $0.time >= 1_000_000 && $0.register != 0x38f }.map(\.register)
        }
        #expect(try registers(watchdog: "on") == [0x4c1, 0x186])
        #expect(try registers(watchdog: "off") == [0x30a, 0x38d])
    }

    @Test(
        "beside the watchdog a full group that includes cycles never counts, as it wants the fixed counter (Kan Liang, 19 May 2017)"
    )
    func fullGroupBesideWatchdog() throws {
        let members = ["r01d1", "branches", "branch-misses", "r01d1"].enumerated().map {
            "{name: m\($0), event: \($1), group: g}"
        }
        let events = "[{name: g, event: cycles}, \(members.joined(separator: ", "))]"
        for (watchdog, ran) in [("off", UInt64(40_000_000)), ("on", 0)] {
            let played = try Played(host(watchdog: watchdog, events: events))
            for name in ["g", "m0", "m1", "m2", "m3"] {
                #expect(played.series("host:\(name)")?.runningNs == ran, "\(name), watchdog \(watchdog)")
            }
        }
    }

    @Test(
        "mediated refuses to start beside an event without exclude_guest, and refuses such an event later (perf_create_mediated_pmu)"
    )
    func exclusions() throws {
        let before = try Played(host(watchdog: "on", vmFrom: "1ms"), .mediated)
        #expect(before.truth.refused == ["VM vm: EBUSY"])
        let later = try Played(
            host(events: "[{name: late, event: cycles, from: 5ms}, {name: kind, event: cycles, exclude: guest}]"),
            .mediated)
        #expect(later.truth.refused == ["host:late on CPU 0: EOPNOTSUPP"])
        #expect(try #require(later.series("host:kind")).runningNs < 10_000)
    }

    @Test(
        "a Zen 2 guest's 077d counts ff60 under hardware ids and 077d under raw ids (Like Xu's patch of January 2022)")
    func hardwareIDs() throws {
        for (kernel, code) in [("5.17.0", UInt64(0xff60)), ("6.12.0", 0x077d)] {
            let text = """
                processor: {model: zen2}
                kernel: \(kernel)
                duration: 10ms
                vms: [{name: vm, vcpus: [{cpu: 0, program: [{at: 1ms, write: [0xc0010200, 0x53077d]}]}]}]
                """
            let selects = try Played(text).events.filter { $0.kind == .writeMSR && $0.register == 0xc001_0200 }
            #expect(selects.map { $0.value & 0xffff } == [code])
        }
    }

    @Test(
        "overhead in operations: emulated above mediated with a filter above mediated, sampling 6 and 10 events (cover letter of the mediated vPMU)",
        arguments: [6, 10])
    func overhead(events: Int) throws {
        // 8 GP counters: 10 events do not all fit, so the guest's perf takes turns.
        let names = (0..<10).map { "r\($0)1c4" }
        let sampled = names.prefix(6).map { "{event: \($0), period: 100k}" }.joined(separator: ", ")
        let program =
            events > 8
            ? "{kind: perf-stat, events: [\(names.joined(separator: ", "))], from: 1ms, to: 39ms, rotate-every: 1ms}"
            : "{kind: perf-record, events: [\(sampled)], from: 1ms, to: 39ms}"
        func operations(_ rules: PolicyRules, filter: String = "") throws -> UInt64 {
            let text = host(model: "sapphire-rapids", program: program, filter: filter)
            var simulation = try Simulation(ScenarioReader.read(text: text, file: "x"), rules: rules)
            var buffer = TraceBuffer(metadata: TraceMetadata(source: "", tool: "", clock: ""))
            try simulation.run(into: &buffer) { _ in }
            return simulation.machine.operationCounts(vcpu: 0).software
        }
        let filter = ", filter: {action: deny, events: [r01c0]}"
        let emulated = try operations(.emulated)
        let filtered = try operations(.mediated, filter: filter)
        let mediated = try operations(.mediated)
        #expect(emulated > filtered)
        #expect(filtered > mediated)
    }
}
