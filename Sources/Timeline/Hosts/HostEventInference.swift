import PMU
import Policy

/// From holdings to the host events that made them: which holdings are one event, when it came and went.
///
/// perf has no tracepoint for events, so an event is what keeps its config, exclusion and context, and goes on at the
/// value it was stopped at. A stop with no start beside it is somebody's disable or removal; a stop beside starts is
/// displacement; a section that only reorders flexible events is a tick of the multiplexing timer.
struct HostEventInference {
    struct Candidate: Sendable {
        var pcpu: Int32
        var thread: Int32
        var config: UInt64
        var exclusion: EventSpec.Exclusion
        var exclusionKnown: Bool
        var lists: PerfLists
        /// The value it was armed with first; nil if it was there before the trace.
        var armed: UInt64?
        var steps: [Step] = []
        /// It was on its counter before the trace began.
        var wasBefore = false
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
        fileprivate var running = false
        fileprivate var value: UInt64?
        /// `value` is not one that a period begins with: the event counted since.
        fileprivate var hasCounted = false
        fileprivate var stoppedIn: Int32 = -1
        fileprivate var stopWasAlone = false
        fileprivate var removed = false
    }

    /// What somebody did to the event, at the trace event `event`.
    struct Step: Sendable {
        var time: UInt64
        var event: UInt64
        var pcpu: Int32
        var kind: Kind
        enum Kind: Sendable {
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

    private(set) var candidates: [Candidate] = []
    private(set) var ticks: [Tick] = []
    /// Candidates of one place that got their first counters together, in the order of their starts: a group, or
    /// events that waited for the same moment.
    private(set) var cohorts: [[Int]] = []
    /// The candidate behind each holding, -1 for a guest's.
    private(set) var candidateOf: [Int32] = []
    /// Other candidates that a holding may as well belong to: idle then, and nothing the section shows rules them out.
    private var rivals: [Int32: [Int32]] = [:]
    private var byKey: [Key: [Int32]] = [:]
    private var lastMove: [Int: UInt64] = [:]
    private var lastInstall: [Int: (time: UInt64, event: UInt64)] = [:]
    private let interval: UInt64
    private let clock: Clock

    private struct Key: Hashable {
        var config: UInt64
        var exclusion: EventSpec.Exclusion
    }

    /// - Parameters:
    ///   - interval: of the multiplexing timer, ns.
    ///   - guests: for each holding, whether it belongs to a vCPU's own counter.
    init(_ reader: TrafficReader, interval: UInt64, clock: Clock, guests: [Bool]) {
        self.interval = interval
        self.clock = clock
        candidateOf = [Int32](repeating: -1, count: reader.holdings.count)
        let adopted = reader.holdings.indices.filter { reader.holdings[$0].wasBefore && !guests[$0] }
        for holding in adopted.sorted(by: { reader.holdings[$0].counter < reader.holdings[$1].counter }) {
            begin(reader, holding, section: nil)
        }
        for (number, section) in reader.sections.enumerated() {
            take(reader, section, Int32(number), guests)
        }
        settleStops(reader)
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
        var fresh: [Int] = []
        var hasGuest = section.stops.contains { guests[Int($0)] }
        var moves = 0
        for start in section.starts {
            if guests[Int(start)] {
                hasGuest = true
                continue
            }
            let holding = reader.holdings[Int(start)]
            if let known = match(holding, number) {
                candidateOf[Int(start)] = Int32(known)
                rivals[start]?.removeAll { $0 == known }
                restart(reader, known, holding, section, number)
                moves += 1
            } else {
                fresh.append(candidates.count)
                begin(reader, Int(start), section: section)
            }
        }
        noteCohort(fresh)
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
                if onTimer {
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
        for first in fresh where !cohorts.contains(where: { $0.contains(first) }) {
            let alike = fresh.filter { $0 >= first && !candidates[$0].lists.isDisjoint(with: candidates[first].lists) }
            if alike.count > 1 { cohorts.append(alike) }
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
                pcpu: holding.pcpu, thread: holding.thread, config: holding.config, exclusion: holding.exclusion,
                exclusionKnown: holding.exclusionKnown, lists: holding.lists, armed: holding.armed,
                steps: [Step(time: holding.begin.time, event: event, pcpu: holding.pcpu, kind: .install)],
                wasBefore: section == nil, firstPhase: section?.phase ?? .operation, holdings: 1, running: true))
        byKey[Key(config: holding.config, exclusion: holding.exclusion), default: []].append(number)
    }

