import PMU
import Policy
import Testing

@testable import Host

@Suite("Mediated vPMU: the whole PMU changes hands")
struct MediatedTests {
    @Test(
        "the guest's enabled counters are loaded at VM entry and put at exit, virtual n on physical n (kvm_mediated_pmu_load)"
    )
    func loadAndPut() {
        var host = TestHost(rules: .mediated)
        host.run()
        host.write(0x38f, 0x2_0000_0002)
        host.write(0x38d, 0x30)
        host.write(0x187, 0x4300c0)
        host.write(0x186, 0x4300c0)
        _ = host.take()
        host.enter()
        #expect(host.take() == ["load v0 200000002"])
        host.exit()
        #expect(host.take() == ["put v0"])
    }

    @Test(
        "an exit that the fast path answers neither puts nor reloads: the host stays blind (EXIT_FASTPATH_REENTER_GUEST)"
    )
    func fastPath() {
        var host = TestHost(rules: .mediated)
        host.run()
        host.enter()
        _ = host.take()
        host.apply(.guestExit(vcpu: 0, reentersFast: true))
        host.enter()
        #expect(host.take() == [])
        host.exit()
        #expect(host.take() == ["put v0"])
    }

    @Test("without entry and exit records the PMU is the guest's for its thread's time slice")
    func hidden() {
        var host = TestHost(rules: .mediated, kvm: KVMRules(entries: .hidden))
        host.run()
        #expect(host.take() == ["load v0 0"])
        host.write(0x186, 0x4300c0)
        #expect(host.take() == ["believes v0 1", "put v0", "load v0 1"])
        host.sleep()
        #expect(host.take() == ["put v0"])
    }

    @Test("exclude_guest events go out while the guest is loaded and come back after (perf_load_guest_context)")
    func hostEventsGiveWay() {
        var host = TestHost(
            rules: .mediated, hostEvents: [.pinned(0xc0, name: "a", exclusion: .guest)])
        host.apply(.vmCreate(vm: 0))
        host.apply(.hostInstall(event: 0))
        host.run()
        _ = host.take()
        host.enter()
        #expect(host.take() == ["stop host0 fixed0", "load v0 0"])
        host.exit()
        #expect(host.take() == ["put v0", "start host0 fixed0"])
    }

    @Test("while loaded, a host event that is enabled waits (merge_sched_in)")
    func enabledWhileLoaded() {
        var host = TestHost(
            rules: .mediated, hostEvents: [.flexible(0xc0, name: "a", exclusion: .guest)])
        host.apply(.vmCreate(vm: 0))
        host.run()
        host.enter()
        _ = host.take()
        host.apply(.hostInstall(event: 0))
        #expect(!host.take().contains { $0.hasPrefix("start") })
        host.exit()
        #expect(host.take() == ["put v0", "start host0 fixed0"])
    }

    @Test("a VM is refused while an event without exclude_guest exists (perf_create_mediated_pmu, -EBUSY)")
    func busy() {
        var host = TestHost(rules: .mediated, hostEvents: [.pinned(0x3c, name: "nmi_watchdog")])
        host.apply(.hostInstall(event: 0))
        host.apply(.vmCreate(vm: 0))
        #expect(host.machine.scheduler.sink.refusals == [Refusal(party: .vm(0), reason: .busy)])
        host.run()
        host.enter()
        #expect(!host.take().contains { $0.hasPrefix("load") })
    }

