import Policy
import Testing

@testable import Scenario

/// What users measured or manuals promise of events that want more counters than there are, with the numbers.
@Suite("Published outcomes: too many events")
struct PublishedMeasurementsTests {
    /// One CPU; everything happens 1 G times a second in both modes.
    private func host(
        _ model: String, events: [String], watchdog: String = "off", smt: Int = 1, duration: String = "40ms",
        more: String = ""
    ) -> String {
        """
        processor: {model: \(model), sockets: 1, cores: 1, smt: \(smt)}
        duration: \(duration)
        nmi-watchdog: \(watchdog)
        rates: {host: {cycles: 1G, instructions: 1G, branches: 1G}, guest: {cycles: 1G, instructions: 1G, branches: 1G}}
        events:
        \(events.map { "  - {\($0)}" }.joined(separator: "\n"))
        \(more)
        """
    }

    private func pinned(_ count: Int, _ name: String, from: String = "0") -> [String] {
        (0..<count).map { "name: \(name)\($0), event: r\($0 + 1)1c0, priority: pinned, cpus: \"0\", from: \(from)" }
    }

    private func flexible(_ count: Int, _ name: String = "e") -> [String] {
        (0..<count).map { "name: \(name)\($0), event: r\($0 + 1)151, cpus: \"0\"" }
    }

    /// Per cent of `duration` (40 ms) that each event with the name's beginning ran, in the order of their numbers.
    private func shares(_ played: Played, _ name: String, of ns: UInt64 = 40_000_000) -> [Int] {
        (0..<16).compactMap { played.series("host:\(name)\($0)") }.map { Int($0.runningNs * 100 / ns) }
    }

    @Test(
        "Zen 1 with an agent's five pinned events: of a probe's eight one gets PMU time, without the agent six do (rezolus#1053)"
    )
    func probe() throws {
        for (agent, placed) in [(5, 1), (0, 6)] {
            let played = try Played(host("zen1", events: pinned(agent, "agent") + pinned(8, "probe", from: "10ms")))
            let ran = (0..<8).compactMap { played.series("host:probe\($0)")?.runningNs }
            #expect(ran.filter { $0 > 0 }.count == placed)
            #expect(ran.prefix(placed).allSatisfy { $0 == 30_000_000 })
        }
    }

    @Test("beside them a guest's counter reports itself working and counts nothing (rezolus#1053)")
    func starvedGuest() throws {
        let vm = """
            vms: [{name: vm, vcpus: [{cpu: 0}], program: [{at: 1ms, write: [0xc0010200, 0x5300c0]}, \
            {at: 39ms, read: 0xc0010201}]}]
            """
        let played = try Played(host("zen1", events: pinned(6, "agent"), more: vm))
        let guest = try #require(played.series("guest:vm/0"))
        #expect(guest.count == 0 && guest.silentNs > 30_000_000)
        #expect(played.events.contains { $0.kind == .kvmMSR && !$0.isWrite && $0.value == 0 && !$0.raisedException })
    }

    @Test("a task's event gets no time beside as many pinned events as counters: <not counted> (rezolus#1036)")
    func task() throws {
        let events = pinned(6, "agent") + ["name: probe, event: instructions, task: spin"]
        let played = try Played(host("zen3", events: events, more: "tasks: [{name: spin, thread: 50, cpu: 0}]"))
        #expect(played.series("host:probe")?.runningNs == 0)
    }

    @Test("Zen 4 with three counters taken: perf stat multiplexes from the fourth event on (rezolus#1092)")
    func fourth() throws {
        let three = try Played(host("zen4", events: pinned(3, "other") + flexible(3)))
        #expect(shares(three, "e") == [100, 100, 100])
        let four = try Played(host("zen4", events: pinned(3, "other") + flexible(4), duration: "48ms"))
        #expect(shares(four, "e", of: 48_000_000) == [75, 75, 75, 75])
    }

