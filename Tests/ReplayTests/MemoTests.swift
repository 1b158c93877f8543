import Foundation
import PMU
import Policy
import PolicyFile
import Testing
import Timeline
import Trace

@testable import Replay

/// The plain way is the machine, which plays every operation in the trace's order; what is remembered, and what each
/// pCPU does at a stretch, must give its tables.
@Suite("What a replay remembers makes no difference")
struct MemoTests {
    /// More through `VPMU_STREAM_SEEDS`.
    private static let seeds = UInt64(
        ProcessInfo.processInfo.environment["VPMU_STREAM_SEEDS"].flatMap { Int($0) } ?? 6)

    private static let policies: [PolicyRules] = {
        let files = (try? Files.policies()) ?? []
        return ((try? PolicyCatalogue.all()) ?? []) + files
    }()

    @Test(
        "of guests that write what they like into their PMU, under every policy", arguments: RandomGuests.Habit.allCases
    )
    func same(habit: RandomGuests.Habit) throws {
        #expect(Self.policies.count > 12)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("memo-\(UUID().uuidString).vpt").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        for seed in 1...Self.seeds {
            var guests = RandomGuests(seed: seed, habit)
            try guests.write(1_200, to: file)
            let reader = try TraceReader(path: file)
            let stream = try #require(try DemandStream(reader), "seed \(seed) is not streamed")
            // A third of them at a time; the next seeds have the others.
            let policies = Self.policies.enumerated().filter { $0.offset % 3 == Int(seed) % 3 }.map(\.element)
            let machine = try Replayer.replay(stream, under: policies, threads: 1, memo: .off, order: .merged)
            let played: [(String, Replayer.MemoUse, Replayer.Order)] = [
                ("all that there is room for, pCPU by pCPU", .on, .byPCPU), ("all of it, in order", .on, .merged),
                ("little, pCPU by pCPU", .atMost(30), .byPCPU),
            ]
            for (what, memo, order) in played {
                let tables = try Replayer.replay(stream, under: policies, threads: 2, memo: memo, order: order)
                for (table, plain) in zip(tables, machine) where table != plain {
                    Issue.record("seed \(seed), \(habit), remembering \(what): \(plain.policy) differs")
                }
            }
            if seed == 1 { #expect(machine == Replayer.replay(try Timeline(reader), under: policies, threads: 1)) }
        }
    }

    @Test("of events that are like one another only one is learnt")
    func alike() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("memo-\(UUID().uuidString).vpt").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let metadata = TraceMetadata(source: "test", tool: "test", clock: "simulated")
        let writer = try TraceWriter(path: file, metadata: metadata, options: .init(existing: .replace))
        for number in UInt64(0)..<400 {
            // Always another event, in a counter that stops in between.
            for (place, value) in [0x43_1000 + number << 8 % 0x1_0000 + number % 200, 0].enumerated() {
                try writer.append(
                    .kvmMSR(
                        time: 1_000_000 + number * 1_000 + UInt64(place) * 400, pcpu: 0, pid: 7, write: true,
                        register: 0x186, data: value & 0x43_ffff))
            }
        }
        try writer.finish()
        let stream = try #require(try DemandStream(try TraceReader(path: file)))
        var replayer = Replayer(timeline: stream.timeline, rules: .emulated)
        replayer.machine.scheduler.eventIDs = .reused
        replayer.sayings = [[]]
        let memo = try #require(CellMemo(replayer))
        var walk = stream.lanes()
        let batch = LaneBatch()
        while case .filled = try walk.fill(batch) { memo.play(&replayer, batch) }
        #expect(memo.cells.count < 20)
        #expect(memo.answers.count < 30)
    }
}

/// Guests that program their counters at random, out of few values, so that states come again.
struct RandomGuests {
    /// What is seen of them.
    enum Habit: String, CaseIterable, Sendable {
        /// One access after the other, on few pCPUs.
        case accesses
        /// Their threads are switched, and move.
        case switched
        /// The same, with entries and exits.
        case entered
    }

    private var random: UInt64
    private let habit: Habit
    private let pcpus: Int
    private let vcpus: Int
    private let model: ProcessorModel
    private let kernel: String
    private let isHeard: Bool
    private let watchdog: Bool
    private var time: UInt64 = 1_000_000
    /// Per pCPU the vCPU on it, -1 for none; per vCPU its pCPU.
    private var current: [Int]
    private var place: [Int]

    init(seed: UInt64, _ habit: Habit) {
        random = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        self.habit = habit
        pcpus = 1 + Int(seed % 3)
        vcpus = 1 + Int(seed / 3 % 4)
        let models: [ProcessorModel] = [.skylakeSP, .iceLakeSP, .zen2, .zen4, .zen1, .sapphireRapids]
        model = models[Int(seed) % models.count]
        kernel = ["6.12.29", "6.12.29", "5.17.3", "5.4.0"][Int(seed / 2) % 4]
        isHeard = seed % 5 != 0
        watchdog = seed % 2 == 0
        current = .init(repeating: -1, count: pcpus)
        place = .init(repeating: -1, count: vcpus)
    }

    private mutating func below(_ bound: Int) -> Int {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return Int(random >> 11) % bound
    }

