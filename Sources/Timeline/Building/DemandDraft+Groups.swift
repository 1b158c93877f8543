import Host

/// Events that perf schedules together or not at all.
extension DemandDraft {
    /// The demand where the candidates of each of these cohorts are one group, led by the first of them, whose members
    /// are in `actors` then: the leader's operations are the group's (`group_sched_in()`, `perf_event_enable()`,
    /// kernel/events/core.c, v6.12).
    func grouped(_ cohorts: Set<Int>, _ actors: inout Demand.Actors) -> [DemandOperation] {
        guard !cohorts.isEmpty else { return operations }
        var leaders: [Int32: Int32] = [:]
        for cohort in cohorts {
            let members = hosts.cohorts[cohort]
            for member in members.dropFirst() {
                actors.hostEvents[member].leader = members[0]
                actors.hostEvents[member].priority = actors.hostEvents[members[0]].priority
                leaders[Int32(member)] = Int32(members[0])
            }
        }
        let moments = Set(operations.compactMap { Moment($0) })
        return operations.filter { operation in
            guard let own = Moment(operation), let leader = leaders[own.event] else { return true }
            if own.kind == .install { return false }
            return !moments.contains(Moment(source: own.source, event: leader, kind: own.kind))
        }
    }

    /// What happens to a host event at a trace event.
    private struct Moment: Hashable {
        var source: UInt64
        var event: Int32
        var kind: Kind
        enum Kind { case install, enable, disable, remove }

        init(source: UInt64, event: Int32, kind: Kind) {
            (self.source, self.event, self.kind) = (source, event, kind)
        }

        init?(_ operation: DemandOperation) {
            source = operation.source
            switch operation.kind {
            case .hostInstall(let event): (self.event, kind) = (event, .install)
            case .hostEnable(let event): (self.event, kind) = (event, .enable)
            case .hostDisable(let event): (self.event, kind) = (event, .disable)
            case .hostRemove(let event): (self.event, kind) = (event, .remove)
            default: return nil
            }
        }
    }
}
