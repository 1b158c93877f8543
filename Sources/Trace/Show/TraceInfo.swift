/// What `vpmu info` tells of a trace; encoded, it is the JSON that `info.schema.json` describes.
public struct TraceInfo: Sendable {
    /// Raised only when a field changes its meaning or goes away; fields may be added under the same number.
    public static let schemaVersion = 1

    public struct Access: Sendable, Equatable, Encodable {
        public enum Direction: String, Sendable, Encodable { case read, write }
        public var register: UInt32
        public var direction: Direction
        /// The access raised #GP in the guest.
        public var exception: Bool
        public var count: UInt64
    }

    public struct Lost: Sendable, Equatable {
        /// Records known to be lost.
        public var total: UInt64
        /// There was loss whose number the source did not tell: `total` is a lower bound.
        public var isLowerBound: Bool
        public var byCPU: [UInt16: UInt64]
        /// By tracepoint, as far as known.
        public var byTracepoint: [EventKind: UInt64]
        public var granularity: TraceMetadata.LossGranularity
    }

    /// A thread that ran a vCPU.
    public struct VCPU: Sendable, Equatable, Encodable {
        public var thread: Int32
        public var vm: String?
        public var process: Int32?
        /// The vCPU's id inside its VM.
        public var vcpu: Int
        /// What the identity rests on.
        public var source: ThreadAttribution.Source
        /// Guest accesses of the thread.
        public var accesses: UInt64
    }

    public var path: String
    public var size: UInt64
    public var isComplete: Bool
    public var unfinishedTail: TraceDamage?
    public var damage: [TraceDamage]
    public var blocks: Int
    public var timeRange: ClosedRange<UInt64>?
    public var pcpus: [UInt16]
    public var records: [EventKind: UInt64]
    public var accesses: [Access]
    /// `accesses` and the threads are not all, because there are too many different ones.
    public var isCapped: Bool
    public var lost: Lost
    public var vcpus: [VCPU]
    /// Guest accesses (`kvm_msr` records) of threads that nothing ties to a vCPU, and those threads.
    public var unattributed: UInt64
    public var unattributedThreads: [Int32]
    public var metadata: TraceMetadata

    /// Decodes nothing of a finished trace, unless a thread is known by nothing but its name in `sched_switch`.
    public init(_ reader: TraceReader) throws {
        path = reader.path
        size = reader.size
        isComplete = reader.isComplete
        unfinishedTail = reader.unfinishedTail
        damage = reader.damage
        blocks = reader.blocks.count
        timeRange = reader.timeRange
        pcpus = reader.pcpus
        metadata = reader.metadata
        lost = Lost(reader.lost, granularity: reader.metadata.lossGranularity)
        let summary = try reader.summary()
        records = Dictionary(uniqueKeysWithValues: EventKind.allCases.map { ($0, summary.records($0)) })
        accesses = summary.accesses.sorted { $0.key < $1.key }.map { access, count in
            Access(
                register: access.register, direction: access.write ? .write : .read, exception: access.exception,
                count: count)
        }
        isCapped = summary.isCapped
        let threads = try Attributed(reader, summary)
        vcpus = threads.vcpus
        unattributed = threads.unattributed
        unattributedThreads = threads.unattributedThreads
    }
}

extension TraceInfo.Lost {
    init(_ records: [LostRecords], granularity: TraceMetadata.LossGranularity) {
        self.init(total: 0, isLowerBound: false, byCPU: [:], byTracepoint: [:], granularity: granularity)
        for record in records {
            guard let count = record.count else {
                isLowerBound = true
                byCPU[record.pcpu, default: 0] += 0
                continue
            }
            let sum = total.addingSaturated(count)
            isLowerBound = isLowerBound || sum - total != count
            total = sum
            byCPU[record.pcpu] = byCPU[record.pcpu, default: 0].addingSaturated(count)
            if let kind = record.kind { byTracepoint[kind] = byTracepoint[kind, default: 0].addingSaturated(count) }
        }
    }
}

/// The threads of the summary, each with its vCPU where something tells.
private struct Attributed {
    var vcpus: [TraceInfo.VCPU] = []
    var unattributed: UInt64 = 0
    var unattributedThreads: [Int32] = []

    init(_ reader: TraceReader, _ summary: TraceSummary) throws {
        var unresolved: [Int32: UInt64] = [:]
        var known = ThreadAttribution(threads: reader.metadata.threads, comms: [])
        for (pid, use) in summary.threads.sorted(by: { $0.key < $1.key }) {
            for vcpu in use.vcpus.map({
                $0.lowerBound == $0.upperBound ? [$0.lowerBound] : [$0.lowerBound, $0.upperBound]
            })
                ?? []
            {
                known.observe(.kvmEntry(time: 0, pcpu: 0, pid: pid, vcpu: vcpu))
            }
            if let vcpu = known.vcpu(of: pid, at: 0) {
                add(vcpu, use.accesses)
            } else {
                unresolved[pid] = use.accesses
            }
        }
        guard !unresolved.isEmpty else { return }
        if reader.comms.contains(where: { ThreadAttribution.vcpuIndex(ofThreadNamed: $0) != nil }) {
            try resolve(&unresolved, reader)
        }
        for (pid, accesses) in unresolved.sorted(by: { $0.key < $1.key }) where accesses > 0 {
            unattributed += accesses
            unattributedThreads.append(pid)
        }
    }

    private mutating func add(_ vcpu: ThreadAttribution.VCPU, _ accesses: UInt64) {
        vcpus.append(
            .init(
                thread: vcpu.thread, vm: vcpu.vm, process: vcpu.process, vcpu: vcpu.index, source: vcpu.source,
                accesses: accesses))
    }

    /// Reads the whole trace for the names of threads.
    private mutating func resolve(_ unresolved: inout [Int32: UInt64], _ reader: TraceReader) throws {
        var attribution = ThreadAttribution(threads: reader.metadata.threads, comms: reader.comms)
        try reader.forEachEvent { event, _ in attribution.observe(event) }
        var found: [ThreadAttribution.VCPU: UInt64] = [:]
        try reader.forEachEvent { event, _ in
            guard event.kind == .kvmMSR, unresolved[event.pid] != nil,
                let vcpu = attribution.vcpu(of: event.pid, at: event.time)
            else { return }
            found[vcpu, default: 0] += 1
            unresolved[event.pid]! -= 1
        }
        for (vcpu, accesses) in found.sorted(by: { ($0.key.thread, $0.key.since) < ($1.key.thread, $1.key.since) }) {
            add(vcpu, accesses)
        }
        vcpus.sort { $0.thread < $1.thread }
    }
}
