import PMU
import Policy
import Testing
import Trace

@testable import Scenario

@Suite("What a simulated host's recorder sees, and what was counted")
struct SimulationTests {
    /// One guest on CPU 0 of two; 1 G instructions a second in guest mode, 2 G in host mode.
    static func scenario(
        model: String = "skylake-sp", kernel: String = "6.12.29", events: String = "[]", program: String,
        vcpu: String = "{cpu: 0}", rest: String = ""
    ) -> String {
        """
        name: test
        processor: {model: \(model), cores: 2}
        kernel: \(kernel)
        duration: 10ms
        rates:
          host: {instructions: 2G, cycles: 2G, branches: 200M}
          guest: {instructions: 1G, cycles: 1G, branches: 100M}
        events: \(events)
        vms:
          - {name: vm, process: 500, program: \(program), vcpus: [\(vcpu)]}
        \(rest)
        """
    }

    static let countsInstructions = "[{at: 1ms, write: [0x186, 0x5300c0]}, {at: 3ms, write: [0x186, 0]}]"

    @Test(
        "a guest counter counts its event in guest mode between the entry after it was enabled and the exit that disables it"
    )
    func guestCount() throws {
        let played = try Played(SimulationTests.scenario(program: SimulationTests.countsInstructions))
        let series = try #require(played.series("guest:vm/0", counter: "gp0"))
        #expect(series.event == "instructions")
        #expect(series.count == 2_000_000)
        #expect(series.enabledNs == 2_000_000)
        #expect(series.runningNs == 2_000_000)
        #expect(series.silentNs == 0)
    }

    @Test("a host event counts both modes, with exclude_guest host mode alone, with exclude_host guest mode alone")
    func exclusion() throws {
        let events = """
            [{name: both, event: instructions}, {name: hosts, event: instructions, exclude: guest}, \
            {name: guests, event: instructions, exclude: host}]
            """
        let played = try Played(
            SimulationTests.scenario(events: events, program: "[]", vcpu: "{cpu: 0, guest: 1ms, host: 1ms}"))
        // Guest mode from 2us on, 1 ms in turn: 5 ms in all, less what the end cuts off.
        let guests = try #require(played.series("host:guests", pcpu: 0)).count
        let hosts = try #require(played.series("host:hosts", pcpu: 0)).count
        #expect(guests == 5_000_000)
        #expect(hosts == 10_000_000)
        #expect(played.series("host:both", pcpu: 0)?.count == guests + hosts)
        #expect(played.series("host:both", pcpu: 1)?.count == 20_000_000)
    }