    private mutating func restart(
        _ reader: TrafficReader, _ known: Int, _ holding: Holding, _ section: PMUSection, _ number: Int32
    ) {
        candidates[known].running = true
        candidates[known].holdings += 1
        let narrowed = candidates[known].lists.intersection(holding.lists)
        if !goesOn(candidates[known], holding),
            narrowed.side != holding.lists.side || narrowed.side != candidates[known].lists.side
        {
            candidates[known].listsHoldThroughout = false
        }
        if !narrowed.isEmpty { candidates[known].lists = narrowed }
        if holding.thread != candidates[known].thread { candidates[known].hasOneThread = false }
        if narrowed.isTask { candidates[known].thread = holding.thread }
        if candidates[known].stoppedIn != number {
            if candidates[known].stopWasAlone, section.phase == .operation {
                let stop = reader.sections[Int(candidates[known].stoppedIn)]
                candidates[known].steps.append(
                    Step(time: stop.time, event: stop.event, pcpu: stop.pcpu, kind: .disable))
                candidates[known].steps.append(
                    Step(time: section.time, event: section.event, pcpu: section.pcpu, kind: .enable))
            } else if !candidates[known].stopWasAlone,
                candidates[known].stoppedIn >= 0,
                ![.switchOut, .handOver].contains(reader.sections[Int(candidates[known].stoppedIn)].phase),
                section.phase != .handOver
            {
                candidates[known].wasDisplaced = true
            }
        } else if section.stops.count == 1, section.starts.count == 1, let armed = holding.armed,
            armed != candidates[known].value
        {
            let period = (0 &- armed) & reader.shape.counterMask
            candidates[known].hasCounted = false
            candidates[known].steps.append(
                Step(time: section.time, event: section.event, pcpu: section.pcpu, kind: .period(period)))
        }
        candidates[known].stopWasAlone = false
    }

    /// The event that goes on with this holding: the one stopped in the same section or at the same value.
    private func match(_ holding: Holding, _ section: Int32) -> Int? {
        var best: (score: Int, candidate: Int)?
        for number in byKey[Key(config: holding.config, exclusion: holding.exclusion)] ?? [] {
            let candidate = candidates[Int(number)]
            if candidate.running || isElsewhere(candidate, holding) { continue }
            var score = 0
            if candidate.stoppedIn == section { score += 1 }
            if let value = candidate.value, value == holding.armed { score += 2 }
            if candidate.value == nil { score += 1 }
            if candidate.armed == holding.armed, score == 0, isSampling(candidate) { score = 1 }
            if score > best?.score ?? 0 { best = (score, Int(number)) }
        }
        return best?.candidate
    }

    /// Whether the event was stopped at the very value the holding was armed with, and had come there by counting: no
    /// other event has it.
    private func goesOn(_ candidate: Candidate, _ holding: Holding) -> Bool {
        candidate.hasCounted && candidate.value != nil && candidate.value == holding.armed
    }

    /// Candidates that may be behind a holding in the place of its own: those alone that the traffic tells apart from
    /// it at another time, by whose they are. Events of one config, exclusion and scope have nothing to be told by.
    func rivals(of holding: Int32) -> [Int] {
        guard let idle = rivals[holding], candidateOf[Int(holding)] >= 0 else { return [] }
        let scope = scope(of: candidates[Int(candidateOf[Int(holding)])])
        return idle.filter { self.scope(of: candidates[Int($0)]) != scope }.map(Int.init)
    }

    /// Whose events may be, with everything the trace has on them: the pCPU's, the thread's, or either.
    private func scope(of candidate: Candidate) -> (pcpu: Int32, thread: Int32) {
        (candidate.lists.isTask ? -1 : candidate.pcpu, candidate.lists.isCPU ? -1 : candidate.thread)
    }

    /// Notes who could go on with a holding: the value of a stopped counting event goes on where it was, so that
    /// another value rules it out; a sampling event's period may have been changed meanwhile.
    private mutating func noteIdle(_ reader: TrafficReader, _ start: Int32) {
        let holding = reader.holdings[Int(start)]
        guard let alike = byKey[Key(config: holding.config, exclusion: holding.exclusion)] else { return }
        let idle = alike.filter { number in
            let candidate = candidates[Int(number)]
            guard !candidate.running, !isElsewhere(candidate, holding) else { return false }
            guard let value = candidate.value, value != holding.armed else { return true }
            return isSampling(candidate) || candidate.armed == nil
        }
        if !idle.isEmpty { rivals[start] = idle }
    }

    /// Whether the candidate cannot run where the holding is.
    private func isElsewhere(_ candidate: Candidate, _ holding: Holding) -> Bool {
        let both = candidate.lists.intersection(holding.lists)
        if both.isEmpty { return true }
        return both.isTask ? candidate.thread != holding.thread : candidate.pcpu != holding.pcpu
    }

    private func isSampling(_ candidate: Candidate) -> Bool {
        candidate.armed.map { $0 & 0xffff_ffff_ffff != 0x8000_0000_0001 && $0 != 0xffff_8000_0001 } ?? false
    }

    /// Takes the user's word on whose a candidate's event is.
    mutating func settle(_ candidate: Int, as lists: PerfLists) {
        candidates[candidate].lists.formIntersection(lists)
        candidates[candidate].isSettled = true
    }

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
