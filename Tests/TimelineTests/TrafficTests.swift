import PMU
import Policy
import Testing
import Trace

@testable import Timeline

@Suite("Register traffic read backwards")
struct TrafficTests {
    private typealias Access = (EventKind, UInt32, UInt64)

    private func read(_ flavour: Flavour, _ accesses: [(EventKind, UInt32, UInt64)], flags: UInt8 = 0) -> TrafficReader
    {
        var reader = TrafficReader(
            shape: TrafficShape(flavour: flavour, gp: flavour == .intel ? 4 : 6, fixed: flavour == .intel ? 3 : 0))
        for (index, access) in accesses.enumerated() {
            reader.take(
                .host(
                    access.0, time: UInt64(10 * index), pcpu: 0, pid: 7, flags: flags, register: access.1,
                    value: access.2),
                index: UInt64(index))
        }
        reader.finish()
        return reader
    }

    @Test("a counter interrupt re-arms and measures, and moves nobody")
    func interrupt() {
        var reader = read(
            .intel,
            [
                (.writeMSR, 0x38f, 0), (.writeMSR, 0x4c1, 0xffff_ffff_f000), (.writeMSR, 0x186, 0x53003c),
                (.writeMSR, 0x38f, 0x7_0000_000f),
            ])
        for (index, access) in [
            (EventKind.writeMSR, UInt32(0x38f), UInt64(0)), (.readMSR, 0x38e, 1), (.writeMSR, 0x390, 1),
            (.rdpmc, 0, 0x20), (.writeMSR, 0x4c1, 0xffff_ffff_f000), (.writeMSR, 0x38f, 0x7_0000_000f),
        ].enumerated() {
            reader.take(
                .host(
                    access.0, time: 100, pcpu: 0, pid: 7, flags: 0x40, register: access.1, value: access.2),
                index: UInt64(10 + index))
        }
        reader.finish()
        #expect(reader.holdings.count == 1)
        #expect(reader.holdings[0].end == nil)
        #expect(reader.segments.map(\.delta) == [0x1020])
        #expect(reader.interrupts.count == 1)
    }

    @Test("a counter interrupt of PerfMonV2 that nothing marks as one re-arms and measures, and moves nobody")
    func unmarkedInterrupt() {
        let reader = read(
            .amdV2,
            [
                (.writeMSR, 0xc000_0301, 0), (.writeMSR, 0xc001_0203, 0xffff_ffff_f000),
                (.writeMSR, 0xc001_0202, 0x53_0076), (.writeMSR, 0xc000_0301, 0x3f),
                (.writeMSR, 0xc000_0301, 0), (.readMSR, 0xc000_0300, 2), (.rdpmc, 1, 0x20),
                (.writeMSR, 0xc001_0203, 0xffff_ffff_e000), (.writeMSR, 0xc000_0302, 2),
                (.writeMSR, 0xc000_0301, 0x3f),
                (.writeMSR, 0xc000_0301, 0), (.writeMSR, 0xc001_0202, 0x13_0076), (.rdpmc, 1, 0xffff_ffff_e100),
                (.writeMSR, 0xc000_0301, 0x3f),
            ])
        #expect(reader.holdings.count == 1)
        #expect(reader.holdings[0].drained == 0xffff_ffff_e100)
        #expect(reader.interrupts.map(\.counter) == [.gp(1)])
        #expect(reader.segments.compactMap(\.delta) == [0x1020, 0x100])
    }

    @Test("a fixed counter restarted with the same control bits is stopped and started")
    func fixed() {
        let reader = read(
            .intel,
            [
                (.writeMSR, 0x38f, 0), (.writeMSR, 0x30a, 0x8000_0000_0001), (.writeMSR, 0x38d, 0xb0),
                (.writeMSR, 0x38f, 0x7_0000_000f),
                (.writeMSR, 0x38f, 0), (.rdpmc, 0x4000_0001, 0x8000_0000_0101),
                (.writeMSR, 0x30a, 0x8000_0000_0101), (.writeMSR, 0x38f, 0x7_0000_000f),
            ])
        #expect(reader.holdings.map(\.counter) == [.fixed(1), .fixed(1)])
        #expect(reader.holdings.map(\.config) == [0x13003c, 0x13003c])
        #expect(reader.segments.map(\.delta) == [0x100])
    }

    @Test("a counter left out of GLOBAL_CTRL is a guest's")
    func guests() {
        let reader = read(
            .intel,
            [
                (.writeMSR, 0x38f, 0), (.writeMSR, 0x4c2, 0x8000_0000_0001), (.writeMSR, 0x187, 0x5300c0),
                (.writeMSR, 0x38f, 0x7_0000_000d),
            ])
        #expect(reader.holdings.map(\.exclusion) == [.host])
        #expect(reader.holdings[0].lists == .taskPinned)
    }

    @Test("AMD without global control: EN written again is no assignment, a second write without EN is a stop")
    func coreExtension() {
        let reader = read(
            .amdCoreExt,
            [
                (.writeMSR, 0xc001_0201, 0x8000_0000_0001), (.writeMSR, 0xc001_0200, 0x530076),
                (.readMSR, 0xc001_0200, 0x530076), (.writeMSR, 0xc001_0200, 0x130076),
                (.writeMSR, 0xc001_0203, 0x8000_0000_0001), (.writeMSR, 0xc001_0200, 0x530076),
                (.writeMSR, 0xc001_0202, 0x5300c0),
                (.readMSR, 0xc001_0200, 0x530076), (.writeMSR, 0xc001_0200, 0x130076),
                (.readMSR, 0xc001_0202, 0x5300c0), (.writeMSR, 0xc001_0202, 0x1300c0),
                (.writeMSR, 0xc001_0200, 0x130076), (.rdpmc, 0, 0x8000_0000_0011), (.writeMSR, 0xc001_0202, 0x5300c0),
            ])
        #expect(reader.holdings.map(\.counter) == [.gp(0), .gp(1)])
        #expect(reader.holdings[0].end != nil)
        #expect(reader.holdings[1].end == nil)
    }

    @Test("a read outside a section stops nothing")
    func outside() {
        let reader = read(
            .amdV2,
            [
                (.writeMSR, 0xc000_0301, 0), (.writeMSR, 0xc001_0201, 0x8000_0000_0001),
                (.writeMSR, 0xc001_0200, 0x100_0053_0076), (.writeMSR, 0xc000_0301, 0x3f),
                (.rdpmc, 0, 0x8000_0000_0031),
            ])
        #expect(reader.holdings.count == 1)
        #expect(reader.holdings[0].end == nil)
        #expect(reader.holdings[0].exclusion == .host)
        #expect(reader.segments.map(\.delta) == [0x30])
        #expect(reader.segments.map(\.ending) == [.read])
    }
}
