import Testing
import Trace

@testable import Capture

@Suite("Folding of entries and exits")
struct ExitFoldingTests {
    private func fold(_ events: [TraceEvent]) throws -> [TraceEvent] {
        var stage = EventStage()
        var folding = ExitFolding()
        for event in events { folding.take(event, into: &stage) }
        folding.close(into: &stage)
        var sink = TraceBuffer(metadata: TraceMetadata(source: "test", tool: "test", clock: "test"))
        try stage.flush(into: &sink, everything: true)
        return sink.events
    }

    private func entry(_ time: UInt64, _ pid: Int32 = 7) -> TraceEvent {
        .kvmEntry(time: time, pcpu: 0, pid: pid, vcpu: 0)
    }

    private func exit(_ time: UInt64, _ pid: Int32 = 7, reason: UInt32 = 32) -> TraceEvent {
        .kvmExit(time: time, pcpu: 0, pid: pid, vcpu: 0, reason: reason)
    }

    private func access(_ time: UInt64) -> TraceEvent {
        .kvmMSR(time: time, pcpu: 0, pid: 7, write: true, register: 0x186, data: time)
    }

    private func away(_ time: UInt64) -> TraceEvent { .schedSwitch(time: time, pcpu: 0, prev: 7, next: 0) }

    @Test("a slice keeps its first entry and its last exit, with its guest time and exits, in the order of time")
    func slice() throws {
        let found = try fold([
            entry(10), exit(15), access(16), entry(20), exit(50), access(51), access(52), entry(60), exit(61), away(70),
        ])
        #expect(found.map(\.kind) == [.kvmEntry, .kvmMSR, .kvmMSR, .kvmMSR, .kvmExit, .schedSwitch])
        #expect(found.map(\.time) == [10, 16, 51, 52, 61, 70])
        #expect([found[4].value2, found[4].value3] == [36, 3])
    }

    @Test("what happens after the last exit stays behind it")
    func afterTheLast() throws {
        let found = try fold([entry(10), exit(15), access(16), access(17), away(20)])
        #expect(found.map(\.kind) == [.kvmEntry, .kvmExit, .kvmMSR, .kvmMSR, .schedSwitch])
    }

    @Test("a slice of more than a tenth of a second is cut, and no guest time is lost")
    func longSlices() throws {
        let events = (0..<250).flatMap { index in
            [entry(UInt64(index) * 1_000_000), exit(UInt64(index) * 1_000_000 + 600_000)]
        }
        let found = try fold(events)
        #expect(found.filter { $0.kind == .kvmEntry }.count == 3)
        let exits = found.filter { $0.kind == .kvmExit }
        #expect(exits.reduce(0) { $0 + $1.value2 } == 250 * 600_000)
        #expect(exits.reduce(0) { $0 + $1.value3 } == 250)
    }

    @Test("an exit for RDPMC is kept", arguments: [(1, 15), (2, 0x6f)] as [(UInt8, UInt32)])
    func countersRead(isa: UInt8, reason: UInt32) throws {
        var read = exit(15, reason: reason)
        read.isa = isa
        let found = try fold([entry(10), read, entry(20), exit(30), away(31)])
        #expect(found.map(\.time) == [10, 15, 20, 30, 31])
    }

    @Test("an exit whose entry is missing is kept without a time")
    func missingEntry() throws {
        let found = try fold([exit(5), entry(10), exit(12), entry(20, 8), exit(24, 8)])
        #expect(found.map(\.time) == [5, 10, 12, 20, 24])
        #expect(found.filter { $0.kind == .kvmExit }.map(\.value2) == [0, 2, 4])
    }

    @Test("many records behind an exit do not disturb the order")
    func manyBehind() throws {
        let found = try fold([entry(1), exit(2)] + (3..<200).map { access($0) } + [entry(200), exit(201)])
        #expect(zip(found, found.dropFirst()).allSatisfy { $0.time <= $1.time })
        #expect(found.filter { $0.kind == .kvmExit }.count == 2)
    }
}
