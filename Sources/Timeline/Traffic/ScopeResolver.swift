import PMU
import Policy

/// Narrows down in which of perf's four lists each holding's event is, section by section, to a fixed point.
///
/// Every kind of operation takes whole lists out and brings whole lists in, in a fixed order (`ctx_resched()`,
/// `perf_event_sched_in()`, `perf_rotate_context()`, kernel/events/core.c, v6.12). A section is compared with each
/// kind: which holdings were stopped, which survived, which were started and in what order. What no kind allows is
/// struck out.
struct ScopeResolver {
    private var stopped: [PerfLists] = []
    private var survived: [PerfLists] = []
    private var started: [PerfLists] = []
    private var stoppedUnion: [PerfLists] = []
    private var survivedUnion: [PerfLists] = []
    private var startedUnion: [PerfLists] = []
    var changed = false
    var reach: [UInt64: UInt64] = [:]
    /// When each holding's event came in, against others of its pCPU; -1 where it may have come in before the holding
    /// began.
    private var ranks: [Int32] = []
    /// Places among a section's stops whose event came in before the one that is stopped before it.
    private var overtakes: [Bool] = []

    /// What an operation may stop, leave alone and start.
    private struct Pattern {
        var stops: PerfLists
        var survivors: PerfLists
        var starts: PerfLists
        var kind: Kind = .reschedule
        enum Kind { case reschedule, period, removal }

        static let operations = [
            Pattern(stops: .all, survivors: [], starts: .all),
            Pattern(
                stops: [.taskPinned, .taskFlexible, .cpuFlexible], survivors: .cpuPinned,
                starts: [.taskPinned, .cpuFlexible, .taskFlexible]),
            Pattern(stops: .flexible, survivors: .pinned, starts: .flexible),
            Pattern(
                stops: .taskFlexible, survivors: [.cpuPinned, .taskPinned, .cpuFlexible], starts: .taskFlexible),
            Pattern(stops: .all, survivors: .all, starts: .all, kind: .period),
            Pattern(stops: .all, survivors: .all, starts: [], kind: .removal),
        ]
        static let arrivals = [
            Pattern(stops: .cpuFlexible, survivors: .cpuPinned, starts: [.taskPinned, .cpuFlexible, .taskFlexible]),
            Pattern(stops: [], survivors: .cpu, starts: .taskFlexible),
        ]
        static let departures = [Pattern(stops: .task, survivors: .cpu, starts: [])]
    }

    /// In which order the lists are taken out.
    private static let outOrder: [PerfLists] = [.taskPinned, .taskFlexible, .cpuPinned, .cpuFlexible]
    /// In which order the lists are brought in.
    private static let inOrder: [PerfLists] = [.cpuPinned, .taskPinned, .cpuFlexible, .taskFlexible]

    private init() {}

    static func resolve(_ reader: inout TrafficReader) {
        var resolver = ScopeResolver()
        resolver.reach = ScopeResolver.reach(reader)
        resolver.rank(reader)
        for _ in 0..<16 {
            resolver.changed = false
            resolver.pass(&reader)
            if !resolver.changed { break }
        }
    }

    /// A list's events go out in the order in which they came in (`__pmu_ctx_sched_out()`).
    private mutating func rank(_ reader: TrafficReader) {
        ranks = reader.holdings.indices.map { reader.holdings[$0].wasBefore ? -1 : Int32($0) }
        for section in reader.sections where !section.stops.isEmpty {
            let most = min(section.stops.count, section.starts.count)
            guard let moved = (0...most).last(where: { moves(reader, section, $0) }) else { continue }
            for start in section.starts.prefix(moved) { ranks[Int(start)] = -1 }
        }
    }

