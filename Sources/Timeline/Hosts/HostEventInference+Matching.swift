import PMU
import Policy
import Trace

/// Which event goes on where a counter is started again: the same config, a value that continues, a place that fits.
extension HostEventInference {
    /// Whether the value that an event was stopped at has to be the holding's.
    enum ValueMatch { case same, any }

    mutating func restart(
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
        if narrowed.isTask {
            candidates[known].thread = holding.thread
            candidates[known].use = attribution.use(of: holding.thread, at: holding.begin.time)
        }
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

    /// Notes who goes on at the value it was stopped at, before anybody like it takes its place at another.
    mutating func claim(
        _ reader: TrafficReader, _ section: PMUSection, _ number: Int32, _ guests: [Bool]
    ) {
        claims.removeAll(keepingCapacity: true)
        guard section.starts.count > 1 else { return }
        for start in section.starts where !guests[Int(start)] {
            if let known = match(reader.holdings[Int(start)], number, .same) { claims.append((start, known)) }
        }
    }

    /// The event that goes on with this holding: the one stopped in the same section or at the same value.
    func match(_ holding: Holding, _ section: Int32, _ values: ValueMatch) -> Int? {
        var best: (score: Int, candidate: Int)?
        for number in byKey[Key(config: holding.config, exclusion: holding.exclusion)] ?? [] {
            let candidate = candidates[Int(number)]
            if candidate.running || isElsewhere(candidate, holding) { continue }
            if claims.contains(where: { $0.candidate == Int(number) }) { continue }
            let isSame = candidate.value != nil && candidate.value == holding.armed
            if values == .same, !isSame { continue }
            var score = isSame ? 2 : 0
            if candidate.stoppedIn == section { score += 1 }
            if candidate.value == nil { score += 1 }
            if candidate.armed == holding.armed, score == 0, isSampling(candidate) { score = 1 }
            if score > best?.score ?? 0 { best = (score, Int(number)) }
        }
        return best?.candidate
    }

    /// Whether the event was stopped at the very value the holding was armed with, and had come there by counting: no
    /// other event has it.
    func goesOn(_ candidate: Candidate, _ holding: Holding) -> Bool {
        candidate.hasCounted && candidate.value != nil && candidate.value == holding.armed
    }

    /// Whose events may be, with everything the trace has on them: the pCPU's, the thread's, or either.
    func scope(of candidate: Candidate) -> (pcpu: Int32, thread: Int32, use: Int) {
        (
            candidate.lists.isTask ? -1 : candidate.pcpu, candidate.lists.isCPU ? -1 : candidate.thread,
            candidate.lists.isCPU ? -1 : candidate.use
        )
    }

    /// Whether the candidate cannot run where the holding is.
    func isElsewhere(_ candidate: Candidate, _ holding: Holding) -> Bool {
        let both = candidate.lists.intersection(holding.lists)
        if both.isEmpty { return true }
        guard both.isTask else { return candidate.pcpu != holding.pcpu }
        return candidate.thread != holding.thread
            || candidate.use != attribution.use(of: holding.thread, at: holding.begin.time)
    }

    func isSampling(_ candidate: Candidate) -> Bool {
        candidate.armed.map { $0 & 0xffff_ffff_ffff != 0x8000_0000_0001 && $0 != 0xffff_8000_0001 } ?? false
    }
}
