import PMU
import Policy

/// Events that stop and start in one section are the same ones where nobody else can have taken their place: what one
/// holding tells of its lists then holds for the next.
///
/// An event that is put out is tried again before the section ends. It stays out only where no counter is left for it
/// or for its group (`merge_sched_in()`, kernel/events/core.c, v6.12), so that one of its kind which comes in while a
/// counter that it could use stays free is the event itself.
extension ScopeResolver {
    /// The counters on which each config was seen: it may use these at least.
    static func reach(_ reader: TrafficReader) -> [UInt64: UInt64] {
        var reach: [UInt64: UInt64] = [:]
        for holding in reader.holdings { reach[holding.config, default: 0] |= holding.counter.bit }
        // AMD's large increments take the next counter, too, and no register shows it.
        if reader.shape.flavour != .intel {
            for config in reach.keys where config & 0xf_0000_00ff == 0x03 {
                reach = [:]
                break
            }
        }
        return reach
    }

    /// Takes over what the stops of a section tell of its starts and the other way round.
    /// - Parameters:
    ///   - survivors: holdings that were open before it and stay so.
    ///   - busy: the counters in use after it.
    mutating func link(_ reader: inout TrafficReader, _ section: PMUSection, survivors: [Int32], busy: UInt64) {
        if section.stops.isEmpty || section.starts.isEmpty || section.isBothWays { return }
        // What stops the last counter there and what starts the next may be two operations' doing.
        if reader.shape.flavour == .amdCoreExt, survivors.isEmpty { return }
        func isOpen(_ holding: Int32) -> Bool { reader.holdings[Int(holding)].lists.side == .either }
        guard section.stops.contains(where: isOpen) || section.starts.contains(where: isOpen) else { return }
        // Who may not have come back: of its kind came more or fewer, or had no room. With it goes its group.
        var doubted: PerfLists = []
        for stop in section.stops {
            let one = reader.holdings[Int(stop)]
            if one.exclusion == .host { continue }
            let out = section.stops.count { isAlike(reader.holdings[Int($0)], one) }
            let back = section.starts.count { isAlike(reader.holdings[Int($0)], one) }
            if out != back || (reach[one.config] ?? 0) & ~busy == 0 { doubted.formUnion(one.lists) }
        }
        for (place, stop) in section.stops.enumerated() {
            let one = reader.holdings[Int(stop)]
            if one.exclusion == .host { continue }
            if section.stops[..<place].contains(where: { isAlike(reader.holdings[Int($0)], one) }) { continue }
            let out = section.stops.filter { isAlike(reader.holdings[Int($0)], one) }
            if out.contains(where: { !reader.holdings[Int($0)].lists.isDisjoint(with: doubted) }) { continue }
            unite(&reader, out, section.starts.filter { isAlike(reader.holdings[Int($0)], one) })
        }
    }

    private func isAlike(_ a: Holding, _ b: Holding) -> Bool { a.config == b.config && a.exclusion == b.exclusion }

    private mutating func unite(_ reader: inout TrafficReader, _ out: [Int32], _ back: [Int32]) {
        var before: PerfLists = []
        var after: PerfLists = []
        for holding in out { before.formUnion(reader.holdings[Int(holding)].lists) }
        for holding in back { after.formUnion(reader.holdings[Int(holding)].lists) }
        for holding in out { narrow(&reader, holding, after) }
        for holding in back { narrow(&reader, holding, before) }
    }

    private mutating func narrow(_ reader: inout TrafficReader, _ holding: Int32, _ lists: PerfLists) {
        let narrowed = reader.holdings[Int(holding)].lists.intersection(lists)
        if narrowed.isEmpty || narrowed == reader.holdings[Int(holding)].lists { return }
        reader.holdings[Int(holding)].lists = narrowed
        changed = true
    }
}
