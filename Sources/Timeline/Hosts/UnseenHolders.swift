import Host
import PMU
import Policy

/// Counters that somebody holds from before the trace to its end without a single access: an event of a pCPU that is
/// pinned is taken off by nothing but others of its kind.
///
/// What shows them is where others go. A new event has no counter that it was on last, so all events of the pCPU are
/// placed anew, each on the lowest counter that is free for it, fixed ones first (`x86_schedule_events()`,
/// `perf_assign_events()`, arch/x86/events/core.c, v6.12). A counter that was passed over then, and that the trace
/// never shows in use, is somebody's. Where an event is moved to another counter all were placed anew as well: those
/// that can stay are left where they are.
struct UnseenHolders {
    /// By pCPU, the counters.
    private(set) var held: [UInt64]
    /// By pCPU, the counters that the trace shows in use.
    private(set) var used: [UInt64]

    /// - Parameters:
    ///   - threads: whether cores have more than one, whose exclusive events bar counters to each other.
    ///   - arrivals: the switch by which each thread came first. Its event that starts at a later one is new; at that
    ///     one it may have been there before, and know its counter.
    init(
        _ reader: TrafficReader, _ hosts: HostEventInference, model: ProcessorModel, rules: PolicyRules,
        threads: CoreThreads, arrivals: [Int32: UInt64]
    ) {
        used = [UInt64](repeating: 0, count: reader.pcpus.count)
        held = used
        for holding in reader.holdings { used[Int(holding.pcpu)] |= holding.counter.bit }
        // Elsewhere a counter may be passed over for other reasons.
        guard rules.reservations.isEmpty, threads == .one || !model.rules.contains(.hyperthreadErratum),
            rules.allGuestRules.allSatisfy({ $0.availability == .everything && $0.access != .mediated })
        else { return }
        var known: Set<Origin> = []
        for section in reader.sections {
            var isPlacedAnew = false
            for start in section.starts {
                let holding = reader.holdings[Int(start)]
                let candidate = hosts.candidateOf[Int(start)]
                let origin =
                    candidate >= 0 ? Origin.host(candidate) : .guest(thread: holding.thread, config: holding.config)
                if section.phase != .handOver, UnseenHolders.moves(reader, hosts, section, start) {
                    isPlacedAnew = true
                }
                let comesLater =
                    section.phase == .switchIn && section.switchEvent > arrivals[holding.thread] ?? .max
                guard known.insert(origin).inserted, section.phase == .operation || comesLater, !holding.handOver,
                    candidate < 0 || !hosts.candidates[Int(candidate)].wasBefore
                else { continue }
                isPlacedAnew = true
            }
            // Whoever is started along with it was placed along with it.
            for start in section.starts where isPlacedAnew {
                let p = Int(section.pcpu)
                held[p] |= UnseenHolders.passedOver(reader.holdings[Int(start)], model) & ~used[p]
            }
        }
    }

    enum CoreThreads { case one, several }

    private enum Origin: Hashable {
        case host(Int32)
        case guest(thread: Int32, config: UInt64)
    }

    /// Whether an event of the host was stopped on another counter in the section that starts it.
    private static func moves(
        _ reader: TrafficReader, _ hosts: HostEventInference, _ section: PMUSection, _ start: Int32
    ) -> Bool {
        let candidate = hosts.candidateOf[Int(start)]
        return candidate >= 0
            && section.stops.contains { stop in
                hosts.candidateOf[Int(stop)] == candidate
                    && reader.holdings[Int(stop)].counter != reader.holdings[Int(start)].counter
            }
    }

    private static func passedOver(_ holding: Holding, _ model: ProcessorModel) -> UInt64 {
        let constraint = model.constraint(for: holding.config)
        guard constraint.kind == .plain, constraint.mask & holding.counter.bit != 0 else { return 0 }
        let fixed = constraint.mask & model.fixedMask
        if holding.counter.isFixed { return fixed & (holding.counter.bit - 1) }
        return fixed | constraint.mask & model.gpMask & (holding.counter.bit - 1)
    }

    /// The counter of a watchdog that makes no traffic: the first for its event that the trace does not show in use. It
    /// is there since the host came up, when all were free.
    func watchdog(pcpu: Int, config: UInt64, model: ProcessorModel) -> Counter? {
        let mask = model.constraint(for: config).mask & ~(used.indices.contains(pcpu) ? used[pcpu] : 0)
        let fixed = mask & model.fixedMask
        let bits = fixed != 0 ? fixed : mask & model.gpMask
        return bits == 0 ? nil : Counter(index: UInt8(bits.trailingZeroBitCount))
    }

    /// Which counters are given first: fixed ones, then by number.
    static func order(_ counter: Counter) -> Int { counter.isFixed ? counter.number : 64 + counter.number }

    /// What is known of an event there: on a fixed counter, which; on another, nothing.
    static func config(on counter: Counter) -> UInt64 {
        counter.isFixed
            ? TrafficShape.fixedConfig(counter.number, nibble: 0x3) : EventSelect.user | EventSelect.os
    }
}
