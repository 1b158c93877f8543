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

    /// When a candidate was stopped last, ns.
    func lastStopTime(of candidate: Int) -> UInt64 {
        builder.reader.sections[hosts.lastStop(of: candidate)].time
    }

    /// The demand where these candidates are removed right after what stopped them last.
    func removing(_ vanished: Set<Int>, from operations: [DemandOperation]) -> [DemandOperation] {
        guard !vanished.isEmpty else { return operations }
        var removals: [(source: UInt64, operation: DemandOperation)] = vanished.sorted().map { candidate in
            let section = builder.reader.sections[hosts.lastStop(of: candidate)]
            let source = section.phase == .switchOut || section.phase == .switchIn ? section.switchEvent : section.event
            return (
                section.lastEvent,
                DemandOperation(
                    time: section.time, pcpu: section.pcpu, kind: .hostRemove(event: Int32(candidate)),
                    source: source)
            )
        }
        removals.sort { $0.source < $1.source }
        var result: [DemandOperation] = []
        result.reserveCapacity(operations.count + removals.count)
        var next = 0
        for operation in operations {
            while next < removals.count, !operation.isBeforeTrace, operation.source > removals[next].source {
                result.append(removals[next].operation)
                next += 1
            }
            result.append(operation)
        }
        result += removals[next...].map(\.operation)
        return result
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
