import PMU
import Policy
import Testing

@testable import Host

@Suite("The register accesses of a mediated hand-over")
struct MediatedTrafficTests {
    @Test(
        "Intel load: global control off, counters written where they differ, every event select, status, FIXED_CTR_CTRL (kvm_pmu_load_guest_pmcs)"
    )
    func intelLoad() {
        var host = TrafficHost(rules: .mediated)
        host.run()
        host.write(0x4c1, 0x1000)
        host.write(0x186, 0x4300c0)
        host.write(0x309, 0x20)
        host.write(0x38d, 0x3)
        _ = host.take()
        host.enter()
        #expect(
            host.take() == [
                "w 38f=0", "p 0=0", "w 4c1=1000", "w 186=4300c0", "p 1=0", "w 187=0", "p 2=0", "w 188=0", "p 3=0",
                "w 189=0",
                "p 40000000=0", "w 309=20", "p 40000001=0", "p 40000002=0", "r 38e=0", "w 38d=3",
            ])
    }

    @Test(
        "Intel put: status, FIXED_CTR_CTRL off, every counter read, and cleared where it is not 0 (kvm_mediated_pmu_put)"
    )
    func intelPut() {
        var host = TrafficHost(rules: .mediated)
        host.run()
        host.write(0x186, 0x4300c0)
        host.write(0x38d, 0x3)
        host.enter()
        _ = host.take()
        host.set(.gp(0), 0x55)
        host.exit()
        #expect(
            host.take() == [
                "r 38e=0", "w 38d=0", "p 0=55", "w 4c1=0", "w 186=0", "p 1=0", "p 2=0", "p 3=0", "p 40000000=0",
                "p 40000001=0", "p 40000002=0",
            ])
        #expect(host.read(0xc1) == .value(0x55))
    }

    @Test("Intel: a status bit of the guest is set in the hardware at load and cleared at put")
    func intelStatus() {
        var host = TrafficHost(rules: .mediated)
        host.run()
        host.enter()
        host.machine.mediatedOverflow(vcpu: 0, counter: .gp(1))
        _ = host.take()
        host.exit()
        #expect(host.take().prefix(2) == ["r 38e=2", "w 390=2"])
        host.enter()
        #expect(host.take().contains("w 391=2"))
    }

    @Test("AMD load and put: status and global control around the counters (amd_mediated_pmu_load, _put)")
    func amd() {
        var host = TrafficHost(.zen4, rules: .mediated)
        host.run()
        host.write(0xc001_0200, 0x5300c0)
        _ = host.take()
        host.enter()
        let load = host.take()
        #expect(load.prefix(2) == ["w c0000301=0", "p 0=0"])
        #expect(load.suffix(2) == ["r c0000300=0", "w c0000301=3f"])
        host.set(.gp(0), 9)
        host.exit()
        #expect(
            host.take().prefix(5) == [
                "w c0000301=0", "r c0000300=0", "p 0=9", "w c0010201=0", "w c0010200=0",
            ])
    }

    @Test("what the hand-over costs in registers is counted, and an emulated entry costs none")
    func costs() {
        var mediated = TestHost(rules: .mediated)
        mediated.run()
        mediated.write(0x186, 0x4300c0)
        mediated.enter()
        mediated.exit()
        // GLOBAL_CTRL, four event selects, FIXED_CTR_CTRL, and the value of the one counter that counts.
        #expect(mediated.machine.operationCounts(vcpu: 0).registersWrittenAtEntry == 7)
        #expect(mediated.machine.operationCounts(vcpu: 0).interceptedAccesses == 1)
        #expect(mediated.machine.operationCounts(vcpu: 0).eventsCreated == 0)
        var emulated = TestHost()
        emulated.run()
        emulated.write(0x186, 0x4300c0)
        emulated.enter()
        emulated.exit()
        #expect(emulated.machine.operationCounts(vcpu: 0).registersWrittenAtEntry == 0)
        #expect(emulated.machine.operationCounts(vcpu: 0).eventsCreated == 1)
    }
}
