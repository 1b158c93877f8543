import Testing

@testable import Trace

@Suite("The fast decoder and a reader written after FORMAT.md agree")
struct ReferenceTests {
    /// A trace of one pCPU, so that blocks in file order are the events in order.
    private func check(_ events: [TraceEvent], _ level: TraceLevel, blockSize: Int = 3000) throws -> Set<String> {
        let scratch = ScratchDirectory()
        var options = smallBlocks(blockSize)
        options.level = level
        options.blockSpan = nil
        try write(events, to: scratch.file(), comms: ["a", "", "CPU 0/KVM"], options: options)
        let reference = try ReferenceReader(try readBytes(scratch.file()))
        #expect(reference.blocks.flatMap { $0 } == events)
        #expect(reference.comms == ["a", "", "CPU 0/KVM"])
        #expect(try TraceReader(path: scratch.file()).events() == events)
        return reference.codings
    }

    @Test("on plausible events", arguments: TraceLevel.allCases)
    func plausible(level: TraceLevel) throws {
        _ = try check(RandomEvents.plausible(8000, pcpus: 1, seed: 31), level)
    }

    @Test("on wild events", arguments: TraceLevel.allCases)
    func wild(level: TraceLevel) throws {
        _ = try check(RandomEvents.wild(4000, pcpus: 1, seed: 32), level)
    }

    @Test("and every coding of times and counter values occurs")
    func codings() throws {
        var random = SeededGenerator(seed: 33)
        var time: UInt64 = 0
        func events(_ count: Int, step: (Int) -> UInt64, value: (Int) -> UInt64) -> [TraceEvent] {
            (0..<count).map { i in
                time += step(i)
                return .host(
                    .writeMSR, time: time, pcpu: 0, pid: 1, register: 0xC1 + UInt32(i % 4), value: value(i))
            }
        }
        var seen: Set<String> = []
        var recent: [UInt64] = [1, 2, 3]
        for level in TraceLevel.allCases {
            // Steps that depend on the register; values with few high parts.
            seen.formUnion(
                try check(
                    events(
                        2000, step: { [100, 9000, 250, 70_000][$0 % 4] + random.next() % 32 },
                        value: { _ in (1 << 48) - random.next() % (1 << 27) }), level))
            // Steps that depend on nothing; values that repeat.
            seen.formUnion(
                try check(
                    events(
                        2000, step: { _ in random.next() % 777 },
                        value: { i in
                            if i % 3 == 0 { recent.append(random.next() >> (level == .fast ? 20 : 38)) }
                            return recent[recent.count - 1 - Int(random.next() % 3)]
                        }), level))
            // Values with any high part.
            seen.formUnion(try check(events(2000, step: { _ in 5 }, value: { _ in random.next() }), level))
            // Values with one high part.
            seen.formUnion(try check(events(2000, step: { _ in 5 }, value: { _ in random.next() & 0xFF_FFFF }), level))
        }
        #expect(
            seen.isSuperset(of: [
                "times 0", "times 1", "times 2", "low 3", "low 19", "high 0", "high 1", "high 128", "high 129",
            ]))
    }

    @Test(
        "on the traces of the project", arguments: ["error-cascade", "agent-starves-guest", "guest-perf-record-intel"])
    func committed(name: String) throws {
        let path = "\(#filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 })/Traces/\(name).vpt"
        let reference = try ReferenceReader(try readBytes(path))
        let reader = try TraceReader(path: path)
        #expect(merged(reference.blocks.flatMap { $0 }) == (try reader.events()))
        #expect(try TraceVerification(path: path).isGood)
    }
}
