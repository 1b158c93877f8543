import PMU
import Policy
import Trace

/// From holdings to the host events that made them: which holdings are one event, when it came and went.
///
/// perf has no tracepoint for events, so an event is what keeps its config, exclusion and context, and goes on at the
/// value it was stopped at. A stop with no start beside it is somebody's disable or removal; a stop beside starts is
/// displacement; a section that only reorders flexible events is a tick of the multiplexing timer.
struct HostEventInference {
    struct Candidate: Sendable {
        var pcpu: Int32
        var thread: Int32
        /// Which use of the thread's id it is.
        var use: Int
        var config: UInt64
        var exclusion: EventSpec.Exclusion
        var exclusionKnown: Bool
        var lists: PerfLists
        /// The value it was armed with first; nil if it was there before the trace.
        var armed: UInt64?
        var steps: [Step] = []
        /// It was on its counter before the trace began.
        var wasBefore = false
        /// The counter that it was on then.
        var counterBefore: Counter?
        /// Where its first start stood relative to a task switch.
        var firstPhase = PMUSection.Phase.operation
        var holdings = 0
        /// Whether it lost its counter to others and got one again later.
        var wasDisplaced = false
        /// The user says whose it is, which the trace leaves open.
        var isSettled = false
        /// `lists` speaks for every holding. It does not where holdings of which the traffic tells more and less were
        /// put together without a value that went on from one to the other: they may be two events'.
        var listsHoldThroughout = true
        /// Whether one thread alone was current when the event was started.
        var hasOneThread = true
        var running = false
        var value: UInt64?
        /// `value` is not one that a period begins with: the event counted since.
        var hasCounted = false
        var stoppedIn: Int32 = -1
        var stopWasAlone = false
        var removed = false
    }

    /// What somebody did to the event, at the trace event `event`.
    struct Step: Sendable {
        var time: UInt64
        var event: UInt64
        var pcpu: Int32
        var kind: Kind
        enum Kind: Sendable, Equatable {
            case install
            case enable
            case disable
            case remove
            case period(UInt64)
        }
    }

    struct Tick: Sendable {
        var time: UInt64
        var event: UInt64
        var pcpu: Int32
    }

    var candidates: [Candidate] = []
    private(set) var ticks: [Tick] = []
    /// Candidates of one place that got their first counters together, in the order of their starts: a group, or
    /// events that waited for the same moment.
    private(set) var cohorts: [[Int]] = []
    private var inCohorts: Set<Int> = []
    /// Candidates that were started for the first time ahead of others that only came back: a new event is the last of
    /// its list (`perf_event_groups_insert()`, kernel/events/core.c, v6.12), so that the others are in a later one,
    /// unless the first had waited.
    private(set) var overtakings: [(newcomer: Int, other: Int)] = []
    /// The candidate behind each holding, -1 for a guest's.
    var candidateOf: [Int32] = []
    /// Candidates that a holding may belong to: idle then, and nothing the section shows rules them out. Holdings one
    /// after the other mostly share one list.
    private var idle: [Int32: [Int32]] = [:]
    private var lastIdle: [Key: [Int32]] = [:]
    var byKey: [Key: [Int32]] = [:]
    /// Starts of the section at hand that go on at the value of one event.
    var claims: [(start: Int32, candidate: Int)] = []
    var lastMove: [Int: UInt64] = [:]
    private var lastInstall: [Int: (time: UInt64, event: UInt64)] = [:]
    let interval: UInt64
    let clock: Clock
    let attribution: ThreadAttribution

    struct Key: Hashable {
        var config: UInt64
        var exclusion: EventSpec.Exclusion
    }

