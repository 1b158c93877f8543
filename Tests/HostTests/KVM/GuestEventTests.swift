import Host
import PMU
import Policy
import Testing

@Suite("The perf event that KVM makes for a guest's counter")
struct GuestEventTests {
    private func spec(
        _ host: inout TestHost, writes: [(UInt32, UInt64)], counter: Counter = .gp(0)
    ) throws -> EventSpec {
        host.run()
        for (register, value) in writes { host.write(register, value) }
        host.enter()
        return host.machine.scheduler.spec(of: try #require(host.machine.event(vcpu: 0, counter: counter)))
    }

    @Test(
        "is pinned to the vCPU's thread, counts guests only, and takes event, umask, edge, invert and counter mask (pmc_reprogram_counter)"
    )
    func attributes() throws {
        var host = TestHost()
        // c0, umask 1, user only, edge, INT, EN, INV, cmask 2; PC (bit 19) is not passed on.
        let spec = try spec(&host, writes: [(0x4c1, 0xffff_ffff_0000), (0x186, 0x02dd_01c0)])
        #expect(spec.priority == .pinned)
        #expect(spec.exclusion == .host)
        #expect(spec.scope == .task(0))
        #expect(spec.config == 0x0295_01c0)
        #expect(spec.samplePeriod == 0x1_0000)
    }

    @Test("a counter at 0 gets the period of its whole width (get_sample_period)")
    func wholeWidth() throws {
        var host = TestHost()
        #expect(try spec(&host, writes: [(0x186, 0x4300c4)]).samplePeriod == 1 << 48)
    }

    @Test("a checkpointed transaction event has no period")
    func checkpointed() throws {
        var shape = GuestPMUShape(host: .skylakeSP)
        shape.tsx = .offered
        var host = TestHost(kvm: KVMRules(guest: shape))
        let spec = try spec(&host, writes: [(0x4c3, 0xffff_ffff_0000), (0x188, 0x2_0043_00c4)], counter: .gp(2))
        #expect(spec.samplePeriod == 0)
        #expect(spec.constraint.mask == 0x4)
    }

    @Test("a PEBS counter asks for precise_ip 1, virtual GP 0 of Sapphire Rapids for 3 (pmc_get_pebs_precise_level)")
    func precise() throws {
        var shape = GuestPMUShape(host: .sapphireRapids)
        shape.pebs = .offered
        var first = TestHost(.sapphireRapids, kvm: KVMRules(guest: shape))
        let gp0 = try spec(&first, writes: [(0x3f1, 0x1), (0x186, 0x4300c4)])
        #expect(gp0.constraint.mask == ProcessorModel.sapphireRapids.constraint(for: 0xc4, precise: 3).mask)
        var second = TestHost(.sapphireRapids, kvm: KVMRules(guest: shape))
        let gp1 = try spec(&second, writes: [(0x3f1, 0x2), (0x187, 0x4300c4)], counter: .gp(1))
        #expect(gp1.constraint.mask == ProcessorModel.sapphireRapids.constraint(for: 0xc4, precise: 1).mask)
    }

    @Test("is raw since 2022: a Zen 2 guest's 077d stays 077d (perf_get_hw_event_config)")
    func rawIdentity() throws {
        var host = TestHost(.zen2, kvm: KVMRules(kernel: "6.12"))
        #expect(try spec(&host, writes: [(0xc001_0200, 0x43077d)]).config == 0x13077d)
    }

    @Test(
        "is a generic id before that, which the host's table turns back: 077d becomes ff60 on Zen 2 (amd_event_mapping)",
        arguments: ["5.4.0", "5.17.3"])
    func hardwareIdentity(kernel: String) throws {
        var host = TestHost(.zen2, kvm: KVMRules(kernel: kernel))
        #expect(try spec(&host, writes: [(0xc001_0200, 0x43077d)]).config == 0x13ff60)
    }

    @Test("stays raw under hardware ids where edge, invert, counter mask or TSX bits are set, and for unknown codes")
    func staysRaw() throws {
        for eventSelect: UInt64 in [0x47077d, 0xc3077d, 0x0143_077d, 0x4301d1] {
            var host = TestHost(.zen2, kvm: KVMRules(identity: .hardwareID))
            let config = try spec(&host, writes: [(0xc001_0200, eventSelect)]).config
            #expect(config & 0xffff == eventSelect & 0xffff)
        }
    }

    @Test(
        "cannot ask for a counter: guest GP cycles land on a host fixed counter, guest fixed cycles on GP when it is taken"
    )
    func crossMapping() {
        var free = TestHost()
        free.run()
        free.write(0x187, 0x43003c)
        free.enter()
        #expect(free.take().last == "start v0.gp1 fixed1")
        var watched = TestHost(hostEvents: [.pinned(0x3c, name: "nmi_watchdog")])
        watched.apply(.hostInstall(event: 0))
        watched.run()
        watched.write(0x38f, 0x2_0000_0000)
        watched.write(0x38d, 0x30)
        watched.enter()
        #expect(watched.take().last == "start v0.fixed1 gp0")
    }

    @Test("fixed counters stand for instructions, cycles and ref-cycles as raw events (intel_get_fixed_pmc_eventsel)")
    func fixedEvents() {
        var host = TestHost()
        host.run()
        host.write(0x38f, 0x7_0000_0000)
        host.write(0x38d, 0x123)
        host.enter()
        let created = host.take().filter { $0.hasPrefix("create") }
        #expect(created == ["create v0.fixed0 1300c0", "create v0.fixed1 11003c", "create v0.fixed2 120300"])
    }

    @Test("guest PEBS is left out of PEBS_ENABLE while its counter is mapped to another (intel_pmu_cross_mapped_check)")
    func crossMappedPEBS() {
        var shape = GuestPMUShape(host: .skylakeSP)
        shape.pebs = .offered
        var host = TestHost(kvm: KVMRules(guest: shape), hostEvents: [.pinned(0xd1, name: "a")])
        host.apply(.hostInstall(event: 0))
        host.run()
        host.write(0x3f1, 0x3)
        // The host's event is on GP 0, so the guest's GP 0 and 1 go to GP 1 and 2.
        host.write(0x186, 0x4300c4)
        host.write(0x187, 0x4301c2)
        host.enter()
        #expect(host.machine.crossMapped(vcpu: 0) == 0x3)
        #expect(host.machine.pebsInForce(vcpu: 0) == 0)
        host.exit()
        host.apply(.hostRemove(event: 0))
        // Reprogrammed, they come back by their own sticky counters: still cross-mapped.
        host.write(0x38f, 0)
        host.write(0x38f, 0x3)
        host.enter()
        #expect(host.machine.pebsInForce(vcpu: 0) == 0)
    }

    @Test(
        "last branch records are one more task-pinned event, VLBR on pseudo counter 58 (intel_pmu_create_guest_lbr_event)"
    )
    func lastBranchRecords() {
        var shape = GuestPMUShape(host: .skylakeSP)
        shape.lastBranchRecords = .offered
        var host = TestHost(kvm: KVMRules(guest: shape))
        host.run()
        host.write(0x1d9, 0x1)
        #expect(host.take().first == "create v0.fixed26 1b00")
        #expect(host.machine.scheduler.counter(of: 0) == 58)
        var traffic = TrafficHost(kvm: KVMRules(guest: shape))
        traffic.run()
        traffic.write(0x1d9, 0x1)
        #expect(traffic.take() == ["w 38f=0", "w 38f=70000000f"])
    }
}
