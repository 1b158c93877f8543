import Host
import PMU
import Policy
import Trace

/// Which event is the hard lockup detector's, seen or not.
extension DemandDraft {
    /// The hard lockup detector: one cycles event per pCPU with a period of about ten seconds of cycles
    /// (`hardlockup_detector_event_create()`, kernel/watchdog_perf.c, v6.12).
    func isWatchdog(_ candidate: HostEventInference.Candidate, _ period: UInt64) -> Bool {
        guard !candidate.lists.isTask, !candidate.lists.isFlexible, builder.metadata.nmiWatchdog != false,
            !watched.contains(candidate.pcpu), builder.model.eventName(of: candidate.config) == "cycles",
            candidate.exclusion != .host
        else { return false }
        if period > 0 { return builder.metadata.nmiWatchdog == true || period > 1_000_000_000 }
        // Nobody saw the period of one that was there before the trace, and counters that are written with 32 bits are armed with
        // less than it; the recorder says that there is a watchdog.
        let hidesPeriod = candidate.wasBefore && candidate.armed == nil || !builder.model.fullWidthWrites
        return hidesPeriod && builder.metadata.nmiWatchdog == true && !isWatchdogUnseen(candidate)
    }

    /// The watchdog is older than any other event: it has the counter that a new cycles event is given first.
    func isWatchdogUnseen(_ candidate: HostEventInference.Candidate) -> Bool {
        let p = Int(candidate.pcpu)
        // Of several cycles events it is the one with the watchdog's period, else the one that was placed first.
        let others = hosts.candidates.filter {
            $0.pcpu == candidate.pcpu && !$0.lists.isTask && !$0.lists.isFlexible
                && builder.model.eventName(of: $0.config) == "cycles"
        }
        if others.contains(where: { samplePeriod($0) > 1_000_000_000 }) { return true }
        func place(_ counter: Counter?) -> Int { counter.map(UnseenHolders.order) ?? .max }
        if others.contains(where: { $0.wasBefore && place($0.counterBefore) < place(candidate.counterBefore) }) {
            return true
        }
        guard let counter = unseen.watchdog(pcpu: p, config: candidate.config, model: builder.model) else {
            return false
        }
        return unseen.held[p] & counter.bit != 0
    }

    /// A watchdog that keeps its counter from before the trace to its end makes no traffic; the recorder says that
    /// there is one.
    mutating func addHiddenWatchdogs() {
        guard builder.metadata.nmiWatchdog == true, let cycles = builder.model.generic[.cycles] else { return }
        let seen = Set(actors.hostEvents.lazy.filter { $0.name == Demand.watchdogName }.map(\.scope))
        for pcpu in 0..<actors.pcpus where !seen.contains(.pcpu(pcpu)) {
            let number = Int32(actors.hostEvents.count)
            actors.hostEvents.append(
                Demand.HostEvent(
                    name: Demand.watchdogName, config: cycles | EventSelect.user | EventSelect.os,
                    priority: .pinned, scope: .pcpu(pcpu), samplePeriod: 0, certainty: .inferred,
                    counterBefore: unseen.watchdog(pcpu: pcpu, config: cycles, model: builder.model)))
            add(0, -1, builder.start, Int32(pcpu), .hostInstall(event: number))
        }
    }
}