    /// - Parameters:
    ///   - interval: of the multiplexing timer, ns.
    ///   - guests: for each holding, whether it belongs to a vCPU's own counter.
    ///   - attribution: tells uses of one thread id apart: a thread's events end with it (`perf_event_exit_task()`,
    ///     kernel/events/core.c, v6.12).
    init(
        _ reader: TrafficReader, interval: UInt64, clock: Clock, guests: [Bool], attribution: ThreadAttribution
    ) {
        self.interval = interval
        self.clock = clock
        self.attribution = attribution
        candidateOf = [Int32](repeating: -1, count: reader.holdings.count)
        let adopted = reader.holdings.indices.filter { reader.holdings[$0].wasBefore && !guests[$0] }
        for holding in HostEventInference.oldestFirst(adopted, reader) { begin(reader, holding, section: nil) }
        for (number, section) in reader.sections.enumerated() {
            take(reader, section, Int32(number), guests)
        }
        settleStops(reader)
    }

    /// Holdings from before the trace in the order in which their events came: by the counter, since events placed
    /// together go to the first that is free for them (`UnseenHolders.order`); and those that are stopped together in
    /// the order of their stops, which is that in which they were scheduled in (`pinned_active`, `flexible_active`,
    /// kernel/events/core.c, v6.12).
    private static func oldestFirst(_ holdings: [Int], _ reader: TrafficReader) -> [Int] {
        var order = holdings.sorted {
            UnseenHolders.order(reader.holdings[$0].counter) < UnseenHolders.order(reader.holdings[$1].counter)
        }
        for section in reader.sections {
            let stopped = section.stops.map { Int($0) }.filter { reader.holdings[$0].wasBefore && order.contains($0) }
            guard stopped.count > 1 else { continue }
            let places = order.indices.filter { stopped.contains(order[$0]) }
            for (place, holding) in zip(places, stopped) { order[place] = holding }
        }
        return order
    }

    private mutating func take(_ reader: TrafficReader, _ section: PMUSection, _ number: Int32, _ guests: [Bool]) {
        let isIdleTick = endsTurn(section)
        let startsNothing = section.starts.isEmpty && !isIdleTick
        for stop in section.stops where !guests[Int(stop)] {
            let candidate = Int(candidateOf[Int(stop)])
            guard candidate >= 0 else { continue }
            candidates[candidate].running = false
            let stopped = reader.holdings[Int(stop)]
            candidates[candidate].value = stopped.drained
            if stopped.armed != nil, stopped.armed != stopped.drained { candidates[candidate].hasCounted = true }
            candidates[candidate].stoppedIn = number
            candidates[candidate].stopWasAlone = startsNothing && section.phase == .operation
        }
        for start in section.starts where !guests[Int(start)] { noteIdle(reader, start) }
        claim(reader, section, number, guests)
        var fresh: [Int] = []
        var hasGuest = section.stops.contains { guests[Int($0)] }
        var moves = 0
        for start in section.starts {
            if guests[Int(start)] {
                hasGuest = true
                continue
            }
            let holding = reader.holdings[Int(start)]
            if let known = claims.first(where: { $0.start == start })?.candidate ?? match(holding, number, .any) {
                candidateOf[Int(start)] = Int32(known)
                restart(reader, known, holding, section, number)
                moves += 1
            } else {
                fresh.append(candidates.count)
                begin(reader, Int(start), section: section)
            }
        }
        noteCohort(fresh)
        noteOvertakings(section, number, fresh)
        let p = Int(section.pcpu)
        defer { if !section.starts.isEmpty || !section.stops.isEmpty { lastMove[p, default: 0] = section.time } }
        if section.phase == .switchIn, !section.threadHasNoEvents {
            // A switch installs nothing: a pCPU's event that starts here for the first time has waited.
            backdate(fresh.filter { !candidates[$0].lists.isTask }, p)
        }
        guard section.phase == .operation, !hasGuest || section.inInterrupt else { return }
        let lost = section.stops.contains { stop in
            let candidate = candidateOf[Int(stop)]
            return candidate >= 0 && !candidates[Int(candidate)].running
        }
        let onTimer = isOnTimer(section)
        if isIdleTick {
            ticks.append(Tick(time: section.time, event: section.event, pcpu: section.pcpu))
        } else if fresh.isEmpty {
            if section.inInterrupt, section.stops.isEmpty, section.starts.isEmpty {
                if onTimer {
                    // The timer moved the order of events that all have to wait.
                    ticks.append(Tick(time: section.time, event: section.event, pcpu: section.pcpu))
                } else {
                    // Another CPU asked for something here, and nothing came of it yet.
                    lastInstall[p] = (section.time, section.event)
                }
            }
            if moves > 0, !stepsAt(section) {
                if onTimer, !keepsOrder(section) {
                    ticks.append(Tick(time: section.time, event: section.event, pcpu: section.pcpu))
                } else if !hasGuest {
                    // Everything went out and came back: somebody new did not fit, and waits for a tick.
                    lastInstall[p] = (section.time, section.event)
                }
            }
        } else if lost, onTimer {
            // Somebody waited for this tick without ever having run.
            ticks.append(Tick(time: section.time, event: section.event, pcpu: section.pcpu))
            backdate(fresh, p)
            return
        }
        if !fresh.isEmpty { lastInstall[p] = (section.time, section.event) }
    }