    @Test(
        "an event without exclude_guest is refused while such a VM exists, and not any more once it is gone (mediated_pmu_account_event, -EOPNOTSUPP)"
    )
    func notSupported() {
        var host = TestHost(
            rules: .mediated,
            hostEvents: [
                .pinned(0x3c, name: "a"), .pinned(0xc0, name: "b", exclusion: .guest),
                .pinned(0xc4, name: "c", exclusion: .host),
            ])
        host.apply(.vmCreate(vm: 0))
        for index: Int32 in 0..<3 { host.apply(.hostInstall(event: index)) }
        #expect(
            host.machine.scheduler.sink.refusals == [
                Refusal(party: .hostEvent(0), reason: .notSupported),
                Refusal(party: .hostEvent(2), reason: .notSupported),
            ])
        #expect(host.machine.hostEvent(1) != nil)
        host.apply(.vmDestroy(vm: 0))
        host.apply(.hostInstall(event: 0))
        #expect(host.machine.hostEvent(0) != nil)
    }

    @Test("a VM without a PMU takes part in no exclusion (KVM_PMU_CAP_DISABLE)")
    func perVM() {
        var rules = PolicyRules.mediated
        rules.overrides["vm"] = GuestRules(access: .none)
        var host = TestHost(rules: rules, hostEvents: [.pinned(0x3c, name: "nmi_watchdog")])
        host.apply(.hostInstall(event: 0))
        host.apply(.vmCreate(vm: 0))
        host.run()
        host.enter()
        #expect(host.machine.scheduler.sink.refusals.isEmpty)
        #expect(!host.take().contains { $0.hasPrefix("load") })
    }

    @Test("Linux offers it on Intel from version 4 with full-width writes, on AMD with PerfMonV2")
    func support() {
        let supported = ProcessorModel.all.filter(\.supportsMediatedPMU).map(\.name)
        #expect(
            supported == [
                "skylake-sp", "skylake-sp-noht", "cascade-lake", "cascade-lake-noht", "ice-lake-sp",
                "sapphire-rapids", "lion-cove", "zen4", "zen5",
            ])
    }

    @Test("a filtered counter is loaded without its enable bits (eventsel_hw, fixed_ctr_ctrl_hw)")
    func filter() throws {
        let filter = try EventFilter(action: .deny, entries: [0x00c0], fixedCounters: 0x2, flavour: .intel)
        var host = TrafficHost(rules: .mediated, kvm: KVMRules(filters: [0: filter]))
        host.run()
        host.write(0x186, 0x4300c0)
        host.write(0x187, 0x4300c4)
        host.write(0x38d, 0xbb)
        _ = host.take()
        host.enter()
        let lines = host.take()
        #expect(lines.contains("w 186=300c0"))
        #expect(lines.contains("w 187=4300c4"))
        #expect(lines.contains("w 38d=b"))
    }

    @Test("AMD's event selects are loaded guest-only, whatever the guest wrote")
    func guestOnly() {
        var host = TrafficHost(.zen4, rules: .mediated)
        host.run()
        host.write(0xc001_0200, 0x4300c0)
        _ = host.take()
        host.enter()
        #expect(host.take().contains("w c0010200=100004300c0"))
    }

    struct Interception: Sendable, CustomTestStringConvertible {
        var why: String
        var model: ProcessorModel
        var register: UInt32?
        var leaves: Bool
        var testDescription: String { why }
    }

    @Test(
        "counters are the guest's own, event selects and FIXED_CTR_CTRL still leave it (kvm_need_any_pmc_intercept)",
        arguments: [
            Interception(why: "PMC0", model: .skylakeSP, register: 0xc1, leaves: false),
            Interception(why: "A_PMC0", model: .skylakeSP, register: 0x4c1, leaves: false),
            Interception(why: "fixed 0", model: .skylakeSP, register: 0x309, leaves: false),
            Interception(why: "event select", model: .skylakeSP, register: 0x186, leaves: true),
            Interception(why: "FIXED_CTR_CTRL", model: .skylakeSP, register: 0x38d, leaves: true),
            Interception(
                why: "GLOBAL_CTRL where the guest sees all", model: .skylakeSP, register: 0x38f, leaves: false),
            Interception(why: "RDPMC where the guest sees all", model: .skylakeSP, register: nil, leaves: false),
            Interception(
                why: "GLOBAL_CTRL beside a fourth fixed counter", model: .iceLakeSP, register: 0x38f, leaves: true),
            Interception(why: "RDPMC beside a fourth fixed counter", model: .iceLakeSP, register: nil, leaves: true),
            Interception(why: "AMD counter", model: .zen4, register: 0xc001_0201, leaves: false),
            Interception(why: "AMD PERF_CTL", model: .zen4, register: 0xc001_0200, leaves: true),
        ])
    func interception(_ test: Interception) {
        let host = TestHost(test.model, rules: .mediated)
        #expect(host.machine.isIntercepted(test.register, vcpu: 0) == test.leaves)
        #expect(TestHost(test.model).machine.isIntercepted(test.register, vcpu: 0))
    }

    @Test(
        "the guest's own overflow is noted in its status and makes no access of the host (kvm_handle_guest_mediated_pmi)"
    )
    func interrupt() {
        var host = TrafficHost(rules: .mediated)
        host.run()
        host.write(0x4c1, 0xffff_ffff_ffff)
        host.write(0x186, 0x5300c0)
        host.enter()
        _ = host.take()
        host.set(.gp(0), 1)
        host.machine.mediatedOverflow(vcpu: 0, counter: .gp(0))
        #expect(host.take() == [])
        host.exit()
        #expect(host.read(0x38e) == .value(1))
        #expect(host.read(0xc1) == .value(1))
    }

    @Test("virtual counter n is physical counter n: two vCPUs and a full host never contend (kvm_pmu_load_guest_pmcs)")
    func noContention() {
        let actors = Demand.Actors(
            pcpus: 1, vms: [.init(name: "vm")],
            vcpus: [.init(vm: 0, index: 0, thread: 100), .init(vm: 0, index: 1, thread: 101)],
            hostEvents: (0..<4).map { .pinned(0x1d1, name: "e\($0)", exclusion: .guest) })
        var machine = HostMachine(model: .skylakeSP, rules: .mediated, actors: actors, sink: StepLog())
        func apply(_ kind: DemandOperation.Kind) {
            machine.apply(DemandOperation(time: 0, pcpu: 0, kind: kind))
        }
        for event in 0..<4 { apply(.hostInstall(event: Int32(event))) }
        machine.scheduler.sink.steps = []
        for vcpu: Int32 in 0..<2 {
            apply(.taskSwitch(to: .vcpu(vcpu)))
            for number: UInt32 in 0..<4 {
                apply(.guestWrite(vcpu: vcpu, register: 0x186 + number, value: 0x4301c2, faulted: false))
            }
            apply(.guestEnter(vcpu: vcpu))
            apply(.guestExit(vcpu: vcpu, reentersFast: false))
        }
        let steps = machine.scheduler.sink.steps.filter { !$0.hasPrefix("believes") }
        // The host's events go out for each guest and all of them come back.
        let out = (0..<4).map { "stop host\($0) gp\($0)" }
        let back = (0..<4).map { "start host\($0) gp\($0)" }
        #expect(steps == out + ["load v0 f", "put v0"] + back + out + ["load v1 f", "put v1"] + back)
    }
}
