import PMU
import Policy
import Testing

@testable import Host

@Suite("The register accesses by which a change of counters shows")
struct TrafficTests {
    @Test(
        "Intel: stop all, arm and enable, release all but the guest's counters (x86_pmu_enable, intel_pmu_enable_all)")
    func intelSection() {
        var host = TrafficHost()
        host.run()
        host.write(0x186, 0x4301c2)
        host.enter()
        #expect(host.take() == ["w 38f=0", "w 4c1=800000000001", "w 186=5301c2", "w 38f=70000000e"])
        host.exit()
        host.set(.gp(0), 0x8000_0000_0101)
        host.write(0x186, 0x0301c2)
        host.enter()
        #expect(host.take() == ["w 38f=0", "w 186=1301c2", "p 0=800000000101", "w 38f=70000000f"])
        #expect(host.machine.virtualPMU(vcpu: 0).registers.counter[0] == 0x100)
    }

    @Test("GLOBAL_CTRL leaves out exactly the counters of events that exclude the host (intel_ctrl_guest_mask)")
    func globalControlMask() {
        var host = TrafficHost(hostEvents: [.pinned(0x3c, name: "a"), .pinned(0x1d1, name: "b", exclusion: .guest)])
        host.apply(.hostInstall(event: 0))
        host.apply(.hostInstall(event: 1))
        #expect(host.take().last == "w 38f=70000000f")
        host.run()
        host.write(0x38f, 0x1_0000_0001)
        host.write(0x38d, 0x3)
        host.write(0x186, 0x4301c2)
        host.enter()
        // The guest's instructions have fixed 0, its GP event GP 1.
        #expect(host.take().last == "w 38f=60000000d")
    }

    @Test("entering and leaving the guest makes no access where nothing changed: the VMCS and bits 40, 41 do it")
    func entriesAreSilent() {
        for model in [ProcessorModel.skylakeSP, .zen2, .zen4] {
            var host = TrafficHost(model, hostEvents: [.pinned(model.generic[.cycles]!, exclusion: .guest)])
            host.apply(.hostInstall(event: 0))
            host.run()
            host.write(model.flavour == .intel ? 0x186 : 0xc001_0200, 0x4300c4)
            host.enter()
            _ = host.take()
            host.exit()
            host.enter()
            host.exit()
            #expect(host.take() == [])
        }
    }

    @Test(
        "Intel: a fixed counter is armed, and FIXED_CTR_CTRL written once at the end of the section, if its image changed"
    )
    func lazyFixedControl() {
        var host = TrafficHost(hostEvents: [.pinned(0x3c, name: "nmi_watchdog", period: 1000)])
        host.apply(.hostInstall(event: 0))
        #expect(host.take() == ["w 38f=0", "w 30a=fffffffffc18", "w 38d=b0", "w 38f=70000000f"])
        host.set(.fixed(1), 0xffff_ffff_fc20)
        host.apply(.hostPeriod(event: 0, period: 500))
        // Stopped and started with the same bits: the image is the same.
        #expect(host.take() == ["w 38f=0", "p 40000001=fffffffffc20", "w 30a=fffffffffe0c", "w 38f=70000000f"])
    }

