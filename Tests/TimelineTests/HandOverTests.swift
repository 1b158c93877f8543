import PMU
import Policy
import Testing
import Trace

@testable import Timeline

/// The sequences are those of `kvm_pmu_load_guest_pmcs()` and `kvm_pmu_put_guest_pmcs()` (arch/x86/kvm/pmu.c) between
/// `perf_load_guest_context()` and `perf_put_guest_context()` (kernel/events/core.c), 7.x.
@Suite("A mediated hand-over read backwards: AMD PerfMonV2")
struct HandOverTests {
    private typealias Access = (EventKind, UInt32, UInt64)

    private static let vcpuThread: Int32 = 100
    private static let stop: [Access] = [(.writeMSR, 0xc000_0301, 0)]
    private static let go: [Access] = [(.writeMSR, 0xc000_0301, 0x3f)]
    /// The host's event on counter 0, started and, `0x100` later, stopped.
    private static let start: [Access] = [
        (.writeMSR, 0xc001_0201, 0x8000_0000_0001), (.writeMSR, 0xc001_0200, 0x53_0076),
    ]
    private static let drain: [Access] = [
        (.writeMSR, 0xc001_0200, 0x13_0076), (.rdpmc, 0, 0x8000_0000_0101),
    ]

    /// A load of a guest whose counter 1 counts branches from `value`, its GLOBAL_CTL being `global`.
    private static func load(_ value: UInt64, global: UInt64 = 0x3f) -> [Access] {
        var accesses = stop
        for counter in UInt32(0)..<6 {
            accesses.append((.rdpmc, counter, 0))
            if counter == 1 { accesses.append((.writeMSR, 0xc001_0203, value)) }
            accesses.append((.writeMSR, 0xc001_0200 + 2 * counter, counter == 1 ? 0x100_0053_00c2 : 0x100_0000_0000))
        }
        return accesses + [(.readMSR, 0xc000_0300, 0), (.writeMSR, 0xc000_0301, global)]
    }

    /// The put after it, counter 1 standing at `value`.
    private static func put(_ value: UInt64, status: UInt64 = 0) -> [Access] {
        var accesses: [Access] = stop + [(.readMSR, 0xc000_0300, status)]
        if status != 0 { accesses.append((.writeMSR, 0xc000_0302, status)) }
        for counter in UInt32(0)..<6 {
            accesses.append((.rdpmc, counter, counter == 1 ? value : 0))
            if counter == 1 { accesses.append((.writeMSR, 0xc001_0203, 0)) }
            accesses.append((.writeMSR, 0xc001_0200 + 2 * counter, 0))
        }
        return accesses
    }

    private static func read(_ accesses: [Access]) -> TrafficReader {
        var reader = TrafficReader(shape: TrafficShape(flavour: .amdV2, gp: 6, fixed: 0), guests: .mediated)
        for (index, access) in accesses.enumerated() {
            reader.take(
                .host(
                    access.0, time: UInt64(10 * index), pcpu: 0, pid: vcpuThread, register: access.1,
                    value: access.2),
                index: UInt64(index))
        }
        reader.finish()
        return reader
    }

    @Test("the host's event goes out, the guest's counter is its own until the put reads it, and the event comes back")
    func whole() {
        let reader = HandOverTests.read(
            HandOverTests.stop + HandOverTests.start + HandOverTests.go
                + HandOverTests.stop + HandOverTests.drain + HandOverTests.go
                + HandOverTests.load(0x1000) + HandOverTests.put(0x1234)
                + HandOverTests.stop + HandOverTests.start + HandOverTests.go)
        #expect(reader.holdings.map(\.counter) == [.gp(0), .gp(1), .gp(0)])
        #expect(reader.holdings.map(\.handOver) == [false, true, false])
        #expect(reader.holdings.map(\.config) == [0x13_0076, 0x13_00c2, 0x13_0076])
        #expect(reader.holdings.map(\.exclusion) == [.none, .host, .none])
        #expect(reader.holdings[1].armed == 0x1000)
        #expect(reader.holdings.map(\.drained) == [0x8000_0000_0101, 0x1234, nil])
        #expect(reader.holdings[2].end == nil)
        #expect(reader.segments.map(\.delta) == [0x100, 0x234])
        #expect(reader.globalImages.map(\.value) == [0x3f])
        // The load is no section of the host's: what took its events out and brings them back are.
        #expect(reader.sections.map(\.phase) == [.operation, .handOver, .handOver])
    }

    @Test("a host without events of its own hands the PMU over too, and a guest is loaded again right after its put")
    func again() {
        let reader = HandOverTests.read(
            HandOverTests.load(0x1000) + HandOverTests.put(0x1234) + HandOverTests.load(0x1234)
                + HandOverTests.put(0x1240))
        #expect(reader.holdings.map(\.counter) == [.gp(1), .gp(1)])
        #expect(reader.holdings.map(\.handOver) == [true, true])
        #expect(reader.holdings.map(\.armed) == [0x1000, 0x1234])
        #expect(reader.holdings.map(\.drained) == [0x1234, 0x1240])
        #expect(reader.segments.map(\.delta) == [0x234, 0xc])
        #expect(reader.sections.isEmpty)
    }

    @Test("a guest whose GLOBAL_CTL leaves a counter out is loaded with it and holds nothing there")
    func globallyOff() {
        let reader = HandOverTests.read(HandOverTests.load(0x1000, global: 0) + HandOverTests.put(0x1000))
        #expect(reader.holdings.isEmpty)
        #expect(reader.globalImages.map(\.value) == [0])
    }

    @Test("an overflow that the put's status shows is the guest's, one that the load set again is not")
    func overflows() {
        let fresh = HandOverTests.read(HandOverTests.load(0xffff_ffff_ff00) + HandOverTests.put(0x10, status: 2))
        #expect(fresh.interrupts.map(\.counter) == [.gp(1)])
        var load = HandOverTests.load(0x10)
        load.insert((.writeMSR, 0xc000_0303, 2), at: load.count - 1)
        #expect(HandOverTests.read(load + HandOverTests.put(0x20, status: 2)).interrupts.isEmpty)
    }

    @Test("RDPMC of counter 0 inside a section that stops it, or outside of sections, is no load")
    func noLoad() {
        let reader = HandOverTests.read(
            HandOverTests.stop + HandOverTests.start + HandOverTests.go + [(.rdpmc, 0, 0x8000_0000_0081)]
                + HandOverTests.stop + HandOverTests.drain + HandOverTests.start + HandOverTests.go)
        #expect(reader.holdings.map(\.handOver) == [false, false])
        #expect(reader.segments.map(\.delta) == [0x80, 0x80])
        #expect(reader.sections.map(\.phase) == [.operation, .operation])
    }
}
