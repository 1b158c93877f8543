import Testing

@testable import Trace

@Suite("Salvage")
struct SalvageTests {
    private func sample(_ scratch: ScratchDirectory) throws -> (bytes: [UInt8], reader: TraceReader) {
        var options = smallBlocks(40, perCheckpoint: 3)
        options.blockSpan = nil
        try write(
            RandomEvents.plausible(400, pcpus: 3, seed: 21), to: scratch.file(),
            lost: [.init(pcpu: 1, kind: nil, count: 3, earliest: 0, latest: 9)], comms: ["swapper/0", "CPU 0/KVM"],
            options: options)
        return (try readBytes(scratch.file()), try TraceReader(path: scratch.file()))
    }

    /// The events of a trace's blocks, but for one block.
    private func events(_ reader: TraceReader, without number: Int? = nil) throws -> [TraceEvent] {
        var events: [TraceEvent] = []
        let columns = BlockColumns()
        for (n, block) in reader.blocks.enumerated() where n != number {
            try reader.decode(block, into: columns)
            withExtendedLifetime(columns) {
                var cursor = BlockCursor(columns)
                while !cursor.isAtEnd { events.append(cursor.next()) }
            }
        }
        return events
    }

    @Test("every block before and behind a damaged one is kept, and the gap becomes lost records with their number")
    func block() throws {
        let scratch = ScratchDirectory()
        let (bytes, whole) = try sample(scratch)
        for (number, block) in whole.blocks.enumerated() {
            // In the block's own header, then in its payload.
            for place in [Int(block.offset) + 50, Int(block.offset) + block.length - 3] {
                var damaged = bytes
                damaged[place] ^= 0x41
                try writeBytes(damaged, scratch.file("damaged.vpt"))
                let salvage = try TraceSalvage(
                    from: scratch.file("damaged.vpt"), to: scratch.file("mended.vpt"), existing: .replace)
                let mended = try TraceReader(path: scratch.file("mended.vpt"))
                #expect(try TraceVerification(path: scratch.file("mended.vpt")).isGood)
                #expect(salvage.blocks == whole.blocks.count - 1 && salvage.damage.count == 1)
                #expect(try events(mended) == events(whole, without: number))
                #expect(mended.comms == whole.comms)
                #expect(
                    mended.lost == whole.lost + [
                        .init(
                            pcpu: block.pcpu, kind: nil, count: UInt64(block.events), earliest: block.first,
                            latest: block.last)
                    ])
            }
        }
    }

    @Test("bytes overwritten across several frames lose those alone")
    func wipe() throws {
        let scratch = ScratchDirectory()
        let (bytes, whole) = try sample(scratch)
        let (from, to) = (whole.blocks[3], whole.blocks[6])
        var damaged = bytes
        for i in Int(from.offset) + 20..<Int(to.offset) + 9 { damaged[i] = 0 }
        try writeBytes(damaged, scratch.file("damaged.vpt"))
        let salvage = try TraceSalvage(from: scratch.file("damaged.vpt"), to: scratch.file("mended.vpt"))
        #expect(salvage.blocks == whole.blocks.count - 4)
        #expect(try TraceVerification(path: scratch.file("mended.vpt")).isGood)
        #expect(try TraceReader(path: scratch.file("mended.vpt")).blocks.count == whole.blocks.count - 4)
    }

    @Test("an unfinished trace becomes whole, and says from when on each pCPU is unknown")
    func unfinished() throws {
        let scratch = ScratchDirectory()
        let (bytes, whole) = try sample(scratch)
        let last = try #require(whole.blocks.last)
        try writeBytes(Array(bytes[..<Int(last.offset + 100)]), scratch.file("cut.vpt"))
        let salvage = try TraceSalvage(from: scratch.file("cut.vpt"), to: scratch.file("mended.vpt"))
        #expect(salvage.tail != nil)
        #expect(try TraceVerification(path: scratch.file("mended.vpt")).isGood)
        let mended = try TraceReader(path: scratch.file("mended.vpt"))
        #expect(mended.blocks.count == whole.blocks.count - 1)
        #expect(mended.lost.contains { $0.pcpu == last.pcpu && $0.count == nil })
        #expect(mended.metadata.blindSpots.count == 1)
    }

    @Test("a trace whose header is gone keeps its blocks")
    func header() throws {
        let scratch = ScratchDirectory()
        let (bytes, whole) = try sample(scratch)
        var damaged = bytes
        for i in 0..<60 { damaged[i] = 0xEE }
        try writeBytes(damaged, scratch.file("damaged.vpt"))
        let salvage = try TraceSalvage(from: scratch.file("damaged.vpt"), to: scratch.file("mended.vpt"))
        #expect(salvage.metadataIsLost)
        #expect(try events(TraceReader(path: scratch.file("mended.vpt"))) == events(whole))
    }

    @Test("a whole trace is copied with nothing said to be lost")
    func whole() throws {
        let scratch = ScratchDirectory()
        let (_, whole) = try sample(scratch)
        let salvage = try TraceSalvage(from: scratch.file(), to: scratch.file("copy.vpt"))
        #expect(salvage.damage.isEmpty && salvage.lost.isEmpty && salvage.tail == nil)
        let copy = try TraceReader(path: scratch.file("copy.vpt"))
        #expect(try events(copy) == events(whole))
        #expect(try copy.summary() == whole.summary())
        #expect(copy.metadata == whole.metadata)
    }

    @Test("text cannot be salvaged, and nothing is written")
    func text() throws {
        let scratch = ScratchDirectory()
        try writeBytes(Array("no trace at all\n".utf8), scratch.file("x"))
        #expect(throws: TraceError.self) { try TraceSalvage(from: scratch.file("x"), to: scratch.file("y")) }
        #expect(throws: (any Error).self) { try readBytes(scratch.file("y")) }
    }
}