    @Test("one counter free: of two pinned events the first counts, as one group neither does (rezolus#1092)")
    func groupOfTwo() throws {
        let first = "name: perf0, event: cycles, priority: pinned, cpus: \"0\", from: 1ms"
        let second = "name: perf1, event: instructions, cpus: \"0\""
        let alone = try Played(
            host("zen4", events: pinned(5, "hog") + [first, second + ", priority: pinned, from: 1ms"]))
        #expect(alone.series("host:perf0")?.runningNs == 39_000_000)
        #expect(alone.series("host:perf1")?.runningNs == 0)
        let group = try Played(host("zen4", events: pinned(5, "hog") + [first, second + ", group: perf0"]))
        for name in ["perf0", "perf1"] { #expect(group.series("host:\(name)")?.runningNs == 0) }
    }

    @Test(
        "n events on four counters run 4/n of the time each (perf wiki, multiplexing and scaling)",
        arguments: [5, 6, 8])
    func multiplexing(events: Int) throws {
        // Whole turns of the multiplexing timer's 4 ms.
        let played = try Played(host("skylake-sp", events: flexible(events), duration: "\(events * 8)ms"))
        #expect(shares(played, "e", of: UInt64(events) * 8_000_000) == Array(repeating: 400 / events, count: events))
    }

    @Test("with hyper-threading off the core's eight counters are one CPU's: five events need no turns (SDM volume 3B)")
    func eightCounters() throws {
        #expect(shares(try Played(host("skylake-sp-noht", events: flexible(5))), "e") == [100, 100, 100, 100, 100])
    }

    @Test("a pinned event that does not fit is in error until somebody enables it again (perf_event_open(2), pinned)")
    func error() throws {
        let last = "name: last, event: r05d1, priority: pinned, cpus: \"0\", from: 4ms"
        let leaving = "name: leaving, event: r04d1, priority: pinned, cpus: \"0\", to: 12ms"
        let base = pinned(3, "other") + [leaving]
        let never = try Played(host("skylake-sp", events: base + [last]))
        #expect(never.series("host:last")?.runningNs == 0)
        let enabled = try Played(host("skylake-sp", events: base + [last + ", disabled: [[20ms, 25ms]]"]))
        #expect(enabled.series("host:last")?.runningNs == 15_000_000)
    }

    @Test("a group larger than the PMU is refused when it is opened (validate_group, arch/x86/events/core.c)")
    func impossibleGroup() throws {
        let group = flexible(5).enumerated().map { $0 == 0 ? $1 : $1 + ", group: e0" }
        let played = try Played(host("skylake-sp", events: group))
        #expect(played.truth.refused.contains { $0.contains("e0") && $0.contains("EINVAL") })
        #expect(shares(played, "e") == [0, 0, 0, 0, 0])
        // Four fit, also beside others' events: then it waits for its turn.
        #expect(shares(try Played(host("skylake-sp", events: Array(group.dropLast()))), "e") == [100, 100, 100, 100])
    }

    @Test(
        "Haswell with hyper-threading: a thread has two of four counters for events of the erratum (c02cdbf60b51, HT workaround)"
    )
    func erratum() throws {
        // MEM_UOPS_RETIRED may corrupt what the sibling counts.
        let events = (0..<4).map { "name: e\($0), event: r\($0 + 1)1d0, cpus: \"0\"" }
        func shares(threads: Int) throws -> [Int] {
            let text = host("haswell", events: events, smt: threads, duration: "32ms")
            return self.shares(try Played(text), "e", of: 32_000_000)
        }
        #expect(try shares(threads: 2) == [50, 50, 50, 50])
        #expect(try shares(threads: 1) == [100, 100, 100, 100])
    }

    @Test(
        "a guest's reference cycles have fixed counter 2 alone where the host has it: silent; Sapphire Rapids has an event for it"
    )
    func referenceCycles() throws {
        let vm = """
            vms: [{name: vm, vcpus: [{cpu: 0}], program: [{at: 1ms, write: [0x38f, 0x700000000]}, {write: [0x38d, 0xb00]}]}]
            """
        let events = ["name: agent, event: ref-cycles, priority: pinned, cpus: \"0\""]
        for (model, isSilent) in [("skylake-sp", true), ("sapphire-rapids", false)] {
            let played = try Played(host(model, events: events, more: vm))
            let guest = try #require(played.series("guest:vm/0", counter: "fixed2"))
            #expect((guest.silentNs > 35_000_000) == isSilent, "\(model)")
            #expect((guest.runningNs > 35_000_000) != isSilent, "\(model)")
        }
    }

    @Test("mediated: what was refused beside a VM is let in once the last such VM is gone (mediated_pmu_account_event)")
    func afterTheVM() throws {
        let events = [
            "name: during, event: cycles, cpus: \"0\", from: 5ms",
            "name: after, event: cycles, cpus: \"0\", from: 25ms",
        ]
        let vm = "vms: [{name: vm, to: 20ms, vcpus: [{cpu: 0}]}]"
        let played = try Played(host("sapphire-rapids", events: events, more: vm), .mediated)
        #expect(played.truth.refused == ["host:during on CPU 0: EOPNOTSUPP"])
        #expect(played.series("host:after")?.runningNs == 15_000_000)
    }
}
