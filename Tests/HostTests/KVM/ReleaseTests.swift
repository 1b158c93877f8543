import Host
import PMU
import Policy
import Testing

@Suite("When KVM keeps, retries and gives back a counter's perf event")
struct ReleaseTests {
    /// A guest whose GP 0 counts and whose slice has ended once.
    private func counting() -> TestHost {
        var host = TestHost()
        host.run()
        host.write(0x186, 0x4301c2)
        host.enter()
        host.exit()
        return host
    }

    private func nextSlice(_ host: inout TestHost) -> [String] {
        host.sleep()
        host.run()
        _ = host.take()
        host.enter()
        let steps = host.take()
        host.exit()
        return steps
    }

    @Test("turning on k counters restarts what runs already: each enable is a rescheduling of its own (ctx_resched)")
    func quadratic() {
        var host = TestHost()
        host.run()
        for number: UInt32 in 0..<4 { host.write(0x186 + number, 0x4301c2) }
        host.enter()
        // 1 + 2 + 3 + 4 starts, 1 + 2 + 3 stops.
        let steps = host.take()
        #expect(steps.count { $0.hasPrefix("start") } == 10)
        #expect(steps.count { $0.hasPrefix("stop") } == 6)
    }

    @Test("contention is no failure: the event goes to ERROR, the guest reads a frozen count and is not told")
    func contention() {
        let events = [0x1c2, 0x2c2, 0x4c2, 0x8c2].map { Demand.HostEvent.pinned($0, name: "a\($0)") }
        var host = TestHost(hostEvents: events)
        for index in events.indices { host.apply(.hostInstall(event: Int32(index))) }
        host.run()
        host.write(0x4c1, 0x1234)
        host.write(0x186, 0x4301c2)
        host.enter()
        #expect(host.take().last == "error v0.gp0")
        #expect(host.machine.scheduler.sink.refusals.isEmpty)
        #expect(host.read(0xc1) == .value(0x1234))
        #expect(host.read(0x186) == .value(0x4301c2))
    }

    @Test("ERROR ends only when the counter is reprogrammed: not by a free counter, a slice or a same-value write")
    func errorIsSticky() {
        let events = [0x1c2, 0x2c2, 0x4c2, 0x8c2].map { Demand.HostEvent.pinned($0, name: "a\($0)") }
        var host = TestHost(hostEvents: events)
        for index in events.indices { host.apply(.hostInstall(event: Int32(index))) }
        host.run()
        host.write(0x186, 0x4301c2)
        host.enter()
        host.exit()
        host.apply(.hostRemove(event: 0))
        #expect(nextSlice(&host) == [])
        host.write(0x186, 0x4301c2)
        host.enter()
        host.exit()
        #expect(host.take() == [])
        host.write(0x38f, 0)
        host.write(0x38f, 0xf)
        host.enter()
        // All four are placed anew, the running ones first.
        #expect(host.take().last == "start v0.gp0 gp3")
    }

    @Test("an event no counter can hold fails to be made, and is tried again with the next request only")
    func creationFailure() {
        var shape = GuestPMUShape(host: .sapphireRapids)
        shape.pebs = .offered
        // The highest precision needs GP 0 there, and ref-cycles may use fixed counter 2 alone.
        var host = TestHost(.sapphireRapids, kvm: KVMRules(guest: shape))
        host.run()
        host.write(0x3f1, 0x1)
        host.write(0x186, 0x430300)
        host.enter()
        let refused = host.machine.scheduler.sink.refusals
        #expect(refused == [Refusal(party: .guestCounter(vcpu: 0, counter: .gp(0)), reason: .invalid)])
        host.exit()
        host.enter()
        #expect(host.machine.scheduler.sink.refusals.count == 1)
        host.exit()
        host.write(0x187, 0x4300c4)
        host.enter()
        #expect(host.machine.scheduler.sink.refusals.count == 2)
    }

    @Test("reads do not keep an event: only writes of the last slice count (kvm_pmu_mark_pmc_in_use)")
    func readsDoNotCount() {
        var host = counting()
        host.write(0x186, 0)
        host.enter()
        host.exit()
        #expect(nextSlice(&host).isEmpty)
        host.read(0xc1)
        #expect(nextSlice(&host) == ["exited v0.gp0"])
    }

