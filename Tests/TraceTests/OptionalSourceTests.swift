import Testing

@testable import Trace

@Suite("Records of optional tracepoints")
struct OptionalSourceTests {
    private static let optional: [TraceEvent] = [
        .processFork(time: 10, pcpu: 0, pid: 40, child: 41, comm: 0, childComm: 1),
        .perfEventOpen(time: 20, pcpu: 0, pid: 41, target: -1, cpu: 3, groupFD: 7, flags: 8),
        .acceptIRQ(time: 30, pcpu: 0, pid: 9, apicID: 2, vector: 0, deliveryMode: 0x400),
        .acceptIRQ(time: 31, pcpu: 0, pid: 9, apicID: 2, vector: 0xec, deliveryMode: 0, isLevel: true),
        .processExit(time: 40, pcpu: 0, pid: 41, comm: 1),
    ]

    private func decode(_ format: String, _ put: (inout RawRecord) -> Void) throws -> (TraceEvent, TraceBuffer) {
        var record = RawRecord(length: 64)
        record.put(Int32(42), at: 4)
        put(&record)
        var buffer = TraceBuffer(metadata: metadata())
        let decoder = try TracepointDecoder(format: TracepointFormat(parsing: format))
        return (try record.decode(with: decoder, into: &buffer), buffer)
    }

    @Test("a fork names both threads, wherever the kernel keeps their names")
    func fork() throws {
        let (event, buffer) = try decode(FormatFixture.processFork) {
            $0.put(UInt32(5 << 16 | 24), at: 8)
            $0.put(Int32(42), at: 12)
            $0.put(UInt32(4 << 16 | 32), at: 16)
            $0.put(Int32(77), at: 20)
            $0.put("bash", at: 24)
            $0.put("cat", at: 32)
        }
        #expect(event == .processFork(time: 5, pcpu: 3, pid: 42, child: 77, comm: 0, childComm: 1))
        #expect(buffer.comms == ["bash", "cat"])
    }

    @Test("an exit names its thread")
    func exit() throws {
        let (event, buffer) = try decode(FormatFixture.processExit) {
            $0.put("agent", at: 8)
            $0.put(Int32(42), at: 24)
            $0.put(UInt8(1), at: 32)
        }
        #expect(event.subjectPID == 42 && event.b == 1 && buffer.comms == ["agent"])
    }

    @Test("perf_event_open keeps what is passed by value; the attr's address is not kept")
    func open() throws {
        let (event, _) = try decode(FormatFixture.perfEventOpen) {
            $0.put(UInt64(0x7ffd_1234_5678), at: 16)
            $0.put(Int64(-1), at: 24)
            $0.put(Int64(3), at: 32)
            $0.put(Int64(-1), at: 40)
            $0.put(UInt64(8), at: 48)
        }
        #expect(event == .perfEventOpen(time: 5, pcpu: 3, pid: 42, target: -1, cpu: 3, groupFD: -1, flags: 8))
    }

    @Test("an accepted interrupt keeps APIC, vector, delivery mode and trigger")
    func interrupt() throws {
        let (event, _) = try decode(FormatFixture.acceptIRQ) {
            $0.put(UInt32(6), at: 8)
            $0.put(UInt16(0x400), at: 12)
            $0.put(UInt16(0), at: 14)
            $0.put(UInt8(2), at: 16)
        }
        #expect(event == .acceptIRQ(time: 5, pcpu: 3, pid: 42, apicID: 6, vector: 2, deliveryMode: 0x400))
        #expect(event.isNMIDelivery)
    }

    @Test("they are counted by kind in the file's summary, and verify finds nothing wrong")
    func summary() throws {
        let scratch = ScratchDirectory()
        try write(Self.optional, to: scratch.file(), comms: ["bash", "cat"])
        let summary = try TraceReader(path: scratch.file()).summary()
        #expect(summary.records(.acceptIRQ) == 2 && summary.records(.processFork) == 1 && summary.records == 5)
        #expect(try TraceVerification(path: scratch.file()).isGood)
    }