    @Test("Intel up to v5.17: FIXED_CTR_CTRL is read and written at each start and stop (intel_pmu_enable_fixed)")
    func immediateFixedControl() {
        var host = TrafficHost(
            habits: TrafficHabits(fixedControl: .immediate),
            hostEvents: [.pinned(0x3c, name: "nmi_watchdog", period: 1000)])
        host.apply(.hostInstall(event: 0))
        #expect(host.take() == ["w 38f=0", "w 30a=fffffffffc18", "r 38d=0", "w 38d=b0", "w 38f=70000000f"])
        host.apply(.hostDisable(event: 0))
        #expect(
            host.take() == ["w 38f=0", "r 38d=b0", "w 38d=0", "p 40000001=fffffffffc18", "w 38f=70000000f"])
    }

    @Test("Intel without full-width writes arms PMCx with 31 bits at most")
    func narrowWrites() {
        var host = TrafficHost(.sandyBridge)
        host.run()
        host.write(0x186, 0x4301c2)
        host.enter()
        #expect(host.take().contains("w c1=ffff80000001"))
    }

    @Test(
        "Intel interrupt: status read and cleared, counter read and armed anew, no event select (intel_pmu_handle_irq)")
    func intelInterrupt() {
        var host = TrafficHost(hostEvents: [.pinned(0x3c, name: "nmi_watchdog", period: 1000)])
        host.apply(.hostInstall(event: 0))
        _ = host.take()
        host.set(.fixed(1), 7)
        host.apply(.overflow(owner: .host(0)))
        #expect(
            host.take() == [
                "nmi w 38f=0", "nmi r 38e=200000000", "nmi w 390=200000000", "nmi p 40000001=7",
                "nmi w 30a=fffffffffc1f", "nmi r 38e=0", "nmi w 38f=70000000f",
            ])
    }

    @Test(
        "AMD core-ext: every running counter is stopped and started around a change; a CTR write marks the new one (amd_pmu_disable_all)"
    )
    func coreExtension() {
        var host = TrafficHost(.zen2, hostEvents: [.pinned(0x76, name: "nmi_watchdog")])
        host.apply(.hostInstall(event: 0))
        #expect(host.take() == ["w c0010201=800000000001", "w c0010200=530076"])
        host.run()
        _ = host.take()
        host.write(0xc001_0200, 0x5300c0)
        host.enter()
        #expect(
            host.take() == [
                "r c0010200=530076", "w c0010200=130076", "w c0010203=800000000001", "w c0010200=530076",
                "w c0010202=100005300c0",
            ])
        host.exit()
        host.write(0xc001_0200, 0x1300c0)
        host.enter()
        #expect(
            host.take() == [
                "r c0010200=530076", "w c0010200=130076", "r c0010202=100005300c0", "w c0010202=100001300c0",
                "w c0010202=100001300c0", "p 1=800000000001", "w c0010200=530076",
            ])
    }

    @Test("AMD core-ext polls the counters it stopped where polls are shown (amd_pmu_wait_on_overflow)")
    func polls() {
        var host = TrafficHost(
            .zen2, habits: TrafficHabits(overflowPolls: .shown),
            hostEvents: [.pinned(0x76, name: "a"), .pinned(0xc0, name: "b")])
        host.apply(.hostInstall(event: 0))
        _ = host.take()
        host.apply(.hostInstall(event: 1))
        #expect(host.take().prefix(3) == ["r c0010200=530076", "w c0010200=130076", "r c0010201=800000000001"])
    }

    @Test("AMD core-ext interrupt: every running counter is read, the one that ran out armed anew (x86_pmu_handle_irq)")
    func coreExtensionInterrupt() {
        var host = TrafficHost(.zen2, hostEvents: [.pinned(0x76, name: "a"), .pinned(0xc0, name: "b", period: 1000)])
        host.apply(.hostInstall(event: 0))
        host.apply(.hostInstall(event: 1))
        _ = host.take()
        host.set(.gp(1), 2)
        host.apply(.overflow(owner: .host(1)))
        #expect(host.take() == ["nmi p 0=800000000001", "nmi p 1=2", "nmi w c0010203=fffffffffc1a"])
    }

    @Test(
        "AMD PerfMonV2: global control brackets the change, an event is armed and enabled in place (amd_pmu_v2_enable_all)"
    )
    func perfMonV2() {
        var host = TrafficHost(.zen4)
        host.run()
        host.write(0xc001_0200, 0x5300c0)
        host.write(0xc000_0301, 0x1)
        host.enter()
        #expect(
            host.take() == ["w c0000301=0", "w c0010201=800000000001", "w c0010200=100005300c0", "w c0000301=3f"])
        host.exit()
        host.write(0xc000_0301, 0)
        host.enter()
        #expect(
            host.take() == ["w c0000301=0", "w c0010200=100001300c0", "p 0=800000000001", "w c0000301=3f"])
    }

    @Test("AMD PerfMonV2 interrupt (amd_pmu_v2_handle_irq)")
    func perfMonV2Interrupt() {
        var host = TrafficHost(.zen4, hostEvents: [.pinned(0xc0, name: "a", period: 1000)])
        host.apply(.hostInstall(event: 0))
        _ = host.take()
        host.set(.gp(0), 0)
        host.apply(.overflow(owner: .host(0)))
        #expect(
            host.take() == [
                "nmi w c0000301=0", "nmi r c0000300=1", "nmi p 0=0", "nmi w c0010201=fffffffffc18",
                "nmi w c0000302=ffffffffffffffff", "nmi w c0000301=3f",
            ])
    }

    @Test("AMD: host-only is bit 41, and left out while SVM is off (perf_ctr_virt_mask)")
    func hostOnly() {
        for (habit, value) in [
            (TrafficHabits.Virtualization.on, "w c0010200=200005300c0"), (.off, "w c0010200=5300c0"),
        ] {
            var host = TrafficHost(
                .zen2, habits: TrafficHabits(virtualization: habit),
                hostEvents: [.pinned(0xc0, name: "a", exclusion: .guest)])
            host.apply(.hostInstall(event: 0))
            #expect(host.take().last == value)
        }
    }

    @Test(
        "a guest's read of a running counter is an RDPMC of the physical one; of a stopped one nothing (pmc_read_counter)"
    )
    func guestRead() {
        var host = TrafficHost(hostEvents: [.pinned(0x1d1, name: "a")])
        host.apply(.hostInstall(event: 0))
        host.run()
        host.write(0x4c1, 0xffff_ffff_0000)
        host.write(0x186, 0x4301c2)
        host.enter()
        _ = host.take()
        host.exit()
        host.set(.gp(1), 0xffff_ffff_0010)
        #expect(host.read(0xc1) == .value(0xffff_ffff_0010))
        #expect(host.take() == ["p 1=ffffffff0010"])
        host.write(0x186, 0)
        host.enter()
        _ = host.take()
        #expect(host.read(0xc1) == .value(0xffff_ffff_0010))
        #expect(host.take() == [])
    }

    @Test("a guest's write of a running counter reads it, then stops, arms and starts it (pmc_write_counter)")
    func guestWrite() {
        var host = TrafficHost()
        host.run()
        host.write(0x186, 0x4301c2)
        host.enter()
        _ = host.take()
        host.exit()
        host.set(.gp(0), 0x8000_0000_0009)
        host.write(0xc1, 0xffff_fc18)
        #expect(
            host.take() == [
                "p 0=800000000009", "w 38f=0", "w 186=1301c2", "p 0=800000000009", "w 4c1=fffffffffc18",
                "w 186=5301c2", "w 38f=70000000e",
            ])
        host.set(.gp(0), 0xffff_ffff_fc20)
        #expect(host.read(0xc1) == .value(0xffff_ffff_fc20))
    }
}