    @Test("writes through the full-width alias do not keep an event, writes of PMCx do (intel_msr_idx_to_pmc)")
    func aliasDoesNotCount() {
        for (register, kept) in [(UInt32(0x4c1), false), (0xc1, true)] {
            var host = counting()
            host.write(0x186, 0)
            host.enter()
            host.exit()
            #expect(nextSlice(&host).isEmpty)
            host.write(register, 5)
            #expect(nextSlice(&host).contains("exited v0.gp0") != kept)
        }
    }

    @Test("an event that is off by GLOBAL_CTRL alone is kept (kvm_pmu_cleanup)")
    func globallyDisabledIsKept() {
        var host = counting()
        host.write(0x38f, 0)
        host.enter()
        host.exit()
        #expect(nextSlice(&host).isEmpty)
        #expect(nextSlice(&host).isEmpty)
        #expect(host.machine.event(vcpu: 0, counter: .gp(0)) != nil)
    }

    @Test("before v5.5 an event is given back as soon as its counter stops")
    func releasedAtOnce() {
        var host = TestHost(kvm: KVMRules(kernel: "5.4.200"))
        host.run()
        host.write(0x186, 0x4301c2)
        _ = host.take()
        host.write(0x186, 0x0301c2)
        #expect(host.take() == ["believes v0 0", "stop v0.gp0 gp0", "exited v0.gp0"])
    }

    @Test("an overflow notes the status bit and stops and restarts the counter at the next entry (kvm_perf_overflow)")
    func overflow() {
        for kernel in ["5.17.0", "6.12.0"] {
            var host = TestHost(kvm: KVMRules(kernel: kernel))
            host.run()
            host.write(0x4c1, 0xffff_ffff_fc18)
            host.write(0x186, 0x5301c2)
            host.enter()
            host.machine.scheduler.sink.counts[0] = 1003
            _ = host.take()
            host.apply(.overflow(owner: .guest(vcpu: 0, counter: .gp(0))))
            #expect(host.take() == ["overflow v0.gp0"])
            host.exit()
            #expect(host.read(0x38e) == .value(1))
            _ = host.take()
            host.enter()
            // 3 events past zero: the next interrupt is 2^48 - 3 away.
            #expect(host.take() == ["stop v0.gp0 gp0", "period v0.gp0 281474976710653", "start v0.gp0 gp0"])
            #expect(host.machine.virtualPMU(vcpu: 0).registers.counter[0] == 3)
        }
    }

    @Test(
        "an emulated instruction shows in counters of instructions and branches, and reprograms them (kvm_pmu_trigger_event)"
    )
    func emulatedInstructions() {
        var host = TestHost()
        host.run()
        host.write(0x186, 0x4300c0)
        host.write(0x187, 0x4300c4)
        host.write(0x188, 0x4301c2)
        host.enter()
        host.exit()
        _ = host.take()
        host.apply(.emulatedInstruction(vcpu: 0, branch: false))
        host.enter()
        #expect(
            host.take().filter { $0.hasPrefix("stop") } == ["stop v0.gp0 fixed0", "stop v0.gp1 gp0", "stop v0.gp2 gp1"])
        host.exit()
        host.apply(.emulatedInstruction(vcpu: 0, branch: true))
        host.enter()
        #expect(host.read(0xc1) == .value(2))
        #expect(host.read(0xc2) == .value(1))
        #expect(host.read(0xc3) == .value(0))
    }

    @Test("before v5.17 emulated instructions are not counted")
    func emulatedInstructionsIgnored() {
        var host = TestHost(kvm: KVMRules(kernel: "5.10"))
        host.run()
        host.write(0x186, 0x4300c0)
        host.apply(.emulatedInstruction(vcpu: 0, branch: false))
        #expect(host.read(0xc1) == .value(0))
    }

    @Test("the guest's events migrate with its thread, ERROR and last counter included")
    func migration() {
        var host = TestHost(hostEvents: [.pinned(0x1c2)], pcpus: 2)
        host.apply(.hostInstall(event: 0))
        host.run()
        host.write(0x186, 0x4301c2)
        host.enter()
        host.exit()
        #expect(host.take().last == "start v0.gp0 gp1")
        host.apply(.taskSwitch(to: .vcpu(0)), pcpu: 1)
        #expect(host.take() == ["stop v0.gp0 gp1", "start v0.gp0 gp1"])
    }
}
