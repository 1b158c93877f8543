import Testing

@testable import Trace

@Suite("Damage is named or flagged, never silent")
struct DamageTests {
    /// A small finished trace with several pCPUs, checkpoints, names and lost records.
    private func small(_ scratch: ScratchDirectory) throws -> (bytes: [UInt8], events: [TraceEvent]) {
        let events = RandomEvents.plausible(16, pcpus: 2, seed: 1) + RandomEvents.wild(3, pcpus: 1, seed: 2)
        var options = smallBlocks(8, perCheckpoint: 2)
        options.blockSpan = nil
        try write(
            events, to: scratch.file(), lost: [.init(pcpu: 1, kind: nil, count: 3, earliest: 0, latest: 9)],
            comms: ["swapper/0", "CPU 0/KVM"], options: options)
        return (try readBytes(scratch.file()), events)
    }

    @Test("a file cut at any byte opens, is marked unfinished and gives every complete block")
    func cut() throws {
        let scratch = ScratchDirectory()
        let (bytes, _) = try small(scratch)
        let whole = try TraceReader(path: scratch.file())
        let cutFile = scratch.file("cut.vpt")
        let headerEnd = try #require(whole.blocks.first).offset
        for length in 0..<bytes.count {
            try writeBytes(Array(bytes[..<length]), cutFile)
            do {
                let reader = try TraceReader(path: cutFile)
                #expect(!reader.isComplete)
                let complete = whole.blocks.filter { $0.offset + UInt64($0.length) <= UInt64(length) }
                #expect(reader.blocks == complete, "cut at \(length)")
                #expect(reader.damage.isEmpty)
                #expect(try reader.events().count == complete.reduce(0) { $0 + $1.events })
            } catch let error as TraceError {
                #expect(UInt64(length) < headerEnd, "cut at \(length): \(error)")
                switch error {
                case .empty: #expect(length == 0)
                case .truncated(_, let offset, let need, let have):
                    #expect(offset == UInt64(length) && have == length && need > have)
                default: Issue.record("cut at \(length): \(error)")
                }
            }
        }
    }

    @Test(
        "a flipped bit anywhere is found by verify, and reading gives the same events or an error that names an offset")
    func flip() throws {
        let scratch = ScratchDirectory()
        let (bytes, _) = try small(scratch)
        let good = try TraceReader(path: scratch.file()).events()
        let file = scratch.file("flipped.vpt")
        var random = SeededGenerator(seed: 8)
        for at in bytes.indices {
            var flipped = bytes
            flipped[at] ^= 1 << UInt8(random.next() & 7)
            try writeBytes(flipped, file)
            do {
                let verification = try TraceVerification(path: file)
                #expect(!verification.isGood, "byte \(at) of \(bytes.count)")
            } catch {
                #expect(at < 16, "byte \(at): \(error)")
            }
            do {
                let reader = try TraceReader(path: file)
                let events = try reader.events()
                #expect(events == good || !reader.isComplete, "byte \(at) of \(bytes.count)")
            } catch let error as TraceError {
                switch error {
                case .damaged(let path, let offset, let reason):
                    #expect(path == file && offset <= UInt64(at) && !reason.isEmpty)
                case .newerVersion, .notATrace, .truncated: #expect(at < 48)
                default: Issue.record("byte \(at): \(error)")
                }
            }
        }
    }

    @Test("with damage skipped, every other block is read and the missing one named with its pCPU and interval")
    func skip() throws {
        let scratch = ScratchDirectory()
        let (bytes, _) = try small(scratch)
        let whole = try TraceReader(path: scratch.file())
        for (number, block) in whole.blocks.enumerated() {
            var damaged = bytes
            damaged[Int(block.offset) + block.length - 1] ^= 0x10
            try writeBytes(damaged, scratch.file("damaged.vpt"))
            let reader = try TraceReader(path: scratch.file("damaged.vpt"))
            var count = 0
            let skipped = try reader.forEachEvent(onDamage: .skip) { _, _ in count += 1 }
            #expect(
                count == whole.blocks.enumerated().filter { $0.offset != number }.reduce(0) { $0 + $1.element.events })
            #expect(skipped.count == 1)
            #expect(skipped.first?.range == block.offset..<block.offset + UInt64(block.length))
            #expect(skipped.first?.pcpu == block.pcpu)
            #expect(skipped.first?.interval == block.first...block.last)
        }
    }

    @Test("a finished trace is good")
    func good() throws {
        let scratch = ScratchDirectory()
        let (_, events) = try small(scratch)
        let verification = try TraceVerification(path: scratch.file())
        #expect(verification.isGood)
        #expect(verification.events == UInt64(events.count))
        #expect(verification.lines.count == 1)
    }

    @Test("an index that was destroyed is not needed")
    func index() throws {
        let scratch = ScratchDirectory()
        let (bytes, _) = try small(scratch)
        let good = try TraceReader(path: scratch.file()).events()
        // Every checkpoint frame loses a byte of its contents.
        var broken = bytes
        let frames = FrameFile(file: try InputFile(path: scratch.file()))
        try frames.walk(from: 0) { step in
            if case .frame(let frame) = step, frame.kind == .checkpoint {
                broken[Int(frame.payloadOffset) + 12] ^= 0xFF
            }
        }
        try writeBytes(broken, scratch.file("broken.vpt"))
        let reader = try TraceReader(path: scratch.file("broken.vpt"))
        #expect(try reader.events() == good)
    }
}

