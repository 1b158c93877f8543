import Testing

@testable import Trace

@Suite("What is written reads back")
struct RoundTripTests {
    @Test(
        "random events of every kind",
        arguments: [(1, 1), (2, 1), (255, 1), (256, 2), (257, 3), (5000, 4), (70_000, 1)])
    func wild(count: Int, pcpus: Int) throws {
        let scratch = ScratchDirectory()
        let events = RandomEvents.wild(count, pcpus: UInt16(pcpus), seed: UInt64(count))
        var options = TraceWriter.Options()
        if count > 10_000 { options.blockSpan = nil }
        try write(events, to: scratch.file(), options: options)
        #expect(try TraceReader(path: scratch.file()).events() == merged(events))
    }

    @Test(
        "events appended many at once make the file that they make one by one",
        arguments: [(1, nil), (17, nil), (1000, nil), (1000, 500), (70_000, 2000), (nil, nil)] as [(Int?, UInt64?)],
        [TraceWriter.Order.perPCPU, .global])
    func manyAtOnce(block: (size: Int?, span: UInt64?), order: TraceWriter.Order) throws {
        let scratch = ScratchDirectory()
        let events = RandomEvents.plausible(30_000, pcpus: 3, seed: 11)
        var options = TraceWriter.Options()
        options.eventsPerBlock = block.size
        options.blockSpan = block.span
        options.pendingBytes = 1 << 19
        options.order = order
        func bytes(_ append: (TraceWriter) throws -> Void) throws -> [UInt8] {
            options.existing = .replace
            let writer = try TraceWriter(path: scratch.file(), metadata: metadata(), options: options)
            try append(writer)
            try writer.finish()
            return try readBytes(scratch.file())
        }
        let single = try bytes { writer in for event in events { try writer.append(event) } }
        for piece in [1, 7, 4096, events.count] {
            let many = try bytes { writer in
                try events.withUnsafeBufferPointer { events in
                    for at in stride(from: 0, to: events.count, by: piece) {
                        try writer.append(.init(rebasing: events[at..<min(at + piece, events.count)]))
                    }
                }
            }
            #expect(many == single, "pieces of \(piece)")
        }
    }

    @Test("a plausible host's events, at both levels", arguments: TraceLevel.allCases)
    func plausible(level: TraceLevel) throws {
        let scratch = ScratchDirectory()
        let events = RandomEvents.plausible(20_000, pcpus: 4, seed: 3)
        try write(events, to: scratch.file(), options: .init(existing: .refuse, level: level))
        let reader = try TraceReader(path: scratch.file())
        #expect(try reader.events() == merged(events))
        #expect(reader.isComplete)
        #expect(reader.pcpus == [0, 1, 2, 3])
    }

    @Test("blocks of any size", arguments: [1, 2, 3, 17, 256, 1000])
    func blocks(size: Int) throws {
        let scratch = ScratchDirectory()
        let events = RandomEvents.plausible(2000, pcpus: 3, seed: 9)
        try write(events, to: scratch.file(), options: smallBlocks(size))
        let reader = try TraceReader(path: scratch.file())
        #expect(reader.blocks.allSatisfy { $0.events <= size })
        #expect(try reader.events() == merged(events))
    }

    @Test("extreme values in every field")
    func extremes() throws {
        let scratch = ScratchDirectory()
        var events: [TraceEvent] = []
        for kind in EventKind.allCases {
            for value: UInt64 in [0, 1, 1 << 24, 1 << 47, (1 << 48) - 1, 1 << 48, (1 << 48) + 1, .max] {
                events.append(
                    TraceEvent(
                        time: UInt64(events.count), pcpu: .max, pid: .min, kind: kind, flags: .max, a: .max, b: .max,
                        value: value, value2: .max &- value, value3: value, isa: .max))
            }
        }
        events.append(TraceEvent(time: .max, pcpu: .max, pid: .max, kind: .rdpmc))
        try write(events, to: scratch.file())
        #expect(try TraceReader(path: scratch.file()).events() == events)
    }

    @Test("times at both ends of the clock")
    func times() throws {
        let scratch = ScratchDirectory()
        let times: [UInt64] = [0, 0, 1, 1 << 32, 1 << 63, .max - 1, .max, .max]
        let events = times.map { TraceEvent.host(.rdpmc, time: $0, pcpu: 1, pid: 1, register: 0, value: 0) }
        try write(events, to: scratch.file())
        let reader = try TraceReader(path: scratch.file())
        #expect(try reader.events() == events)
        #expect(reader.timeRange == 0...UInt64.max)
    }

    @Test("times that go back keep their order on the pCPU and are flagged")
    func disorder() throws {
        let scratch = ScratchDirectory()
        var random = SeededGenerator(seed: 4)
        let events = (0..<3000).map { _ in
            TraceEvent.host(
                .rdpmc, time: random.next() & 0xFFFFF, pcpu: UInt16(random.next() & 3), pid: 1, register: 0, value: 1)
        }
        var options = smallBlocks(100)
        options.blockSpan = nil
        try write(events, to: scratch.file(), options: options)
        let reader = try TraceReader(path: scratch.file())
        #expect(try reader.events() == merged(events))
        #expect(reader.blocks.contains { $0.isDisordered })
    }