    private mutating func pass(_ reader: inout TrafficReader) {
        var open: [[Int32]] = reader.pcpus.map { _ in [] }
        for (index, holding) in reader.holdings.enumerated() where holding.wasBefore {
            open[Int(holding.pcpu)].append(Int32(index))
        }
        for section in reader.sections.indices {
            let p = Int(reader.sections[section].pcpu)
            for holding in reader.sections[section].stops { open[p].removeAll { $0 == holding } }
            open[p].removeAll { reader.holdings[Int($0)].end?.event ?? .max < reader.sections[section].event }
            judge(&reader, section, survivors: open[p])
            let survivors = open[p]
            open[p] += reader.sections[section].starts
            var busy: UInt64 = 0
            for holding in open[p] { busy |= reader.holdings[Int(holding)].counter.bit }
            link(&reader, reader.sections[section], survivors: survivors, busy: busy)
        }
    }

    private mutating func judge(_ reader: inout TrafficReader, _ index: Int, survivors: [Int32]) {
        let section = reader.sections[index]
        if section.stops.isEmpty && section.starts.isEmpty || section.isBothWays { return }
        let count = section.stops.count
        reset(&stoppedUnion, count)
        reset(&survivedUnion, survivors.count)
        reset(&startedUnion, section.starts.count)
        overtakes.removeAll(keepingCapacity: true)
        for (place, stop) in section.stops.enumerated() {
            let last = place > 0 ? ranks[Int(section.stops[place - 1])] : -1
            overtakes.append(last >= 0 && ranks[Int(stop)] >= 0 && ranks[Int(stop)] < last)
        }
        var matched = false
        func consider(_ pattern: Pattern, ofCPU: Bool) {
            switch pattern.kind {
            case .period:
                guard count == 1, section.starts.count == 1 else { return }
                if tryPeriod(reader, section, survivors, ofCPU: ofCPU) { matched = true }
            case .removal:
                guard section.starts.isEmpty else { return }
                if tryRemoval(reader, section, survivors, ofCPU: ofCPU) { matched = true }
            case .reschedule:
                for moved in 0...count {
                    guard moves(reader, section, moved) else { continue }
                    if tryPattern(reader, section, survivors, pattern, moved: moved, ofCPU: ofCPU) { matched = true }
                }
            }
        }
        switch section.phase {
        case .switchOut: for pattern in Pattern.departures { consider(pattern, ofCPU: false) }
        case .switchBack:
            for pattern in Pattern.departures { consider(pattern, ofCPU: false) }
            for pattern in Pattern.operations { consider(pattern, ofCPU: true) }
        case .switchIn:
            if !section.threadHasNoEvents { for pattern in Pattern.arrivals { consider(pattern, ofCPU: false) } }
            for pattern in Pattern.operations { consider(pattern, ofCPU: true) }
        case .handOver: return
        case .operation: for pattern in Pattern.operations { consider(pattern, ofCPU: section.threadHasNoEvents) }
        }
        guard matched else { return }
        apply(&reader, section.stops, stoppedUnion)
        apply(&reader, survivors, survivedUnion)
        apply(&reader, section.starts, startedUnion)
    }

    /// Whether the last `moved` stops can be events that only changed their counter: those restart first, in order.
    private func moves(_ reader: TrafficReader, _ section: PMUSection, _ moved: Int) -> Bool {
        guard moved <= section.starts.count else { return false }
        let first = section.stops.count - moved
        for place in 0..<moved {
            let from = reader.holdings[Int(section.stops[first + place])]
            let to = reader.holdings[Int(section.starts[place])]
            if from.config != to.config || from.exclusion != to.exclusion { return false }
        }
        return true
    }

    private mutating func tryPattern(
        _ reader: TrafficReader, _ section: PMUSection, _ survivors: [Int32], _ pattern: Pattern, moved: Int,
        ofCPU: Bool
    ) -> Bool {
        let limit: PerfLists = ofCPU ? .cpu : .all
        let startLimit: PerfLists = section.threadHasNoEvents ? .cpu : .all
        let out = section.stops.count - moved
        load(reader, section, survivors)
        for place in stopped.indices {
            stopped[place].formIntersection(limit)
            stopped[place].formIntersection(place < out ? pattern.stops : pattern.survivors)
        }
        for place in survived.indices {
            survived[place].formIntersection(limit)
            survived[place].formIntersection(pattern.survivors)
        }
        for place in started.indices {
            started[place].formIntersection(startLimit)
            if place >= moved {
                started[place].formIntersection(pattern.starts)
            } else {
                let both = started[place].intersection(stopped[out + place])
                started[place] = both
                stopped[out + place] = both
            }
        }
        ScopeResolver.order(&stopped, 0..<out, ScopeResolver.outOrder, apart: overtakes)
        ScopeResolver.order(&started, moved..<started.count, ScopeResolver.inOrder, apart: [])
        return unite()
    }