@Suite("Files that are no traces")
struct ForeignFileTests {
    private func error(_ bytes: [UInt8]) throws -> TraceError {
        let scratch = ScratchDirectory()
        try writeBytes(bytes, scratch.file("x"))
        let caught = #expect(throws: TraceError.self) { try TraceReader(path: scratch.file("x")) }
        return try #require(caught)
    }

    @Test("an empty file")
    func empty() throws {
        guard case .empty = try error([]) else {
            _ = Issue.record("not named as empty")
            return
        }
    }

    @Test(
        "a file of another kind is named as that",
        arguments: [
            ("text", "hello, world\n"), ("text", "x"),
            ("a perf.data file", "PERFILE2\u{1}\u{0}\u{0}\u{0}\u{0}"),
        ])
    func foreign(name: String, contents: String) throws {
        guard case .notATrace(_, let looksLike) = try error(Array(contents.utf8)) else {
            _ = Issue.record("not named as foreign")
            return
        }
        #expect(looksLike == name)
    }

    @Test("random bytes")
    func noise() throws {
        var random = SeededGenerator(seed: 1)
        for length in [1, 3, 4, 16, 100, 5000] {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            guard case .notATrace = try error(bytes) else {
                _ = Issue.record("\(length) random bytes")
                return
            }
        }
    }

    @Test("a newer format version is named, with the version that can be read")
    func newer() throws {
        let scratch = ScratchDirectory()
        try write([], to: scratch.file())
        var bytes = try readBytes(scratch.file())
        bytes[Frame.versionOffset] = Frame.majorVersion + 1
        guard case .newerVersion(_, let found, let supported) = try error(bytes) else {
            _ = Issue.record("not named as newer")
            return
        }
        #expect(found == 2 && supported == 1)
    }

    @Test("every error is one line that names the file")
    func oneLine() throws {
        for bytes in [[], Array("text\n".utf8), Frame.start] {
            let line = try error(bytes).description
            #expect(!line.contains("\n") && line.contains("/x: offset "))
        }
    }
}

@Suite("Hostile lengths are refused before memory is taken")
struct HostileTests {
    /// A trace of one block whose header was changed and signed again.
    private func forge(_ change: (inout BlockHeader, inout [UInt8]) -> Void) throws -> TraceError? {
        let scratch = ScratchDirectory()
        let events = RandomEvents.plausible(300, pcpus: 1, seed: 6)
        var block = events.withUnsafeBufferPointer { BlockEncoder(level: .fast).encode($0, previous: 0) }
        change(&block.header, &block.payload)
        try write([], to: scratch.file("empty"))
        let empty = try InputFile(path: scratch.file("empty"))
        guard case .frame(let header) = try FrameFile(file: empty).frame(at: 0) else {
            Issue.record("an empty trace has no header frame")
            return nil
        }
        let bytes = try empty.read(header.length, at: 0)
        let frame = Frame.header(
            .block, offset: header.end, checkpoint: 0, body: block.header.bytes, payload: block.payload)
        try writeBytes(bytes + frame + block.payload, scratch.file())
        do {
            _ = try TraceReader(path: scratch.file()).events()
            return nil
        } catch let error as TraceError { return error }
    }

