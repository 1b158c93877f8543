import PMU
import Policy
import Testing

@testable import Host

@Suite("By which accesses a guest's counter is found on a physical one")
struct MatchingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var why: String
        var model = ProcessorModel.skylakeSP
        /// What the guest loads its counter with before it enables it, nil for nothing.
        var loaded: (register: UInt32, value: UInt64)?
        /// What the host then writes, the counter and the event select.
        var armed: String
        var selected: String
        var testDescription: String { why }
    }

    @Test(
        """
        between a guest's control write and the next entry the physical counter is armed with the guest's value, or with \
        the longest period, and its event select has the guest's event and privileges (pmc_reprogram_counter, \
        x86_perf_event_set_period)
        """,
        arguments: [
            Case(
                why: "a negative value, 48 bits", loaded: (0x4c1, 0xffff_ffff_0000), armed: "w 4c1=ffffffff0000",
                selected: "w 186=5301c2"),
            Case(
                why: "a value below 2^47 is clipped to the longest period", loaded: (0xc1, 0x1234),
                armed: "w 4c1=800000000001", selected: "w 186=5301c2"),
            Case(
                why: "PMCx sign-extends 32 bits", loaded: (0xc1, 0xffff_fc18), armed: "w 4c1=fffffffffc18",
                selected: "w 186=5301c2"),
            Case(
                why: "nothing loaded, without full-width writes", model: .sandyBridge, loaded: nil,
                armed: "w c1=ffff80000001", selected: "w 186=5301c2"),
        ])
    func newEvent(_ test: Case) {
        var host = TrafficHost(test.model)
        host.run()
        if let loaded = test.loaded { host.write(loaded.register, loaded.value) }
        host.write(0x186, 0x4301c2)
        // Since v6.2 nothing happens before the entry.
        #expect(host.take() == [])
        host.enter()
        let accesses = host.take()
        let section = accesses.first == "w 38f=0" ? Array(accesses.dropFirst()) : accesses
        #expect(section.first == test.armed)
        #expect(section.dropFirst().first == test.selected)
        // The guest's counter is the one that GLOBAL_CTRL leaves out.
        let all = String(test.model.allCounters & ~1, radix: 16)
        #expect(section.last == "w 38f=\(all)")
    }

    @Test("up to v6.1 the same accesses come inside the emulation of the write, before its kvm_msr record")
    func immediate() {
        var host = TrafficHost(kvm: KVMRules(kernel: "5.17.0"))
        host.run()
        host.write(0x4c1, 0xffff_ffff_0000)
        host.write(0x186, 0x4301c2)
        #expect(host.take() == ["w 38f=0", "w 4c1=ffffffff0000", "w 186=5301c2", "w 38f=70000000e"])
        host.enter()
        #expect(host.take() == [])
    }

    @Test(
        "a guest's read of a running counter is an RDPMC of the physical one, whatever its virtual number (pmc_read_counter)"
    )
    func read() {
        var host = TrafficHost(hostEvents: [.pinned(0x1d1)])
        host.apply(.hostInstall(event: 0))
        host.run()
        host.write(0x186, 0x4301c2)
        host.enter()
        host.exit()
        _ = host.take()
        // The host has GP 0, so the guest's GP 0 is GP 1; it was armed with -(2^47 - 1).
        host.set(.gp(1), 0x8000_0000_0043)
        #expect(host.read(0xc1) == .value(0x42))
        #expect(host.take() == ["p 1=800000000043"])
    }

    @Test("a guest's read of a counter that does not run makes no access: KVM answers from memory")
    func readStopped() {
        var host = TrafficHost()
        host.run()
        host.write(0x4c1, 77)
        #expect(host.read(0x4c1) == .value(77))
        #expect(host.take() == [])
    }
}
