import FoundationEssentials
import Glibc

@testable import Trace

/// SplitMix64: the same numbers on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A directory for one test, removed with the last reference.
final class ScratchDirectory {
    let path: String
    init() {
        var template = Array("/tmp/vpmu-test-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template)!)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    func file(_ name: String = "trace.vpt") -> String { "\(path)/\(name)" }
}

func readBytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }
func writeBytes(_ bytes: [UInt8], _ path: String) throws { try Data(bytes).write(to: URL(filePath: path)) }

enum RandomEvents {
    /// Events with every field drawn at random, all kinds; times rise on each pCPU.
    static func wild(_ count: Int, pcpus: UInt16, seed: UInt64) -> [TraceEvent] {
        var random = SeededGenerator(seed: seed)
        var times = [UInt64](repeating: 0, count: Int(pcpus))
        return (0..<count).map { _ in
            let pcpu = UInt16.random(in: 0..<pcpus, using: &random)
            times[Int(pcpu)] += [0, 1, 300, 1 << 20, 1 << 40].randomElement(using: &random)!
            func number() -> UInt64 {
                let word = random.next()
                return [0, word & 0xFF, word, 1 << 48 &- word & 0xFFFF_FFFF].randomElement(using: &random)!
            }
            return TraceEvent(
                time: times[Int(pcpu)], pcpu: pcpu, pid: Int32(truncatingIfNeeded: number()),
                kind: EventKind.allCases.randomElement(using: &random)!, flags: UInt8(truncatingIfNeeded: number()),
                a: UInt32(truncatingIfNeeded: number()), b: UInt32(truncatingIfNeeded: number()), value: number(),
                value2: number(), value3: number(), isa: UInt8(truncatingIfNeeded: number()))
        }
    }

    /// Events as a host makes them: bursts of counter traffic around context switches and exits.
    static func plausible(_ count: Int, pcpus: UInt16, seed: UInt64) -> [TraceEvent] {
        var random = SeededGenerator(seed: seed)
        var events: [TraceEvent] = []
        var time: UInt64 = 1_000_000
        while events.count < count {
            let pcpu = UInt16.random(in: 0..<pcpus, using: &random)
            let pid = 1000 + Int32(pcpu) * 10 + Int32.random(in: 0..<3, using: &random)
            func step() -> UInt64 {
                time += UInt64.random(in: 40..<400, using: &random)
                return time
            }
            time += UInt64.random(in: 0..<50_000, using: &random)
            events.append(.schedSwitch(time: step(), pcpu: pcpu, prev: 0, next: pid, prevComm: 0, nextComm: 1))
            events.append(.host(.writeMSR, time: step(), pcpu: pcpu, pid: pid, register: 0x38F, value: 0))
            for counter in 0..<UInt32(4) {
                let left = random.next() & 0x7FFF_FFFF
                events.append(
                    .host(.rdpmc, time: step(), pcpu: pcpu, pid: pid, register: counter, value: random.next() >> 20))
                events.append(
                    .host(
                        .writeMSR, time: step(), pcpu: pcpu, pid: pid, register: 0xC1 + counter,
                        value: (1 << 48) - left))
                events.append(
                    .host(.writeMSR, time: step(), pcpu: pcpu, pid: pid, register: 0x186 + counter, value: 0x5300C0))
            }
            events.append(
                .kvmExit(
                    time: step(), pcpu: pcpu, pid: pid, vcpu: UInt32(pid % 10), reason: 31,
                    rip: 0xFFFF_FFFF_8100_0000 | random.next() & 0xFFFF))
            events.append(
                .kvmMSR(
                    time: step(), pcpu: pcpu, pid: pid, write: true, register: 0x186, data: 0x5300C0,
                    exception: random.next() & 7 == 0))
            events.append(.kvmEntry(time: step(), pcpu: pcpu, pid: pid, vcpu: UInt32(pid % 10)))
        }
        return Array(events.prefix(count))
    }
}

/// The order that readers promise: time (never less than a pCPU reached before), pCPU, order on the pCPU.
func merged(_ events: [TraceEvent]) -> [TraceEvent] {
    var reached: [UInt16: UInt64] = [:]
    let keyed = events.enumerated().map { index, event in
        let key = max(reached[event.pcpu] ?? 0, event.time)
        reached[event.pcpu] = key
        return (key, event.pcpu, index, event)
    }
    return keyed.sorted { ($0.0, $0.1, $0.2) < ($1.0, $1.1, $1.2) }.map(\.3)
}

func metadata() -> TraceMetadata {
    var metadata = TraceMetadata(source: "test", tool: "vpmu test", clock: "simulated")
    metadata.kernel = "6.18.0"
    return metadata
}

/// Writes `events` and finishes.
@discardableResult
func write(
    _ events: [TraceEvent], to path: String, lost: [LostRecords] = [], comms: [String] = [],
    options: TraceWriter.Options = .init()
) throws -> TraceWriter {
    let writer = try TraceWriter(path: path, metadata: metadata(), options: options)
    for comm in comms { _ = writer.comm(comm) }
    for event in events { try writer.append(event) }
    for record in lost { try writer.append(record) }
    try writer.finish()
    return writer
}

func smallBlocks(_ events: Int, perCheckpoint: Int = 4) -> TraceWriter.Options {
    var options = TraceWriter.Options()
    options.eventsPerBlock = events
    options.blocksPerCheckpoint = perCheckpoint
    return options
}