    /// Writes a trace of about `count` accesses.
    mutating func write(_ count: Int, to file: String) throws {
        var metadata = TraceMetadata(source: "test", tool: "test", clock: "simulated")
        metadata.processor = .init(vendor: "", family: 0, model: 0, stepping: 0)
        metadata.processor?.modelName = model.name
        metadata.kernel = kernel
        metadata.nmiWatchdog = watchdog
        metadata.recordedPolicy = isHeard ? "emulated" : "none"
        metadata.muxIntervalMilliseconds = 1
        metadata.topology = (0..<pcpus).map { .init(id: $0, socket: 0, core: $0) }
        metadata.threads = (0..<vcpus).map { vcpu in
            .init(tid: Int32(100 + vcpu), pid: Int32(90 + vcpu / 2), comm: "CPU \(vcpu % 2)/KVM", vcpu: vcpu % 2)
        }
        var options = TraceWriter.Options(existing: .replace)
        options.eventsPerBlock = 60 + below(400)
        let writer = try TraceWriter(path: file, metadata: metadata, options: options)
        for _ in 0..<count { try step(writer) }
        try writer.finish()
    }

    private mutating func step(_ writer: TraceWriter) throws {
        time += UInt64(100 + below(20_000))
        if below(400) == 0 { time += 3_000_000 }
        let pcpu = below(pcpus)
        if habit == .accesses {
            // A vCPU that is seen elsewhere has moved.
            let vcpu = current[pcpu] >= 0 && below(40) != 0 ? current[pcpu] : below(vcpus)
            current[pcpu] = vcpu
            try access(writer, pcpu, vcpu)
            return
        }
        if current[pcpu] < 0 || below(30) == 0 {
            let old = current[pcpu]
            var next = below(vcpus + 1) - 1
            if next >= 0, place[next] >= 0 { next = -1 }
            try writer.append(
                .schedSwitch(
                    time: time, pcpu: UInt16(pcpu), prev: old >= 0 ? Int32(100 + old) : 5,
                    next: next >= 0 ? Int32(100 + next) : 5))
            if old >= 0 { place[old] = -1 }
            if next >= 0 { place[next] = pcpu }
            current[pcpu] = next
            return
        }
        try access(writer, pcpu, current[pcpu])
    }

    private mutating func access(_ writer: TraceWriter, _ pcpu: Int, _ vcpu: Int) throws {
        let (cpu, pid) = (UInt16(pcpu), Int32(100 + vcpu))
        if habit == .entered {
            try writer.append(
                .kvmExit(time: time, pcpu: cpu, pid: pid, vcpu: UInt32(vcpu % 2), reason: below(8) == 0 ? 15 : 32))
            time += 100
        }
        let (register, value) = model.flavour == .intel ? intel() : amd()
        try writer.append(
            .kvmMSR(
                time: time, pcpu: cpu, pid: pid, write: below(4) != 0, register: register, data: value,
                exception: !isHeard || below(60) == 0))
        if habit == .entered, below(10) != 0 {
            time += 100
            try writer.append(.kvmEntry(time: time, pcpu: cpu, pid: pid, vcpu: UInt32(vcpu % 2)))
        }
    }

    private mutating func select() -> UInt64 {
        let events: [UInt64] = [0xc0, 0x3c, 0x412e, 0x01d1, 0x76, 0x0964, 0xc2, 0x1b0, 0x0148]
        let control: [UInt64] = [0x43_0000, 0x53_0000, 0x13_0000, 0x41_0000, 0]
        let value = events[below(events.count)] | control[below(control.count)]
        switch below(40) {
        case 0: return 0
        case 1: return value | 1 << 21
        case 2: return UInt64(below(1 << 20)) | 0x43_0000
        default: return value
        }
    }

    private mutating func counter() -> UInt64 {
        below(10) == 0 ? UInt64(below(1 << 30)) << 30 : (1 << 48) - 1 - UInt64(below(1 << 24))
    }

    private mutating func intel() -> (UInt32, UInt64) {
        let number = UInt32(below(model.gp + 1))
        switch below(20) {
        case 0..<9: return (0x186 + number, select())
        case 9..<12: return (0xc1 + number, counter())
        case 12..<14: return (0x4c1 + number, counter())
        case 14: return (0x309 + UInt32(below(4)), counter())
        case 15, 16: return (0x38d, [0, 0xb, 0xbb, 0xb0b, 0x333, 0xf][below(6)])
        case 17: return (0x38f, [0, 0x1, 0xf, 0x7_0000_000f, 0x3_0000_0003, 1 << 40][below(6)])
        case 18: return (0x390, [1, 0xf, 1 << 63][below(3)])
        default: return ([0x3f1, 0x1d9, 0x38e, 0x10][below(4)], UInt64(below(3)))
        }
    }

    private mutating func amd() -> (UInt32, UInt64) {
        let number = UInt32(below(model.gp))
        switch below(20) {
        case 0..<11: return (0xc001_0200 + 2 * number, select())
        case 11..<15: return (0xc001_0201 + 2 * number, counter())
        case 15: return (0xc001_0000 + UInt32(below(4)), select())
        case 16: return (0xc001_0004 + UInt32(below(4)), counter())
        case 17, 18: return (0xc000_0301, [0, 0x3f, 0x3, 0xff][below(4)])
        default: return ([0xc000_0300, 0xc000_0302, 0x186, 0x10][below(4)], UInt64(below(3)))
        }
    }
}