@Suite("Scrub")
struct ScrubTests {
    @Test("no name, number, address or clock of the original is left, and the rest is the same")
    func scrub() throws {
        let scratch = ScratchDirectory()
        var before = metadata()
        before.hostName = "rack12-node7"
        before.wallClockStart = 1_700_000_000
        before.command = ["vpmu", "record", "--pid", "4711"]
        before.blindSpots = ["Thread 4711 (CPU 0/KVM) of payroll-db on rack12-node7 was not seen."]
        before.threads = [
            .init(tid: 4711, pid: 4700, comm: "CPU 0/KVM", vm: "payroll-db", vcpu: 0),
            .init(tid: 4712, pid: 4700, comm: "CPU 1/KVM", vm: "payroll-db", vcpu: nil),
        ]
        let events: [TraceEvent] = [
            .schedSwitch(time: 1, pcpu: 0, prev: 0, next: 4711, prevComm: 0, nextComm: 1),
            .kvmExit(time: 2, pcpu: 0, pid: 4711, vcpu: 0, reason: 32, rip: 0xDEAD_BEEF_0001),
            .kvmMSR(time: 3, pcpu: 0, pid: 4711, write: true, register: 0x186, data: 0x5300C0),
            .kvmMSR(time: 4, pcpu: 0, pid: 4711, write: true, register: 0xC000_0082, data: 0xDEAD_BEEF_0002),
            .kvmEntry(time: 5, pcpu: 0, pid: 4711, vcpu: 0, rip: 0xDEAD_BEEF_0003),
            .schedSwitch(time: 6, pcpu: 0, prev: 4711, next: 4712, prevComm: 1, nextComm: 2),
            .host(.rdpmc, time: 7, pcpu: 0, pid: 4712, register: 1, value: 99),
        ]
        let writer = try TraceWriter(path: scratch.file(), metadata: before)
        for comm in ["swapper/0", "CPU 0/KVM", "payroll-worker"] { _ = writer.comm(comm) }
        for event in events { try writer.append(event) }
        try writer.finish()

        let scrub = try TraceScrub(from: scratch.file(), to: scratch.file("public.vpt"))
        #expect(scrub.events == 7)
        let reader = try TraceReader(path: scratch.file("public.vpt"))
        #expect(try TraceVerification(path: scratch.file("public.vpt")).isGood)
        var text: [UInt8] = []
        for format in [TraceDump.Format.text, .json] {
            var dump = TraceDump(reader, format: format)
            try dump.run { text.append(contentsOf: $0) }
        }
        text += Array(try TraceInfo(reader).json().utf8)
        let shown = String(decoding: text, as: UTF8.self)
        for secret in [
            "4711", "4712", "4700", "payroll", "rack12", "KVM\"", "swapper", "deadbeef", "\(0xDEAD_BEEF_0001)",
            "\(0xDEAD_BEEF_0002)", "1700000000",
        ] {
            #expect(!shown.contains(secret), "\(secret) is left")
        }
        let after = try reader.events()
        #expect(after.map(\.time) == events.map(\.time) && after.map(\.kind) == events.map(\.kind))
        #expect(after[2].value == 0x5300C0 && after[6].value == 99)
        #expect(after[0].nextPID == after[1].pid && after[5].nextPID == after[6].pid && after[0].pid == 0)
        #expect(reader.metadata.threads.map(\.vcpu) == [0, 1])
        #expect(reader.metadata.threads.map(\.tid) == [after[1].pid, after[6].pid])
        #expect(reader.metadata.kernel == before.kernel)
    }
}