    @Test("a forged block with nothing forged reads")
    func control() throws { #expect(try forge { _, _ in } == nil) }

    @Test("a huge decompressed size", arguments: BlockHeader.Group.allCases.map(\.rawValue))
    func size(group: Int) throws {
        let error = try forge { header, _ in header.groups[group].decompressed = .max }
        guard case .damaged(_, _, let reason) = error else {
            _ = Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("4294967295"))
    }

    @Test("a decompressed size other than the frame's", arguments: BlockHeader.Group.allCases.map(\.rawValue))
    func otherSize(group: Int) throws {
        let error = try forge { header, _ in header.groups[group].decompressed ^= 1 }
        guard case .damaged = error else {
            _ = Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a compressed size beyond the payload", arguments: BlockHeader.Group.allCases.map(\.rawValue))
    func compressed(group: Int) throws {
        let error = try forge { header, _ in header.groups[group].compressed = .max }
        guard case .damaged = error else {
            _ = Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("more events than a block can have", arguments: [0, 65_537, UInt32.max])
    func events(count: UInt32) throws {
        let error = try forge { header, _ in header.events = count }
        guard case .damaged = error else {
            _ = Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a frame with a huge window instead of a single segment")
    func window() throws {
        let error = try forge { header, payload in
            // Magic, descriptor with checksum only, window descriptor of 2^41, one empty raw block.
            let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x04, 0xF8, 0x01, 0, 0, 0x99, 0xE9, 0xD8, 0x51]
            let old = Int(header.groups[0].compressed)
            header.groups[0].compressed = UInt32(frame.count)
            payload.replaceSubrange(0..<old, with: frame)
        }
        guard case .damaged(_, _, let reason) = error else {
            _ = Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("single-segment"))
    }

    @Test("frames that would expand to millions of lost records or names")
    func expansion() throws {
        let scratch = ScratchDirectory()
        try write([], to: scratch.file("empty"))
        let empty = try InputFile(path: scratch.file("empty"))
        guard case .frame(let header) = try FrameFile(file: empty).frame(at: 0) else {
            Issue.record("an empty trace has no header frame")
            return
        }
        let start = try empty.read(header.length, at: 0)
        let zeros = [UInt8](repeating: 0, count: 12 << 20)
        for (kind, count) in [(Frame.Kind.lost, zeros.count / 7), (.comms, zeros.count - 1)] {
            var payload: [UInt8] = []
            _ = ZstdCompressor(level: .fast).append(zeros, to: &payload)
            let frame = Frame.header(
                kind, offset: header.end, checkpoint: 0,
                body: ContentBody(decompressed: zeros.count, count: count).bytes, payload: payload)
            try writeBytes(start + frame + payload, scratch.file())
            let reader = try TraceReader(path: scratch.file())
            #expect(reader.damage.count == 1 && reader.lost.isEmpty && reader.comms.isEmpty)
            #expect(try !TraceVerification(path: scratch.file()).isGood)
        }
    }

    @Test("random changes to signed headers are refused, or change nothing that is read")
    func random() throws {
        var random = SeededGenerator(seed: 12)
        var refused = 0
        for _ in 0..<300 {
            let error = try forge { header, payload in
                for _ in 0...(random.next() & 3) {
                    switch random.next() & 3 {
                    case 0: header.groups[Int(random.next() % 6)].coding = UInt8(truncatingIfNeeded: random.next() & 7)
                    case 1: header.groups[Int(random.next() % 6)].decompressed = UInt32(random.next() & 0x7FF)
                    case 2: header.groups[Int(random.next() % 6)].compressed = UInt32(random.next() & 0x7FF)
                    default: payload[Int(random.next() % UInt64(payload.count))] ^= UInt8(1 << (random.next() & 7))
                    }
                }
            }
            if error != nil { refused += 1 }
        }
        #expect(refused >= 280, "\(refused) of 300 were refused")
    }

    @Test("random contents behind good checksums never crash the decoder")
    func fuzzedContents() throws {
        var random = SeededGenerator(seed: 99)
        let events = RandomEvents.plausible(100, pcpus: 1, seed: 6) + RandomEvents.wild(30, pcpus: 1, seed: 6)
        let block = events.withUnsafeBufferPointer { BlockEncoder(level: .fast).encode($0, previous: 0) }
        let compressor = ZstdCompressor(level: .fast)
        let zstd = ZstdDecompressor()
        var contents: [[UInt8]] = []
        var at = 0
        for group in BlockHeader.Group.allCases {
            let size = block.header.groups[group.rawValue]
            let frame = Array(block.payload[at..<at + Int(size.compressed)])
            contents.append(
                frame.isEmpty
                    ? []
                    : try frame.withUnsafeBytes { try zstd.decompress($0, size: Int(size.decompressed), what: "x") })
            at += Int(size.compressed)
        }
        let columns = BlockColumns()
        let decoder = BlockDecoder()
        var (decoded, refused) = (0, 0)
        for _ in 0..<1000 {
            var header = block.header
            var payload: [UInt8] = []
            let victim = Int(random.next() % 6)
            for group in BlockHeader.Group.allCases {
                var content = contents[group.rawValue]
                if group.rawValue == victim, !content.isEmpty {
                    for _ in 0...(random.next() & 3) {
                        content[Int(random.next() % UInt64(content.count))] = UInt8(truncatingIfNeeded: random.next())
                    }
                    if random.next() & 7 == 0 { content.removeLast(Int(random.next() % UInt64(content.count))) }
                }
                if content.isEmpty { continue }
                let size = compressor.append(content, to: &payload)
                header.groups[group.rawValue].compressed = UInt32(size)
                header.groups[group.rawValue].decompressed = UInt32(content.count)
            }
            // Either an error or events: each must be steppable.
            guard (try? payload.withUnsafeBytes { try decoder.decode(header, $0, into: columns) }) != nil else {
                refused += 1
                continue
            }
            decoded += 1
            var cursor = BlockCursor(columns)
            var steps = 0
            while !cursor.isAtEnd {
                _ = cursor.next()
                steps += 1
            }
            #expect(steps == events.count)
        }
        #expect(decoded > 100 && refused > 100, "\(decoded) decoded, \(refused) refused")
    }
}