    /// Whether the multiplexing timer took a turn away and nobody could use it: what waits in front does not fit.
    private func endsTurn(_ section: PMUSection) -> Bool {
        guard section.starts.isEmpty, !section.stops.isEmpty, section.phase == .operation, isOnTimer(section) else {
            return false
        }
        let stopped = Set(section.stops.map { candidateOf[Int($0)] })
        if stopped.contains(where: { $0 < 0 || candidates[Int($0)].lists.isPinned }) { return false }
        return candidates.indices.contains { index in
            let one = candidates[index]
            return one.pcpu == section.pcpu && !one.running && !one.stopWasAlone && one.stoppedIn >= 0
                && !one.lists.isPinned && !stopped.contains(Int32(index))
        }
    }

    private mutating func noteCohort(_ fresh: [Int]) {
        for first in fresh where !inCohorts.contains(first) {
            let alike = fresh.filter { $0 >= first && !candidates[$0].lists.isDisjoint(with: candidates[first].lists) }
            guard alike.count > 1 else { continue }
            cohorts.append(alike)
            inCohorts.formUnion(alike)
        }
    }

    private mutating func noteOvertakings(_ section: PMUSection, _ number: Int32, _ fresh: [Int]) {
        guard section.phase == .operation, !fresh.isEmpty else { return }
        var newcomers: [Int] = []
        for start in section.starts {
            let candidate = Int(candidateOf[Int(start)])
            if candidate < 0 { continue }
            if fresh.contains(candidate) {
                newcomers.append(candidate)
            } else if candidates[candidate].stoppedIn == number {
                for newcomer in newcomers { overtakings.append((newcomer, candidate)) }
            }
        }
    }

    private mutating func backdate(_ fresh: [Int], _ p: Int) {
        guard let previous = lastInstall[p] else { return }
        for candidate in fresh {
            candidates[candidate].steps[0].time = previous.time
            candidates[candidate].steps[0].event = previous.event
            candidates[candidate].firstPhase = .operation
        }
    }

    /// Whether several events that are no one's group came back as they went: a tick would have put the first of them
    /// last.
    private func keepsOrder(_ section: PMUSection) -> Bool {
        let stopped = section.stops.map { candidateOf[Int($0)] }
        guard stopped.count > 1, stopped == section.starts.map({ candidateOf[Int($0)] }) else { return false }
        return !stopped.contains { $0 < 0 } && !inCohorts.contains(Int(stopped[0]))
    }

    private func stepsAt(_ section: PMUSection) -> Bool {
        section.starts.contains { start in
            let candidate = candidateOf[Int(start)]
            return candidate >= 0 && candidates[Int(candidate)].steps.last?.event == section.event
        }
    }

