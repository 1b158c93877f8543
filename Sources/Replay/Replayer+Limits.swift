import Counts
import Host
import PMU
import Policy
import Timeline

/// What a count cannot be above where nobody knows how much of the time it counted: what happened of its event in all
/// of its context's time.
extension Replayer {
    /// `reading` where somebody would have done something else: anything between `lo` and `hi`.
    func openReading(_ reading: Reading, from lo: UInt64 = 0, to hi: UInt64) -> Reading {
        .bounded(lo, max(lo, hi), guess: reading.count.map { min(max($0, lo), max(lo, hi)) })
    }

    /// The most that a guest's counter can have counted: what it counted before its guest and the recording part, and
    /// all that happened of its event after that in guest mode. When guests run is demand, whatever they do there.
    ///
    /// - Parameter before: what it surely counted up to then.
    func most(_ number: Int, vcpu: Int, _ counter: Counter, before: UInt64) -> UInt64 {
        let sink = machine.scheduler.sink
        let series = sink.series[number]
        let events = [series.config, machine.backing(series.config, of: counter, vcpu: vcpu)]
        let taint = reach.taint(vcpu: vcpu)
        // Where records are missing nobody knows how long the guest ran.
        guard taint?.origin != .lostRecords else { return events.map(limit).max() ?? .max }
        // Nor when it counted where the replay does not follow what was recorded.
        let cut = taint == nil ? series.cut ?? 0 : 0
        let then = cut > 0 ? sink.boundsBeforeCut(number).hi : 0
        let rest = events.map { sink.most(number, $0, from: cut) ?? limit($0) }.max() ?? .max
        let (sum, overflow) = max(then, before).addingReportingOverflow(rest)
        return overflow ? .max : sum
    }

    /// The most that a host's event can have counted. `isItself`: the trace tells it from every other.
    func most(_ number: Int, hostEvent event: Demand.HostEvent, isItself: Bool) -> UInt64 {
        guard isItself, event.exclusionKnown else { return limit(event.config) }
        return machine.scheduler.sink.most(number, event.config, from: 0) ?? limit(event.config)
    }

    /// What the hardware can count of an event from the trace's beginning to its end.
    private func limit(_ config: UInt64) -> UInt64 {
        estimator.limit(estimator.physicalLimit(of: config), over: timeline.end - timeline.start)
    }
}
