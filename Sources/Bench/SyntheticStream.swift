import Foundation
import Trace

/// A host made up: by default 200 vCPUs on 64 pCPUs, whose guests switch between tasks with several event sets, in the
/// order of register accesses that perf's own code makes.
///
/// It knows how much it could be compressed at best: every random choice adds its information, -log2 of its
/// probability, to `bits`.
struct SyntheticStream {
    let pcpus: Int
    let vcpus: Int
    /// Whose registers the guests use.
    let vendor: Vendor

    enum Vendor { case intel, amd }

    /// Information of all events so far, bits.
    private(set) var bits = 0.0
    private var random: UInt64
    private var clocks: [UInt64]
    private var next = 0
    private var burst: [TraceEvent] = []
    private var at = 0

    /// ns between the accesses of a burst: at least 120, beyond it geometrically distributed.
    private let inside = Geometric(mean: 150)
    /// ns between bursts on a pCPU.
    private let between = Geometric(mean: 100_000)

    init(seed: UInt64, pcpus: Int = 64, vcpus: Int = 200, vendor: Vendor = .intel) {
        self.vendor = vendor
        precondition(vcpus >= pcpus, "\(vcpus) vCPUs leave some of \(pcpus) pCPUs idle")
        random = seed
        self.pcpus = pcpus
        self.vcpus = vcpus
        clocks = [UInt64](repeating: 1_000_000_000, count: pcpus)
    }

    /// What a recorder would know of the host.
    var metadata: TraceMetadata {
        var metadata = TraceMetadata(source: "bench", tool: "vpmu bench", clock: "simulated")
        metadata.topology = (0..<pcpus).map { .init(id: $0, socket: $0 / 32, core: $0 / 2) }
        // A Skylake-SP, whose registers the guests use.
        metadata.processor = .init(vendor: "GenuineIntel", family: 6, model: 85, stepping: 4)
        metadata.processor?.modelName = "skylake-sp"
        metadata.kernel = "6.18.0"
        metadata.recordedPolicy = "emulated"
        metadata.tracepoints = ["kvm:kvm_msr"]
        return metadata
    }

    /// Whether the last event was the end of a task switch.
    var isBetweenBursts: Bool { at == burst.count }

    mutating func event() -> TraceEvent {
        if at == burst.count { makeBurst() }
        defer { at += 1 }
        return burst[at]
    }

    /// One task switch of one guest: counters of the old set read and stopped, those of the new set armed.
    private mutating func makeBurst() {
        burst.removeAll(keepingCapacity: true)
        at = 0
        let pcpu = next
        next = (next + 1) % pcpus
        let homed = (vcpus - pcpu + pcpus - 1) / pcpus
        let vcpu = pcpu + pcpus * choose(homed)
        let sets = vendor == .intel ? EventSet.all : EventSet.amd
        let out = sets[choose(sets.count)]
        let into = sets[choose(sets.count)]
        clocks[pcpu] += 1_000 + draw(between)
        func access(_ write: Bool, _ register: UInt32, _ data: UInt64) {
            if !burst.isEmpty { clocks[pcpu] += 120 + draw(inside) }
            burst.append(
                .kvmMSR(
                    time: clocks[pcpu], pcpu: UInt16(pcpu), pid: Int32(2_000 + vcpu), write: write, register: register,
                    data: data))
        }
        if vendor == .amd {
            // The core extension: PERF_CTLn and PERF_CTRn in turn, and nothing global.
            for counter in out.events.indices {
                access(true, 0xc001_0200 + 2 * UInt32(counter), out.events[counter] & ~(1 << 22))
                access(false, 0xc001_0201 + 2 * UInt32(counter), (1 << 48) - literal())
            }
            for counter in into.events.indices {
                access(true, 0xc001_0201 + 2 * UInt32(counter), (1 << 48) - literal())
                access(true, 0xc001_0200 + 2 * UInt32(counter), into.events[counter])
            }
            return
        }
        access(true, 0x38f, 0)
        for counter in out.events.indices {
            access(true, 0x186 + UInt32(counter), out.events[counter] & ~(1 << 22))
            access(false, 0xc1 + UInt32(counter), (1 << 48) - literal())
        }
        for counter in into.events.indices {
            access(true, 0x4c1 + UInt32(counter), (1 << 48) - literal())
            access(true, 0x186 + UInt32(counter), into.events[counter])
        }
        access(true, 0x38d, into.fixedControl)
        access(true, 0x38f, into.globalControl)
    }

    /// What is left of a period of 2^24 events.
    private mutating func literal() -> UInt64 {
        bits += 24
        return 1 + (word() & 0xff_ffff)
    }

    private mutating func choose(_ count: Int) -> Int {
        bits += log2(Double(count))
        return Int(word() % UInt64(count))
    }

    private mutating func draw(_ distribution: Geometric) -> UInt64 {
        let uniform = (Double(word() >> 11) + 0.5) * 0x1p-53
        let value = (log(uniform) / distribution.logFactor).rounded(.down)
        bits -= (log2(1 - distribution.factor) + value * distribution.logFactor * M_LOG2E)
        return UInt64(value)
    }

    private mutating func word() -> UInt64 {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return random
    }
}

/// P(k) = (1 - factor) factor^k.
private struct Geometric {
    let factor: Double
    let logFactor: Double

    init(mean: Double) {
        factor = mean / (mean + 1)
        logFactor = log(factor)
    }
}

/// What one task of a guest measures.
private struct EventSet {
    var events: [UInt64]
    var fixedControl: UInt64
    var globalControl: UInt64

    static let amd: [EventSet] = [
        EventSet(events: [0x53_00c0, 0x53_0076, 0x53_00c2, 0x53_00c3], fixedControl: 0, globalControl: 0),
        EventSet(events: [0x53_00c0, 0x53_0964, 0x53_0060], fixedControl: 0, globalControl: 0),
        EventSet(events: [0x53_0376, 0x53_00c0], fixedControl: 0, globalControl: 0),
        EventSet(events: [0x53_0040, 0x53_0041, 0x53_0045, 0x53_0076], fixedControl: 0, globalControl: 0),
    ]

    static let all: [EventSet] = [
        EventSet(events: [0x53_00c0, 0x53_003c, 0x53_00c4, 0x53_00c5], fixedControl: 0, globalControl: 0xf),
        EventSet(events: [0x53_00c0, 0x53_412e, 0x53_4f2e], fixedControl: 0xb, globalControl: 0x1_0000_0007),
        EventSet(events: [0x53_01d1, 0x53_20d1], fixedControl: 0xbb, globalControl: 0x3_0000_0003),
        EventSet(
            events: [0x53_0149, 0x53_1008, 0x53_01d0, 0x53_81d0], fixedControl: 0xb00, globalControl: 0x4_0000_000f),
    ]
}