    /// Whether the multiplexing timer may have fired: it does on a grid of its interval from the clock's zero
    /// (`MuxTimer`), never early. Of another clock only the distance from the last change is known.
    private func isOnTimer(_ section: PMUSection) -> Bool {
        guard interval > 0 else { return false }
        let slack = interval / 50
        if clock == .timers { return section.time % interval <= slack }
        guard let last = lastMove[Int(section.pcpu)], section.time > last else { return false }
        let rest = (section.time - last) % interval
        return min(rest, interval - rest) <= slack
    }

    /// Whether the trace's clock is the one that timers run on.
    enum Clock: Sendable { case timers, other }

    private mutating func begin(_ reader: TrafficReader, _ index: Int, section: PMUSection?) {
        let holding = reader.holdings[index]
        let event = section?.event ?? 0
        let number = Int32(candidates.count)
        candidateOf[index] = number
        candidates.append(
            Candidate(
                pcpu: holding.pcpu, thread: holding.thread,
                use: attribution.use(of: holding.thread, at: holding.begin.time), config: holding.config,
                exclusion: holding.exclusion,
                exclusionKnown: holding.exclusionKnown, lists: holding.lists, armed: holding.armed,
                steps: [Step(time: holding.begin.time, event: event, pcpu: holding.pcpu, kind: .install)],
                wasBefore: section == nil, counterBefore: section == nil ? holding.counter : nil,
                firstPhase: section?.phase ?? .operation, holdings: 1, running: true))
        byKey[Key(config: holding.config, exclusion: holding.exclusion), default: []].append(number)
    }

    /// Candidates that may be behind a holding in the place of its own: those alone that the traffic tells apart from
    /// it at another time, by whose they are. Events of one config, exclusion and scope have nothing to be told by.
    func rivals(of holding: Int32) -> [Int] {
        guard let idle = idle[holding], candidateOf[Int(holding)] >= 0 else { return [] }
        let scope = scope(of: candidates[Int(candidateOf[Int(holding)])])
        return idle.filter { self.scope(of: candidates[Int($0)]) != scope }.map(Int.init)
    }

    /// Notes who could go on with a holding: the value of a stopped counting event goes on where it was, so that
    /// another value rules it out; a sampling event's period may have been changed meanwhile.
    private mutating func noteIdle(_ reader: TrafficReader, _ start: Int32) {
        let holding = reader.holdings[Int(start)]
        let key = Key(config: holding.config, exclusion: holding.exclusion)
        guard let alike = byKey[key] else { return }
        let now = alike.filter { number in
            let candidate = candidates[Int(number)]
            guard !candidate.running, !isElsewhere(candidate, holding) else { return false }
            guard let value = candidate.value, value != holding.armed else { return true }
            return isSampling(candidate) || candidate.armed == nil
        }
        if now.isEmpty { return }
        if lastIdle[key] != now { lastIdle[key] = now }
        idle[start] = lastIdle[key]
    }

    /// Takes the user's word on whose a candidate's event is.
    mutating func settle(_ candidate: Int, as lists: PerfLists) {
        candidates[candidate].lists.formIntersection(lists)
        candidates[candidate].isSettled = true
    }

    /// Candidates that were put out for others or with their thread and never came back: each may have been removed
    /// meanwhile, which makes no traffic, or has waited in vain.
    var vanished: [Int] {
        candidates.indices.filter {
            !candidates[$0].running && candidates[$0].stoppedIn >= 0 && candidates[$0].steps.last?.kind != .remove
        }
    }

    /// The section that stopped a candidate last.
    func lastStop(of candidate: Int) -> Int { Int(candidates[candidate].stoppedIn) }

    /// A last stop that stood alone is a removal.
    private mutating func settleStops(_ reader: TrafficReader) {
        for index in candidates.indices
        where !candidates[index].running && candidates[index].stopWasAlone && candidates[index].stoppedIn >= 0 {
            let stop = reader.sections[Int(candidates[index].stoppedIn)]
            candidates[index].steps.append(
                Step(time: stop.time, event: stop.event, pcpu: stop.pcpu, kind: .remove))
        }
    }
}
