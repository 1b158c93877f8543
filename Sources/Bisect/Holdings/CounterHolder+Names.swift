import Timeline

extension CounterHolder {
    /// `guest:VM/VCPU` or `host:NAME`.
    public func ownerName(in timeline: Timeline) -> String { Names(timeline).owner(self) }

    /// Owner with the virtual counter or the host's event.
    public func fullName(in timeline: Timeline) -> String { Names(timeline).full(self) }

    /// What tells the owner's counters apart: `gp0`, or `cpu 3 cycles`.
    public func seriesName(in timeline: Timeline) -> String {
        switch self {
        case .guest(_, let counter): return counter.description
        case .host(let index):
            let event = timeline.demand.actors.hostEvents[index]
            let name = timeline.model.eventName(of: event.config)
            if case .pcpu(let pcpu) = event.scope { return "cpu \(pcpu) \(name)" }
            return name
        }
    }
}
