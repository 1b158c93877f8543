import Foundation
import PolicyFile
import Replay
import Testing
import Timeline
import Trace

/// Traces whose form is good and whose contents are absurd: times at both ends of what a number holds, processors of no
/// maker, registers and values at random. Reading them may say nothing useful; it may not end the process, nor take for
/// ever.
@Suite("Traces with absurd contents")
struct HostileTraceTests {
    private static let seeds: Range<UInt64> = {
        let count = ProcessInfo.processInfo.environment["VPMU_HOSTILE_SEEDS"].flatMap(UInt64.init) ?? 12
        return 0..<count
    }()

    @Test("are replayed under every preset, in memory and from the file", arguments: seeds)
    func replay(_ seed: UInt64) throws {
        let trace = HostileTrace(seed: seed)
        let timeline = Timeline(trace.buffer)
        let policies = try PolicyCatalogue.all()
        for rules in policies { _ = Replayer.replay(timeline, under: rules) }
        for checkpoints in [1, 8] {
            _ = try Replayer.replay(timeline, under: PlayedPolicy(.emulated), checkpoints: checkpoints)
        }
        _ = SelfReplay.check(timeline)
        let path = NSTemporaryDirectory() + "vpmu-hostile-\(UUID().uuidString)"
        defer { unlink(path) }
        try trace.write(to: path)
        let reader = try TraceReader(path: path)
        _ = try Replayer.replay(reader, under: policies.map { PlayedPolicy($0) }, threads: 2)
        _ = try TraceInfo(reader).text()
    }
}

/// One such trace, the same for the same seed.
struct HostileTrace {
    private(set) var buffer: TraceBuffer
    private var random: Random

    init(seed: UInt64) {
        var random = Random(state: seed)
        var metadata = TraceMetadata(
            source: "test", tool: "test", clock: random.pick(["simulated", "monotonic", "order", ""]))
        Self.describe(&metadata, &random)
        buffer = TraceBuffer(metadata: metadata)
        self.random = random
        for name in ["CPU 0/KVM", "vcpu1", "", "swapper/0", "CPU 16383/KVM"] { _ = buffer.comm(name) }
        fill()
    }

    func write(to path: String) throws {
        let writer = try TraceWriter(path: path, metadata: buffer.metadata)
        for comm in buffer.comms { _ = writer.comm(comm) }
        for event in buffer.events { try writer.append(event) }
        for lost in buffer.lost { try writer.append(lost) }
        try writer.finish()
    }

    private static func describe(_ metadata: inout TraceMetadata, _ random: inout Random) {
        metadata.kernel = random.pick([nil, "6.18.44", "5.4.0", "999999999999.99", "x.y", ""])
        metadata.recordedPolicy = random.pick([nil, "emulated", "mediated", "none", "x"])
        metadata.muxIntervalMilliseconds = random.pick([nil, 0, 1, 4, .max])
        metadata.nmiWatchdog = random.pick([nil, true, false])
        metadata.begin = random.pick([nil, nil, 0, .max])
        metadata.end = random.pick([nil, nil, 0, .max])
        metadata.exits = random.pick([nil, "none", "full", "summary"])
        if random.below(3) > 0 {
            var processor = TraceMetadata.Processor(
                vendor: random.pick(["GenuineIntel", "AuthenticAMD", "x"]), family: random.word, model: random.word,
                stepping: 0)
            if random.below(2) == 0 { (processor.family, processor.model) = random.pick([(6, 85), (6, 143), (25, 1)]) }
            processor.leaf0A = random.pick([
                nil, [], [random.word, random.word, random.word, random.word], [0x0730_0802, 0, 7, 0x603],
            ])
            processor.leaf80000022 = random.pick([
                nil, [1], [random.word, random.word, random.word, random.word], [1, 6, 0, 0],
            ])
            processor.perfCapabilities = random.pick([nil, random.value])
            processor.modelName = random.pick([nil, "skylake-sp", "zen2", "x"])
            metadata.processor = processor
        }
        metadata.topology = (0..<random.below(4)).map { _ in
            .init(id: random.integer, socket: random.integer, core: random.integer)
        }
        metadata.threads = (0..<random.below(4)).map { _ in
            .init(
                tid: random.thread, pid: random.pick([nil, 0, -1, 90]), comm: random.pick(["", "CPU 0/KVM", "a"]),
                vm: random.pick([nil, "", "db", "a/b"]), vcpu: random.pick([nil, 0, 1, -1, .max, .min]))
        }
        metadata.kvmParameters = ["kvm.enable_pmu": random.pick(["Y", "", "x"]), "kvm_intel.nested": "Y"]
    }

