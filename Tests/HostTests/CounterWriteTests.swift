import Host
import PMU
import Policy
import Testing

@Suite("What a guest's write to a counter leaves in it (kvm_pmu_set_msr)")
struct CounterWriteTests {
    @Test("a 32-bit alias sign-extends, a full-width one does not, and a fixed counter takes the value as it is")
    func widths() {
        var host = TestHost()
        host.run()
        for (register, written, read) in [
            (0xc1, 0x8000_0000, 0xffff_8000_0000), (0xc1, 0x1_7fff_ffff, 0x7fff_ffff),
            (0x4c2, 0x8000_0000, 0x8000_0000), (0x309, 0x8000_0000, 0x8000_0000),
            (0x309, 0xffff_1234_5678_9abc, 0x1234_5678_9abc),
        ] as [(UInt32, UInt64, UInt64)] {
            host.write(register, written)
            #expect(host.read(register) == .value(read))
        }
    }

    @Test("bits above the counter's width fault on a full-width alias, and are cut on AMD")
    func aboveWidth() {
        var intel = TestHost()
        intel.run()
        #expect(intel.write(0x4c1, 1 << 48) == .fault)
        var amd = TestHost(.zen4)
        amd.run()
        #expect(amd.write(0xc001_0201, 1 << 48 | 5) == .written)
        #expect(amd.read(0xc001_0201) == .value(5))
    }
}
