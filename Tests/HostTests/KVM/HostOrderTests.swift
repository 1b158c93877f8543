import Host
import PMU
import Policy
import Testing

@Suite("Who comes first when host and guest want the same counters")
struct HostOrderTests {
    @Test("the host's cpu-pinned events beat the guest: six of them leave a Zen 2 guest nothing (perf_event_sched_in)")
    func cpuPinnedBeatsGuest() {
        let events = (0..<6).map { Demand.HostEvent.pinned(0xc0 + UInt64($0), name: "a\($0)") }
        var host = TestHost(.zen2, hostEvents: events)
        for index in events.indices { host.apply(.hostInstall(event: Int32(index))) }
        host.run()
        host.write(0xc001_0200, 0x5300c0)
        host.enter()
        #expect(host.take().last == "error v0.gp0")
    }

    @Test("the guest beats every flexible event of the host, system-wide or a task's")
    func guestBeatsFlexible() {
        let events = (0..<6).map { Demand.HostEvent.flexible(0xc0 + UInt64($0), name: "a\($0)") }
        var host = TestHost(.zen2, hostEvents: events)
        for index in events.indices { host.apply(.hostInstall(event: Int32(index))) }
        host.run()
        host.write(0xc001_0200, 0x5300c0)
        host.enter()
        let steps = host.take()
        #expect(steps.contains { $0.hasPrefix("start v0.gp0") })
        #expect(steps.filter { $0.hasPrefix("start host") }.suffix(5).count == 5)
        #expect(!steps.contains("error v0.gp0"))
    }

    @Test("among a guest's counters the older event wins, whatever its virtual counter (perf_event_groups_insert)")
    func creationOrder() {
        var host = TestHost(hostEvents: [.pinned(0x3c, name: "nmi_watchdog")])
        host.apply(.hostInstall(event: 0))
        host.run()
        host.write(0x38f, 0x2_0000_000f)
        host.write(0x38d, 0x30)
        host.enter()
        // Cycles sit on a GP counter because of the watchdog; of four more, three fit.
        for number: UInt32 in [3, 2, 1, 0] {
            host.exit()
            host.write(0x186 + number, 0x4301c2)
            host.enter()
        }
        #expect(host.take().filter { $0.hasPrefix("error") } == ["error v0.gp0"])
    }

    @Test("one short-lived pinned host event leaves guest counters dead after it has gone")
    func cascade() {
        var host = TestHost(hostEvents: [.pinned(0x3c, name: "nmi_watchdog"), .pinned(0x1c2, name: "agent")])
        host.apply(.hostInstall(event: 0))
        host.run()
        host.write(0x38f, 0x1_0000_000f)
        for number: UInt32 in 0..<4 { host.write(0x186 + number, 0x4301d1) }
        host.write(0x38d, 0x3)
        host.enter()
        host.exit()
        #expect(!host.take().contains { $0.hasPrefix("error") })
        host.apply(.hostInstall(event: 1))
        #expect(host.take().filter { $0.hasPrefix("error") } == ["error v0.gp3", "error v0.fixed0"])
        host.apply(.hostRemove(event: 1))
        host.sleep()
        host.run()
        host.enter()
        #expect(host.machine.scheduler.state(of: host.machine.event(vcpu: 0, counter: .fixed(0)) ?? -1) == .error)
    }

    @Test("the watchdog takes fixed counter 1 on Intel and one of six on AMD (hardlockup_detector_event_create)")
    func watchdog() {
        var intel = TestHost(hostEvents: [.pinned(0x3c, name: "nmi_watchdog", period: 25_000_000_000)])
        intel.apply(.hostInstall(event: 0))
        #expect(intel.take() == ["create host0 13003c", "start host0 fixed1"])
        var amd = TestHost(.zen2, hostEvents: [.pinned(0x76, name: "nmi_watchdog", period: 25_000_000_000)])
        amd.apply(.hostInstall(event: 0))
        #expect(amd.take() == ["create host0 130076", "start host0 gp0"])
    }
}
