import Trace

/// What optional sources tell beside the counters' own traffic: who asked for perf events, who held some at the start,
/// and which interrupts guests were given. No replay rests on it; it says whom to ask about what the trace cannot show.
public struct Witnesses: Sendable, Equatable {
    /// Calls of perf_event_open(2), in order. Which event was asked for stands behind a pointer: no record shows it,
    /// nor its priority, nor whether it leaves guests out.
    public private(set) var opens: [Open] = []
    /// Calls beyond those that are kept.
    public private(set) var moreOpens: UInt64 = 0
    /// Who held events when the recording began; nil where nobody looked.
    public private(set) var holders: TraceMetadata.PerfEventHolders?
    /// Interrupts by vCPU thread and APIC, in the order of their first.
    public private(set) var deliveries: [Delivery] = []

    public struct Open: Sendable, Equatable {
        public var time: UInt64
        public var thread: Int32
        /// The thread's name, nil where no record tells it.
        public var comm: String?
        /// As the caller gave them.
        public var target: Int32
        public var cpu: Int32
        public var groupFD: Int32
        public var flags: UInt64
    }

    /// What one thread gave one APIC.
    public struct Delivery: Sendable, Equatable {
        public var thread: Int32
        public var apic: UInt32
        /// The vCPU that the thread runs, nil where it is none or the APIC is another's.
        public var vcpu: ThreadAttribution.VCPU?
        /// Times of the NMIs.
        public var nmis: [UInt64] = []
        /// Other interrupts, by vector.
        public var vectors: [UInt8: UInt64] = [:]
        var first: UInt64
    }

    private static let mostOpens = 65_536
    private var places: [UInt64: Int] = [:]

    public init() {}

    /// Records of the kind say nothing that counts rest on.
    static func isTestimony(_ kind: EventKind) -> Bool { kind == .perfEventOpen || kind == .acceptIRQ }

    mutating func take(_ event: TraceEvent) {
        switch event.kind {
        case .perfEventOpen:
            guard opens.count < Self.mostOpens else {
                moreOpens += 1
                return
            }
            opens.append(
                Open(
                    time: event.time, thread: event.pid, comm: nil, target: event.openTarget, cpu: event.openCPU,
                    groupFD: event.openGroupFD, flags: event.value))
        case .acceptIRQ:
            let key = UInt64(UInt32(bitPattern: event.pid)) << 32 | UInt64(event.a)
            let place = places[key] ?? deliveries.count
            if place == deliveries.count {
                places[key] = place
                deliveries.append(Delivery(thread: event.pid, apic: event.a, first: event.time))
            }
            if event.isNMIDelivery {
                deliveries[place].nmis.append(event.time)
            } else {
                deliveries[place].vectors[event.vector, default: 0] += 1
            }
        default: break
        }
    }

    /// With what is known once the whole trace was read. KVM names an APIC by its vCPU's id, so a vCPU's own thread is
    /// known by having it.
    func completed(_ metadata: TraceMetadata, _ attribution: ThreadAttribution) -> Witnesses {
        var all = self
        all.holders = metadata.perfEventHolders
        for place in all.opens.indices {
            all.opens[place].comm = attribution.name(of: opens[place].thread, at: opens[place].time)
        }
        for place in all.deliveries.indices {
            let vcpu = attribution.vcpu(of: deliveries[place].thread, at: deliveries[place].first)
            if let vcpu, vcpu.index == Int(deliveries[place].apic) { all.deliveries[place].vcpu = vcpu }
        }
        return all
    }
}
