/// What the hardware can count of an event: so many a second, and so many more that were under way when a stretch of
/// time began and are counted in it.
public struct PhysicalLimit: Hashable, Sendable {
    public var perSecond: UInt64
    public var atOnce: UInt64

    public init(perSecond: UInt64, atOnce: UInt64 = 0) {
        self.perSecond = perSecond
        self.atOnce = atOnce
    }

    /// Instructions that a core of any model has between their issue and their retirement, at most: reorder buffers of
    /// up to 576 entries (Lion Cove), two fused instructions in each, and room.
    static let mostInFlight: UInt64 = 2048
    /// Requests that any model's core has under way at once, which an event counts anew in every cycle: line fill
    /// buffers, and the L2's queue.
    static let mostOutstanding: UInt64 = 128
    /// The largest increment of an event that takes two counters for its size: floating-point operations of one cycle.
    static let largestIncrement: UInt64 = 256
}

extension ProcessorModel {
    /// The most of `config` that a counter can count: per cycle of the fastest clock what its kind of event can do.
    public func physicalLimit(of config: UInt64) -> PhysicalLimit {
        let (perCycle, atOnce) = mostPerCycle(of: config)
        let (product, overflow) = perCycle.multipliedReportingOverflow(by: maxFrequency)
        return PhysicalLimit(perSecond: overflow ? .max : product, atOnce: atOnce)
    }

    private func mostPerCycle(of config: UInt64) -> (perCycle: UInt64, atOnce: UInt64) {
        let event = EventSelect(rawValue: config)
        // With a counter mask it goes up by one a cycle at most (SDM volume 3B, 20.2.1.1; APM volume 2, 13.2.1).
        if event.counterMask != 0 { return (1, 0) }
        let code = flavour == .intel ? config & 0xffff : config & 0xf_0000_ffff
        // Cycles of whatever clock, and cycles in which something holds.
        let clocks: [GenericEvent] = [.cycles, .refCycles, .busCycles, .stalledFrontend, .stalledBackend]
        if clocks.contains(where: { generic[$0] == code }) { return (1, 0) }
        // A branch that was mispredicted takes the next ones with it.
        if generic[.branchMisses] == code { return (1, 0) }
        if generic[.instructions] == code { return (maxEventsPerCycle, PhysicalLimit.mostInFlight) }
        return flavour == .intel ? intelPerCycle(code) : amdPerCycle(code)
    }

    private func intelPerCycle(_ code: UInt64) -> (perCycle: UInt64, atOnce: UInt64) {
        switch code {
        // LONGEST_LAT_CACHE: the L2 takes one request a cycle (Optimization Reference Manual, cache parameters).
        case 0x4f2e, 0x412e: (1, 0)
        default:
            switch code & 0xff {
            // CPU_CLK_UNHALTED, all its unit masks; 0x0300 and 0x0200 are the encodings of fixed counters.
            case 0x3c: (1, 0)
            case 0x00 where code == 0x0300 || code == 0x0200: (1, 0)
            case 0xc4: branches
            // L1D_PEND_MISS, page walks pending, OFFCORE_REQUESTS_OUTSTANDING: each cycle counts all that are under
            // way.
            case 0x48, 0x60, 0x20, 0x08, 0x49, 0x85, 0x12, 0x13, 0x11: (PhysicalLimit.mostOutstanding, 0)
            default: (maxEventsPerCycle, 0)
            }
        }
    }

    private func amdPerCycle(_ code: UInt64) -> (perCycle: UInt64, atOnce: UInt64) {
        switch code & 0xf_0000_00ff {
        case 0x76: (1, 0)
        // Retired branches, and those taken.
        case 0xc2, 0xc4: branches
        // What counts by more than 15 a cycle is no event of one counter (PPR, "Large Increment per Cycle Events").
        case 0x03: (PhysicalLimit.largestIncrement, 0)
        default: (maxEventsPerCycle, 0)
        }
    }

    private var branches: (perCycle: UInt64, atOnce: UInt64) {
        (branchesPerCycle ?? maxEventsPerCycle, PhysicalLimit.mostInFlight)
    }
}
