import PMU
import Policy
import Testing

@testable import Host

@Suite("A guest's PMU registers")
struct GuestRegisterTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var model: ProcessorModel
        var version: Int
        var gp: Int
        var fixed: Int
        var testDescription: String { model.name }
    }

    @Test(
        "KVM shows at most version 2, 8 GP and 3 fixed counters on Intel, 6 GP on AMD (kvm_init_pmu_capability)",
        arguments: [
            Shape(model: .skylakeSP, version: 2, gp: 4, fixed: 3),
            Shape(model: .skylakeSPWithoutHT, version: 2, gp: 8, fixed: 3),
            Shape(model: .sapphireRapids, version: 2, gp: 8, fixed: 3),
            Shape(model: .lionCove, version: 2, gp: 8, fixed: 3),
            Shape(model: .zen2, version: 1, gp: 6, fixed: 0), Shape(model: .zen4, version: 2, gp: 6, fixed: 0),
        ])
    func shapes(_ wanted: Shape) {
        let shape = GuestPMUShape(host: wanted.model)
        #expect(shape.version == wanted.version)
        #expect(shape.gp == wanted.gp)
        #expect(shape.fixed == wanted.fixed)
    }

    struct Access: Sendable, CustomTestStringConvertible {
        var why: String
        var model: ProcessorModel
        var register: UInt32
        var value: UInt64
        var answer: GuestAnswer
        var testDescription: String { why }
    }

    @Test(
        "writes fault or pass as kvm_pmu_set_msr answers",
        arguments: [
            Access(why: "fixed counter 3 is reserved", model: .iceLakeSP, register: 0x30c, value: 0, answer: .fault),
            Access(why: "GP counter 4 of four", model: .skylakeSP, register: 0xc5, value: 0, answer: .fault),
            Access(why: "event select 4 of four", model: .skylakeSP, register: 0x18a, value: 0, answer: .fault),
            Access(
                why: "the second unit mask is reserved, also where the host has one", model: .lionCove, register: 0x186,
                value: 0x100_0043_00c0, answer: .fault),
            Access(why: "ANY is reserved", model: .skylakeSP, register: 0x186, value: 0x63_00c0, answer: .fault),
            Access(why: "bit 32 without TSX", model: .skylakeSP, register: 0x186, value: 1 << 32, answer: .fault),
            Access(why: "ANY of a fixed counter", model: .skylakeSP, register: 0x38d, value: 0x4, answer: .fault),
            Access(why: "a fixed counter too many", model: .skylakeSP, register: 0x38d, value: 0x3000, answer: .fault),
            Access(why: "GLOBAL_CTRL bit 4 of four", model: .skylakeSP, register: 0x38f, value: 0x10, answer: .fault),
            Access(why: "GLOBAL_STATUS is read-only", model: .skylakeSP, register: 0x38e, value: 0, answer: .fault),
            Access(
                why: "OVF_CTRL may clear buffer overflow", model: .skylakeSP, register: 0x390, value: 1 << 62,
                answer: .written),
            Access(why: "OVF_CTRL of no counter", model: .skylakeSP, register: 0x390, value: 1 << 40, answer: .fault),
            Access(why: "STATUS_SET is not emulated", model: .skylakeSP, register: 0x391, value: 0, answer: .fault),
            Access(why: "INUSE is not emulated", model: .skylakeSP, register: 0x392, value: 0, answer: .fault),
            Access(why: "PEBS_ENABLE without PEBS", model: .skylakeSP, register: 0x3f1, value: 0, answer: .fault),
            Access(
                why: "bits above the width through a full-width alias", model: .skylakeSP, register: 0x4c1,
                value: 1 << 48, answer: .fault),
            Access(
                why: "a full-width alias without FW_WRITE", model: .sandyBridge, register: 0x4c1, value: 0,
                answer: .fault),
            Access(
                why: "AMD drops reserved bits", model: .zen2, register: 0xc001_0200, value: 0x3f_0028_0000,
                answer: .written),
            Access(why: "AMD counter 5 of six", model: .zen2, register: 0xc001_020b, value: 1, answer: .written),
            Access(
                why: "AMD global control without PerfMonV2", model: .zen2, register: 0xc000_0301, value: 0,
                answer: .fault),
            Access(why: "AMD's status is ignored", model: .zen4, register: 0xc000_0300, value: 1, answer: .written),
            Access(why: "AMD's STATUS_SET is not there", model: .zen4, register: 0xc000_0303, value: 1, answer: .fault),
            Access(
                why: "K7 registers on Intel are tolerated", model: .skylakeSP, register: 0xc001_0000, value: 1,
                answer: .written),
        ])
    func validity(_ access: Access) {
        var host = TestHost(access.model)
        host.run()
        #expect(host.write(access.register, access.value) == access.answer)
    }

    struct Value: Sendable, CustomTestStringConvertible {
        var why: String
        var model: ProcessorModel
        var register: UInt32
        var written: UInt64
        var read: UInt64
        var testDescription: String { why }
    }

    @Test(
        "counter writes are extended and cut (intel_pmu_set_msr, amd_pmu_set_msr)",
        arguments: [
            Value(
                why: "PMCx extends 32 bits by their sign", model: .skylakeSP, register: 0xc1, written: 0x1234_8000_0000,
                read: 0xffff_8000_0000),
            Value(
                why: "PMCx drops what is above 32 bits", model: .skylakeSP, register: 0xc1, written: 0x1_7fff_ffff,
                read: 0x7fff_ffff),
            Value(
                why: "A_PMCx takes the whole width", model: .skylakeSP, register: 0x4c1, written: 0x8000_0000_0001,
                read: 0x8000_0000_0001),
            Value(
                why: "fixed counters are not extended", model: .skylakeSP, register: 0x309, written: 0x8000_0000,
                read: 0x8000_0000),
            Value(
                why: "fixed counters are cut to the width", model: .skylakeSP, register: 0x309, written: .max,
                read: 0xffff_ffff_ffff),
            Value(
                why: "AMD counters are cut to 48 bits", model: .zen2, register: 0xc001_0201, written: .max - 4,
                read: 0xffff_ffff_fffb),
            Value(
                why: "AMD's legacy registers name the first four counters", model: .zen2, register: 0xc001_0004,
                written: 77, read: 77),
        ])
    func values(_ value: Value) {
        var host = TestHost(value.model)
        host.run()
        host.write(value.register, value.written)
        #expect(host.read(value.register) == .value(value.read))
        if value.register == 0xc001_0004 { #expect(host.read(0xc001_0201) == .value(77)) }
    }

    @Test("RDPMC tells GP from fixed counters, and faults on one that is not there (kvm_pmu_rdpmc)")
    func rdpmc() {
        var host = TestHost()
        host.run()
        host.write(0x4c2, 5)
        host.write(0x30a, 6)
        #expect(host.machine.guestReadPMC(vcpu: 0, counter: .gp(1)) == .value(5))
        #expect(host.machine.guestReadPMC(vcpu: 0, counter: .fixed(1)) == .value(6))
        #expect(host.machine.guestReadPMC(vcpu: 0, counter: .gp(4)) == .fault)
        #expect(Counter(rdpmcOperand: 0x4000_0001) == .fixed(1))
        #expect(Counter(rdpmcOperand: 1) == .gp(1))
        #expect(Counter(rdpmcOperand: 0x2000_0000) == nil)
    }

    @Test("GLOBAL_CTRL begins with all GP bits; without it every counter is on (kvm_pmu_refresh)")
    func globalControl() {
        var host = TestHost()
        host.run()
        #expect(host.read(0x38f) == .value(0xf))
        var shape = GuestPMUShape(host: .skylakeSP)
        shape.version = 1
        var old = TestHost(kvm: KVMRules(guest: shape))
        old.run()
        #expect(old.read(0x38f) == .fault)
        old.write(0x189, 0x4300c4)
        #expect(old.machine.guestEnabled(vcpu: 0) == 0x8)
    }

    @Test("the global registers are KVM's memory: reading and clearing them makes no register access of the host")
    func softwareOnly() {
        var host = TrafficHost()
        host.run()
        host.write(0x186, 0x4300c4)
        host.enter()
        host.apply(.overflow(owner: .guest(vcpu: 0, counter: .gp(0))))
        host.exit()
        _ = host.take()
        #expect(host.read(0x38e) == .value(1))
        #expect(host.write(0x390, 1) == .written)
        #expect(host.read(0x38e) == .value(0))
        #expect(host.read(0x38f) == .value(0xf))
        #expect(host.take() == [])
    }

    @Test("a guest without a PMU: counters fault, the first P6 and K7 registers are tolerated and read 0")
    func absent() {
        var host = TestHost(rules: .none)
        host.run()
        #expect(host.write(0x38f, 1) == .fault)
        #expect(host.write(0x188, 1) == .fault)
        #expect(host.write(0x186, 0x4300c0) == .written)
        #expect(host.read(0x186) == .value(0))
        host.enter()
        #expect(host.take() == [])
        #expect(host.machine.guestEnabled(vcpu: 0) == 0)
    }
}