    @Test(
        "a guest's access leaves the guest, is recorded after its emulation, and its event is made before the next entry"
    )
    func accessRecords() throws {
        let played = try Played(SimulationTests.scenario(program: "[{at: 1ms, write: [0x186, 0x5300c0]}]"))
        let burst = played.events.filter { $0.time == 1_000_000 }
        #expect(
            burst.map(\.kind) == [
                .kvmExit, .kvmMSR, .writeMSR, .writeMSR, .writeMSR, .writeMSR, .kvmEntry,
            ])
        #expect(burst[0].exitReason == 32)
        #expect(burst[1].register == 0x186 && burst[1].isWrite && burst[1].value == 0x5300c0)
        #expect(burst[2...5].map(\.register) == [0x38f, 0x309, 0x38d, 0x38f])
        #expect(burst.allSatisfy { $0.pid == 503 && $0.pcpu == 0 })
    }

    @Test("before v6.2 the event is made before the access is recorded")
    func immediateRecords() throws {
        let played = try Played(
            SimulationTests.scenario(kernel: "5.17.0", program: "[{at: 1ms, write: [0x187, 0x5300c4]}]"))
        let burst = played.events.filter { $0.time == 1_000_000 }
        #expect(
            burst.map(\.kind) == [.kvmExit, .writeMSR, .writeMSR, .writeMSR, .writeMSR, .kvmMSR, .kvmEntry])
    }

    @Test("a guest's RDPMC leaves no kvm_msr record: an exit with its reason, then an RDPMC of the physical counter")
    func rdpmc() throws {
        let played = try Played(
            SimulationTests.scenario(program: "[{at: 1ms, write: [0x187, 0x5300c4]}, {at: 2ms, rdpmc: gp1}]"))
        let burst = played.events.filter { $0.time == 2_000_000 }
        #expect(burst.map(\.kind) == [.kvmExit, .rdpmc, .kvmEntry])
        #expect(burst[0].exitReason == 15)
        #expect(burst[1].register == 0)
        #expect(burst[1].value == 0x8000_0000_0001 + 100_000)
    }

    @Test(
        "a task switch is recorded first; perf's stops carry the thread that leaves, its starts the one that comes (__schedule)"
    )
    func switchOrder() throws {
        let played = try Played(
            SimulationTests.scenario(
                program: "[{at: 1ms, write: [0x187, 0x5300c4]}]", vcpu: "{cpu: 0, run: 3ms, sleep: 1ms}"))
        let out = played.events.filter { $0.time == 3_000_000 }
        #expect(out.map(\.kind) == [.kvmExit, .schedSwitch, .writeMSR, .writeMSR, .rdpmc, .writeMSR])
        #expect(out[0].exitReason == 12)
        #expect(out[1].pid == 503 && out[1].nextPID == 0 && out[1].value == 1)
        #expect(out[2...].allSatisfy { $0.pid == 503 })
        let back = played.events.filter { $0.time == 4_000_000 }
        #expect(back.map(\.kind) == [.schedSwitch, .writeMSR, .writeMSR, .writeMSR, .writeMSR])
        #expect(back[0].pid == 0 && back[0].nextPID == 503)
        #expect(back[1...].allSatisfy { $0.pid == 503 })
        let entry = played.events.first { $0.time > 4_000_000 }
        #expect(entry?.kind == .kvmEntry)
    }

    @Test("a vCPU that moves to another CPU takes its counter along and loses nothing but the way")
    func migration() throws {
        let played = try Played(
            SimulationTests.scenario(
                program: SimulationTests.countsInstructions,
                vcpu: "{placement: [{from: 0, cpu: 0}, {from: 2ms, cpu: 1}]}"))
        let series = try #require(played.series("guest:vm/0"))
        // Guest mode begins anew 2 us after the switch.
        #expect(series.runningNs == 2_000_000 - 2_000)
        #expect(series.count == 1_998_000)
        #expect(Set(played.events.filter { $0.kind == .kvmEntry }.map(\.pcpu)) == [0, 1])
    }

    @Test("a pinned host event on every counter starves the guest, which believes that it counts")
    func starved() throws {
        let events = (0..<6).map { "{name: a\($0), event: r\($0)c0, priority: pinned}" }.joined(separator: ", ")
        let played = try Played(
            SimulationTests.scenario(
                model: "zen2", events: "[\(events)]",
                program: "[{at: 1ms, write: [0xc0010200, 0x5300c0]}, {at: 4ms, read: 0xc0010201}]"))
        let series = try #require(played.series("guest:vm/0"))
        #expect(series.count == 0)
        #expect(series.silentNs == series.enabledNs && series.enabledNs == 9_000_000)
        let read = try #require(played.events.first { $0.kind == .kvmMSR && !$0.isWrite })
        #expect(read.value == 0)
    }

    @Test("under mediated the same guest counts, the host events are refused, and counter accesses leave no record")
    func mediated() throws {
        let played = try Played(
            SimulationTests.scenario(
                events: "[{name: a, event: cycles, priority: pinned}]",
                program: "[{at: 1ms, write: [0x186, 0x5300c0]}, {at: 2ms, read: 0xc1}, {write: [0x4c1, 0]}]"),
            .mediated)
        #expect(played.truth.refused == ["host:a on CPU 0: EOPNOTSUPP", "host:a on CPU 1: EOPNOTSUPP"])
        let series = try #require(played.series("guest:vm/0"))
        #expect(series.count == 9_000_000)
        #expect(series.runningNs == series.enabledNs)
        #expect(played.events.filter { $0.kind == .kvmMSR }.map(\.register) == [0x186])
    }

    @Test("a VM that begins beside an event that counts guests is refused by mediated, and leaves no trace")
    func mediatedRefusesVM() throws {
        let text = SimulationTests.scenario(
            events: "[{name: a, event: cycles}]", program: "[]"
        ).replacingOccurrences(of: "process: 500,", with: "process: 500, from: 1ms,")
        let played = try Played(text, .mediated)
        #expect(played.truth.refused == ["VM vm: EBUSY"])
        #expect(!played.events.contains { $0.kind == .kvmEntry || $0.kind == .schedSwitch })
    }

    @Test("without a PMU the guest's accesses fault and nothing counts")
    func none() throws {
        let played = try Played(
            SimulationTests.scenario(program: "[{at: 1ms, write: [0x38f, 1]}, {write: [0x186, 0x5300c0]}]"), .none)
        let accesses = played.events.filter { $0.kind == .kvmMSR }
        #expect(accesses.map(\.raisedException) == [true, false])
        #expect(played.truth.series.isEmpty)
        #expect(!played.events.contains { $0.kind == .writeMSR })
    }

    @Test("two flexible events for one counter run half the time each, in turns of the multiplexing timer")
    func multiplexing() throws {
        let events = """
            [{name: p0, event: r00d1, priority: pinned}, {name: p1, event: r01d1, priority: pinned}, \
            {name: p2, event: r02d1, priority: pinned}, {name: a, event: branches}, {name: b, event: branches}]
            """
        let played = try Played(
            SimulationTests.scenario(events: events, program: "[]", rest: "mux-interval: 1ms"))
        let a = try #require(played.series("host:a", pcpu: 1))
        let b = try #require(played.series("host:b", pcpu: 1))
        #expect(a.runningNs == 5_000_000 && b.runningNs == 5_000_000)
        #expect(a.count == 1_000_000 && b.count == 1_000_000)
        let ticks = Set(played.events.filter { $0.pcpu == 1 && $0.time > 0 }.map(\.time))
        #expect(ticks == Set((1..<10).map { UInt64($0) * 1_000_000 }))
    }

    @Test("a guest under perf record arms its counter anew at every interrupt; each costs a stop and a restart")
    func perfRecord() throws {
        let played = try Played(
            SimulationTests.scenario(
                program: "{kind: perf-record, events: [{event: branches, period: 100000}], from: 1ms, to: 9ms}"))
        let interrupts = played.events.filter { $0.kind == .kvmExit && $0.exitReason == 0 }
        // 100 M a second, so one in a little more than a millisecond.
        #expect(interrupts.count == 7)
        let first = try #require(interrupts.first)
        let nmi = played.events.filter { $0.time == first.time && $0.inNMI }
        #expect(nmi.map(\.register) == [0x38f, 0x38e, 0x390, 0, 0x4c1, 0x38e, 0x38f])
        let reloads = played.events.filter {
            $0.kind == .kvmMSR && $0.isWrite && $0.register == 0x4c1 && $0.value == 0xffff_fffe_7960
        }
        #expect(reloads.count == 8)
    }

    @Test("a guest under perf stat takes more events than fit in turns")
    func perfStat() throws {
        let played = try Played(
            SimulationTests.scenario(
                program: """
                    {kind: perf-stat, events: [branches, r00d1, r01d1, r02d1, r04d1], from: 1ms, to: 9ms, rotate-every: 1ms, \
                    read-every: 2ms}
                    """))
        let series = played.truth.series.filter { $0.event == "branches" }
        #expect(series.count >= 2)
        #expect(series.map(\.runningNs).reduce(0, +) < 8_000_000)
        #expect(series.map(\.runningNs).reduce(0, +) > 3_000_000)
    }

    @Test("two threads that always want one CPU take turns by the timeslice")
    func contention() throws {
        let text = """
            processor: {model: zen2}
            duration: 12ms
            timeslice: 2ms
            vms: [{name: vm, process: 500, vcpus: [{cpu: 0}, {cpu: 0}]}]
            """
        let played = try Played(text)
        let switches = played.events.filter { $0.kind == .schedSwitch }
        #expect(switches.map(\.nextPID) == [503, 504, 503, 504, 503, 504])
        #expect(switches.map(\.time) == [0, 2_000_000, 4_000_000, 6_000_000, 8_000_000, 10_000_000])
    }

    @Test("a host event that was there before the recording shows only when it is touched")
    func before() throws {
        let played = try Played(
            SimulationTests.scenario(
                events: "[{name: a, event: branches, from: before, to: 5ms, cpus: \"1\"}]", program: "[]"))
        #expect(played.events.filter { $0.pcpu == 1 }.allSatisfy { $0.time == 5_000_000 })
        #expect(played.series("host:a", pcpu: 1)?.count == 1_000_000)
    }

    @Test("what every context does is the same under every policy, so a counter that always runs counts the same")
    func policyInvariance() throws {
        let text = SimulationTests.scenario(
            program: "{kind: perf-record, events: [{event: branches, period: 100000}], from: 1ms, to: 9ms}",
            vcpu: "{cpu: 0, run: 2ms, sleep: 1ms, jitter: 20, guest: 300us, host: 10us}")
        let emulated = try Played(text)
        let mediated = try Played(text, .mediated)
        #expect(emulated.series("guest:vm/0")?.count == mediated.series("guest:vm/0")?.count)
        #expect(emulated.series("guest:vm/0")?.runningNs == mediated.series("guest:vm/0")?.runningNs)
    }

    @Test("every pCPU's records rise in time")
    func ordered() throws {
        for seed: UInt64 in 0..<12 {
            let played = try Played(ScenarioGenerator.scenario(seed: seed))
            var last: [UInt16: UInt64] = [:]
            for event in played.events {
                #expect(event.time >= last[event.pcpu, default: 0])
                last[event.pcpu] = event.time
            }
        }
    }
}