    @Test("a file without them has not a byte for them")
    func nothing() throws {
        let scratch = ScratchDirectory()
        try write(RandomEvents.plausible(100, pcpus: 1, seed: 3), to: scratch.file())
        let bytes = try readBytes(scratch.file())
        // The first block's header, behind the file's: 40 and the 160 bytes of its body.
        let block = try #require(bytes.indices.first { bytes[$0...].starts(with: Array("VPMU".utf8) + [2]) })
        #expect(Array(bytes[block - 4..<block]) == [200, 0, 0, 0])
    }

    @Test("a tracepoint that no version here knows is named, and not taken for another")
    func unknown() throws {
        var entry = ByteWriter()
        TokenEntry(template: Self.optional[0].template(storing: []), fields: []).encode(into: &entry)
        var bytes = entry.bytes
        bytes[1] = UInt8(EventKind.allCases.count)
        bytes.withUnsafeBytes { raw in
            var reader = ByteReader(raw)
            #expect(throws: FormatViolation.unknownTracepoint(11)) { try TokenEntry(&reader) }
        }
        #expect(FormatViolation.unknownTracepoint(11).reason.contains("unknown tracepoint 11: 0 to 10 are known"))
    }

    @Test("salvage keeps them out of a damaged file")
    func salvage() throws {
        let scratch = ScratchDirectory()
        let events = (0..<40).flatMap { round in
            Self.optional.map { event in
                var event = event
                event.time += UInt64(round) * 100
                return event
            }
        }
        try write(events, to: scratch.file(), comms: ["bash", "cat"], options: smallBlocks(50))
        var bytes = try readBytes(scratch.file())
        let blocks = bytes.indices.filter { bytes[$0...].starts(with: Array("VPMU".utf8) + [2]) }
        bytes[blocks[1] + 300] ^= 0xff
        try writeBytes(bytes, scratch.file("damaged.vpt"))
        _ = try TraceSalvage(from: scratch.file("damaged.vpt"), to: scratch.file("mended.vpt"))
        let kept = try TraceReader(path: scratch.file("mended.vpt")).events()
        #expect(kept == Array(events[..<50] + events[100...]))
    }

    @Test("scrub renumbers their threads like all others, and the holders of events at the start")
    func scrub() throws {
        let scratch = ScratchDirectory()
        let writer = try TraceWriter(path: scratch.file(), metadata: metadata())
        for comm in ["bash", "cat"] { _ = writer.comm(comm) }
        for event in Self.optional { try writer.append(event) }
        try writer.append(.perfEventOpen(time: 50, pcpu: 0, pid: 40, target: 41, cpu: -1))
        try writer.append(.perfEventOpen(time: 51, pcpu: 0, pid: 40, target: 41, cpu: 0, flags: 4))
        var holders = TraceMetadata.PerfEventHolders()
        holders.processes = [.init(pid: 41, comm: "cat", events: 2)]
        holders.unseen = 3
        writer.metadata.perfEventHolders = holders
        writer.metadata.blindSpots = ["cat (41) held events."]
        try writer.finish()
        _ = try TraceScrub(from: scratch.file(), to: scratch.file("scrubbed.vpt"))
        let reader = try TraceReader(path: scratch.file("scrubbed.vpt"))
        let events = try reader.events()
        let child = events[0].subjectPID
        #expect(child != 41 && events[0].pid != 40)
        #expect(events[4].subjectPID == child && events[4].pid == child && events[1].pid == child)
        #expect(events[1].openTarget == -1 && events[5].openTarget == child)
        // There it is a cgroup's descriptor.
        #expect(events[6].openTarget == 41)
        #expect(!reader.comms.contains("bash"))
        #expect(reader.metadata.perfEventHolders?.unseen == 3)
        #expect(reader.metadata.perfEventHolders?.processes.map(\.pid) == [child])
        #expect(reader.metadata.perfEventHolders?.processes.first?.comm == reader.comms[1])
        #expect(reader.metadata.blindSpots.contains { $0.contains("held events") && !$0.contains("41") })
    }
}