    private mutating func tryPeriod(
        _ reader: TrafficReader, _ section: PMUSection, _ survivors: [Int32], ofCPU: Bool
    ) -> Bool {
        let from = reader.holdings[Int(section.stops[0])]
        let to = reader.holdings[Int(section.starts[0])]
        guard from.counter == to.counter, from.config == to.config, from.exclusion == to.exclusion else {
            return false
        }
        load(reader, section, survivors)
        restrict(ofCPU)
        let both = stopped[0].intersection(started[0])
        stopped[0] = both
        started[0] = both
        return unite()
    }

    /// One event or one group goes: all of one list.
    private mutating func tryRemoval(
        _ reader: TrafficReader, _ section: PMUSection, _ survivors: [Int32], ofCPU: Bool
    ) -> Bool {
        load(reader, section, survivors)
        restrict(ofCPU)
        var common = PerfLists.all
        for lists in stopped { common.formIntersection(lists) }
        for place in stopped.indices { stopped[place] = common }
        return unite()
    }

    private mutating func restrict(_ ofCPU: Bool) {
        guard ofCPU else { return }
        for place in stopped.indices { stopped[place].formIntersection(.cpu) }
        for place in survived.indices { survived[place].formIntersection(.cpu) }
    }

    /// Strikes out what cannot stand in a sequence that runs through `lists` in order.
    /// - Parameter apart: places that are in a later list than the place before them.
    private static func order(
        _ column: inout [PerfLists], _ range: Range<Int>, _ lists: [PerfLists], apart: [Bool]
    ) {
        func isApart(_ place: Int) -> Bool { place > range.lowerBound && place < apart.count && apart[place] }
        var least = 0
        for place in range {
            if isApart(place) { least += 1 }
            while least < lists.count, column[place].isDisjoint(with: lists[least]) {
                least += 1
            }
            if least >= lists.count {
                column[place] = []
                return
            }
            for rank in 0..<least { column[place].subtract(lists[rank]) }
        }
        var greatest = lists.count - 1
        for place in range.reversed() {
            while greatest >= 0, column[place].isDisjoint(with: lists[greatest]) {
                greatest -= 1
            }
            if greatest < 0 {
                column[place] = []
                return
            }
            for rank in greatest + 1..<lists.count { column[place].subtract(lists[rank]) }
            if isApart(place) { greatest -= 1 }
        }
    }

    private mutating func load(_ reader: TrafficReader, _ section: PMUSection, _ survivors: [Int32]) {
        stopped.removeAll(keepingCapacity: true)
        survived.removeAll(keepingCapacity: true)
        started.removeAll(keepingCapacity: true)
        for holding in section.stops { stopped.append(reader.holdings[Int(holding)].lists) }
        for holding in survivors { survived.append(reader.holdings[Int(holding)].lists) }
        for holding in section.starts { started.append(reader.holdings[Int(holding)].lists) }
    }

    private mutating func unite() -> Bool {
        if stopped.contains([]) || survived.contains([]) || started.contains([]) { return false }
        for place in stopped.indices { stoppedUnion[place].formUnion(stopped[place]) }
        for place in survived.indices { survivedUnion[place].formUnion(survived[place]) }
        for place in started.indices { startedUnion[place].formUnion(started[place]) }
        return true
    }

    private func reset(_ column: inout [PerfLists], _ count: Int) {
        column.removeAll(keepingCapacity: true)
        for _ in 0..<count { column.append([]) }
    }

    private mutating func apply(_ reader: inout TrafficReader, _ holdings: [Int32], _ lists: [PerfLists]) {
        for (holding, lists) in zip(holdings, lists) where reader.holdings[Int(holding)].lists != lists {
            reader.holdings[Int(holding)].lists.formIntersection(lists)
            changed = true
        }
    }
}