    @Test("names of threads, lost records and metadata")
    func rest() throws {
        let scratch = ScratchDirectory()
        let lost = [
            LostRecords(pcpu: 0, kind: .kvmMSR, count: 7, earliest: 1, latest: 2),
            LostRecords(pcpu: 65535, kind: nil, count: nil, earliest: 0, latest: .max),
        ]
        let comms = ["", "CPU 0/KVM", "naïve \"quoted\"\n", "swapper/0"]
        let writer = try TraceWriter(path: scratch.file(), metadata: metadata())
        #expect(comms.map { writer.comm($0) } == [0, 1, 2, 3])
        #expect(writer.comm("CPU 0/KVM") == 1)
        for record in lost { try writer.append(record) }
        writer.metadata.threads = [.init(tid: 2, pid: 1, comm: "CPU 0/KVM", vm: "vm", vcpu: 0)]
        let final = writer.metadata
        try writer.finish()
        let reader = try TraceReader(path: scratch.file())
        #expect(reader.comms == comms)
        #expect(reader.comm(9) == nil)
        #expect(reader.lost == lost)
        #expect(reader.metadata == final)
        #expect(reader.isComplete && reader.eventCount == 0 && reader.timeRange == nil)
    }

    @Test("the same events make the same bytes")
    func deterministic() throws {
        let scratch = ScratchDirectory()
        let events = RandomEvents.wild(20_000, pcpus: 5, seed: 77)
        try write(events, to: scratch.file("a"))
        try write(events, to: scratch.file("b"))
        #expect(try readBytes(scratch.file("a")) == readBytes(scratch.file("b")))
    }

    @Test(
        "any number of encoding threads makes the same bytes, and of decoding threads the same columns",
        arguments: [2, 3, 8])
    func threads(count: Int) throws {
        let scratch = ScratchDirectory()
        let events = RandomEvents.plausible(6000, pcpus: 5, seed: 78)
        func make(_ name: String, threads: Int) throws {
            var options = smallBlocks(200, perCheckpoint: 7)
            options.threads = threads
            options.order = .global
            let writer = try TraceWriter(path: scratch.file(name), metadata: metadata(), options: options)
            for (i, event) in events.enumerated() {
                if i % 100 == 0 { _ = writer.comm("thread \(i)") }
                if i % 777 == 0 {
                    try writer.append(
                        LostRecords(pcpu: 2, kind: nil, count: 1, earliest: event.time, latest: event.time))
                }
                try writer.append(event)
            }
            try writer.finish()
        }
        try make("one", threads: 1)
        try make("many", threads: count)
        #expect(try readBytes(scratch.file("one")) == readBytes(scratch.file("many")))
        let reader = try TraceReader(path: scratch.file("many"))
        var seen: [TraceEvent] = []
        try reader.forEachBlock(threads: count) { _, columns in
            var cursor = BlockCursor(columns)
            while !cursor.isAtEnd { seen.append(cursor.next()) }
        }
        #expect(merged(seen) == merged(events))
    }

    @Test("a watermark is never later than an event of a later block")
    func watermark() throws {
        let scratch = ScratchDirectory()
        var options = smallBlocks(100)
        options.order = .global
        try write(RandomEvents.plausible(3000, pcpus: 4, seed: 79), to: scratch.file(), options: options)
        let frames = FrameFile(file: try InputFile(path: scratch.file()))
        var promised: UInt64 = 0
        try frames.walk(from: 0) { step in
            guard case .frame(let frame) = step, frame.kind == .block, let header = try? BlockHeader(frame) else {
                return
            }
            #expect(header.first >= promised && header.watermark >= promised)
            promised = header.watermark
        }
        #expect(promised > 0)
    }

    @Test("a name that is too long is cut, and the rest still reads")
    func longName() throws {
        let scratch = ScratchDirectory()
        try write([], to: scratch.file(), comms: [String(repeating: "é", count: 5000), "next"])
        let comms = try TraceReader(path: scratch.file()).comms
        #expect(comms.count == 2 && comms[1] == "next" && comms[0].utf8.count <= 4096 && comms[0].hasPrefix("ééé"))
    }

    @Test("the summary is what counting every event gives")
    func summary() throws {
        let scratch = ScratchDirectory()
        let events = RandomEvents.plausible(9000, pcpus: 3, seed: 5) + RandomEvents.wild(4000, pcpus: 1, seed: 5)
        try write(events, to: scratch.file(), options: smallBlocks(512))
        var expected = TraceSummary()
        for event in events { expected.add(event) }
        let reader = try TraceReader(path: scratch.file())
        #expect(reader.firstUncounted == reader.blocks.count)
        #expect(try reader.summary() == expected)
    }

    @Test("an interval gives the events of that interval", arguments: [0, 1, 7, 50])
    func interval(seed: Int) throws {
        let scratch = ScratchDirectory()
        let events = RandomEvents.plausible(5000, pcpus: 4, seed: UInt64(seed))
        try write(events, to: scratch.file(), options: smallBlocks(300))
        let reader = try TraceReader(path: scratch.file())
        var random = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<20 {
            let bounds = [events.randomElement(using: &random)!.time, events.randomElement(using: &random)!.time]
                .sorted()
            let range = bounds[0]...bounds[1]
            #expect(try reader.events(in: range) == merged(events).filter { range.contains($0.time) })
        }
    }
}
