import Host
import PMU
import Policy
import Testing

@Suite("When KVM turns a guest's access into a perf event")
struct ReprogrammingTests {
    @Test("since v6.2 a control write waits for the next VM entry (kvm_pmu_handle_event)")
    func deferred() {
        var host = TestHost()
        host.run()
        host.write(0x186, 0x4300c0)
        #expect(host.take() == ["believes v0 1"])
        host.enter()
        #expect(host.take() == ["create v0.gp0 1300c0", "start v0.gp0 fixed0"])
    }

    @Test("before v6.2 the event is made inside the emulation of the write")
    func immediate() {
        var host = TestHost(kvm: KVMRules(kernel: "5.17.0"))
        host.run()
        host.write(0x186, 0x4300c0)
        #expect(host.take() == ["believes v0 1", "create v0.gp0 1300c0", "start v0.gp0 fixed0"])
        host.enter()
        #expect(host.take() == [])
    }

    @Test("where entries are hidden the event is made right after the access")
    func hidden() {
        var host = TestHost(kvm: KVMRules(entries: .hidden))
        host.run()
        host.write(0x186, 0x4300c0)
        #expect(host.take() == ["believes v0 1", "create v0.gp0 1300c0", "start v0.gp0 fixed0"])
    }

    @Test("writing the value a control register has already does nothing")
    func sameValue() {
        var host = TestHost()
        host.run()
        host.write(0x186, 0x4300c0)
        host.enter()
        _ = host.take()
        host.exit()
        host.write(0x186, 0x4300c0)
        host.write(0x38f, 0xf)
        host.enter()
        #expect(host.take() == [])
    }

    @Test("off by GLOBAL_CTRL: the event is kept without a counter, and resumed by the same config (reprogram_counter)")
    func pauseAndResume() {
        var host = TestHost()
        host.run()
        host.write(0x186, 0x4300c0)
        host.enter()
        host.exit()
        _ = host.take()
        host.write(0x38f, 0)
        host.enter()
        #expect(host.take() == ["believes v0 0", "stop v0.gp0 fixed0"])
        host.exit()
        host.write(0x38f, 1)
        host.enter()
        #expect(host.take() == ["believes v0 1", "period v0.gp0 281474976710656", "start v0.gp0 fixed0"])
    }

    @Test("another config gives the event back and makes a new one, younger than the guest's others")
    func recreated() {
        var host = TestHost()
        host.run()
        host.write(0x186, 0x4300c0)
        host.enter()
        host.exit()
        _ = host.take()
        host.write(0x186, 0x4301c2)
        host.enter()
        #expect(
            host.take() == ["stop v0.gp0 fixed0", "exited v0.gp0", "create v0.gp0 1301c2", "start v0.gp0 gp0"])
    }

    @Test("counters are walked upward, GP before fixed, whatever the order of the writes")
    func walkOrder() {
        var host = TestHost()
        host.run()
        host.write(0x38f, 0x1_0000_0003)
        host.write(0x38d, 0x3)
        host.write(0x187, 0x4301c2)
        host.write(0x186, 0x4300c4)
        host.enter()
        let created = host.take().filter { $0.hasPrefix("create") }
        #expect(created == ["create v0.gp0 1300c4", "create v0.gp1 1301c2", "create v0.fixed0 1300c0"])
    }

    @Test("a counter write replaces the running event's period after reading it (pmc_write_counter)")
    func counterWrite() {
        var host = TestHost()
        host.run()
        host.write(0x186, 0x4301c2)
        host.enter()
        host.exit()
        _ = host.take()
        #expect(host.write(0x4c1, 0xffff_ffff_fc18) == .written)
        #expect(
            host.take() == ["read v0.gp0 gp0", "stop v0.gp0 gp0", "period v0.gp0 1000", "start v0.gp0 gp0"])
    }

    @Test("an event nobody wrote to in the last slice is given back once its counter is off by its own control")
    func cleanup() {
        var host = TestHost()
        host.run()
        host.write(0x186, 0x4301c2)
        host.write(0x187, 0x4300c4)
        host.enter()
        host.exit()
        host.write(0x186, 0)
        host.enter()
        _ = host.take()
        host.exit()
        host.sleep()
        host.run()
        host.enter()
        #expect(host.take().filter { $0.hasPrefix("exited") } == [])
        host.exit()
        host.sleep()
        host.run()
        _ = host.take()
        host.enter()
        #expect(host.take() == ["exited v0.gp0"])
    }
}