    private mutating func fill() {
        let span = random.pick([0, 1, 6, 7, 1_000, 1_000_000, 1_000_000_000, UInt64.max / 300, .max])
        let count = 1 + random.below(400)
        let base = random.pick([0, 1, 1_000_000_000, UInt64.max - span])
        let lowest: UInt16 = random.pick([0, 0, 0, 300])
        let most = random.pick([1, 2, 4, 60])
        var times = (0..<count).map { _ in span == .max ? random.value : base + random.next() % (span + 1) }
        times.sort()
        for time in times { buffer.append(event(time, lowest + UInt16(random.below(most)))) }
        for _ in 0..<random.below(4) {
            let (one, other) = (random.pick(times), random.pick(times))
            buffer.append(
                LostRecords(
                    pcpu: lowest + UInt16(random.below(most)), kind: random.pick([nil, .kvmMSR, .writeMSR]),
                    count: random.pick([nil, 0, 7, .max]), earliest: min(one, other), latest: max(one, other)))
        }
    }

    private mutating func event(_ time: UInt64, _ pcpu: UInt16) -> TraceEvent {
        let kind = random.pick(EventKind.allCases)
        var event = TraceEvent(
            time: time, pcpu: pcpu, pid: random.thread, kind: kind, flags: random.pick([0, 0, 0, 0x40, 0x08, 0xff]))
        switch kind {
        case .kvmMSR, .writeMSR, .readMSR:
            event.a = random.register
            event.b = random.pick([0, 1, 2, 3]) & (kind == .kvmMSR ? 3 : 1)
            event.value = random.value
        case .rdpmc:
            event.a = random.pick([0, 1, 7, 0x4000_0000, 0x4000_0003, 0x2000_0000, random.word])
            event.value = random.value
        case .kvmEntry:
            event.a = random.pick([0, 1, 2, .max])
            event.value = random.value
        case .kvmExit:
            event.a = random.pick([0, 1, 2, .max])
            event.b = random.pick([15, 0x6f, 31, 32, random.word])
            event.isa = random.pick([0, 1, 2, 3])
            event.value2 = random.value
            event.value3 = random.value
        case .schedSwitch:
            event.a = UInt32(bitPattern: random.thread)
            event.value = random.pick([0, 1, 0x10, 0x20, random.value])
            event.value2 = UInt64(random.below(6)) | UInt64(random.below(6)) << 32
            event.value3 = random.value
        default:
            event.a = random.pick([UInt32(bitPattern: random.thread), random.word])
            event.b = random.word
            event.value = random.value
            event.value2 = random.value
            event.value3 = random.value
        }
        return event
    }

    /// SplitMix64 with a taste for the ends of what a number holds.
    struct Random {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }

        mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
        mutating func pick<T>(_ list: [T]) -> T { list[below(list.count)] }
        var word: UInt32 { mutating get { pick([0, 1, .max, UInt32(truncatingIfNeeded: next()), 0xff]) } }
        var integer: Int { mutating get { pick([0, 1, 2, -1, .max, .min, 70_000]) } }
        var thread: Int32 { mutating get { pick([0, 100, 101, 102, 200, 201, -1, .max, .min]) } }
        /// Of counters, selects, controls, and whatever.
        var register: UInt32 {
            mutating get {
                switch below(8) {
                case 0: 0x186 + UInt32(below(8))
                case 1: 0xc1 + UInt32(below(8))
                case 2: pick([0x38d, 0x38e, 0x38f, 0x390, 0x391, 0x392, 0x3f1, 0x1d9, 0x345, 0x600])
                case 3: 0x309 + UInt32(below(4))
                case 4: 0xc001_0200 + UInt32(below(12))
                case 5: pick([0xc000_0300, 0xc000_0301, 0xc000_0302, 0xc001_0000, 0xc001_0004])
                case 6: 0x4c1 + UInt32(below(8))
                default: word
                }
            }
        }
        var value: UInt64 {
            mutating get {
                switch below(6) {
                case 0: pick([0, 1, .max, 1 << 63, 1 << 48, (1 << 48) - 1])
                case 1: 0x53_003c
                case 2: 0x43_00c0 | next() & 0xffff | next() & 3 << 40
                case 3: (1 << 48) - next() % 1_000_000
                case 4: next() % 16
                default: next()
                }
            }
        }
    }
}
