import Counts
import Host
import PMU
import Policy
import Timeline

extension Replayer {
    /// The rows of the result.
    ///
    /// - Parameter wants: whether an owner's rows are wanted; integrating them is what costs.
    func table(trace: String?, wants: (String) -> Bool = { _ in true }) -> CountsTable {
        let actors = timeline.demand.actors
        var rows: [Series] = []
        var displaced: [DisplacedEvent] = []
        var losers: [(series: Int, hostEvent: Int)] = []
        let circumstances = circumstances()
        for number in seriesOrder.isEmpty ? Array(machine.scheduler.sink.series.indices) : seriesOrder {
            let state = machine.scheduler.sink.series[number]
            let row: Series
            switch state.owner {
            case .guest(let vcpu, _) where !wants(timeline.owner(vcpu: vcpu)): continue
            case .host(let index) where !wants(timeline.owner(hostEvent: index)): continue
            case .guest(let vcpu, let counter): row = guestRow(number, state, vcpu, counter, circumstances)
            case .host(let index):
                row = hostRow(number, state, index, circumstances)
                let lost = row.enabledNs > row.runningNs ? row.enabledNs - row.runningNs : 0
                if lost > 0 || row.blindNs > 0 {
                    losers.append((number, index))
                    displaced.append(
                        DisplacedEvent(
                            owner: row.key.owner, pcpu: row.key.pcpu, event: row.key.event,
                            since: timeline.start, lostNs: max(lost, row.blindNs), reason: reason(index, row)))
                }
            }
            rows.append(row)
        }
        for (index, since) in firstWithout(losers).enumerated() { displaced[index].since = since }
        rows += uncoreRows().filter { wants($0.key.owner) }
        return CountsTable(
            policy: rules.name, trace: trace, start: timeline.start, end: timeline.end, series: rows,
            operations: operations(actors), openLoop: openLoop, displaced: displaced, taints: taints(),
            notices: notices())
    }

    /// When each series that lost its counter first went without, ns of the trace's clock.
    ///
    /// - Parameter losers: numbers of series and of their host events.
    private func firstWithout(_ losers: [(series: Int, hostEvent: Int)]) -> [UInt64] {
        var moments = AxisMoments()
        let states = losers.map { machine.scheduler.sink.series[$0.series] }
        for state in states {
            if let clock = state.wentWithout { moments.ask(state.timeAxis, beyond: clock) }
        }
        moments.find(in: timeline)
        return zip(losers, states).map { loser, state in
            let displaced = state.wentWithout.map { moments.moment(state.timeAxis, beyond: $0, in: timeline) }
            return [displaced, firstRefused[loser.hostEvent]].compactMap { $0 }.min() ?? timeline.start
        }
    }

    /// What guests were told, and whether they noticed.
    private func notices() -> [Notice] {
        machine.scheduler.sink.told.map { told in
            let how =
                switch told.how {
                case .silent: "nothing"
                case .fault: "a fault"
                case .evtselNonzero: "an event select that is not zero at power-on"
                case .inuse: "GLOBAL_INUSE"
                case .hideCounter: "its CPUID"
                }
            let seen = told.notice == .noticed ? "noticed" : "overlooked: the guest does not look"
            return Notice(
                time: told.time, owner: timeline.owner(vcpu: told.vcpu),
                what: "told by \(how) that it cannot have \(Counter.list(told.counters)); \(seen)")
        }
    }

    /// Uncore counters: nobody takes them from the host, so they count what they counted.
    private func uncoreRows() -> [Series] {
        timeline.uncore.counters.map { one in
            Series(
                key: SeriesKey(
                    owner: "host:uncore", pcpu: Int(one.pcpu), event: "msr 0x" + String(one.register, radix: 16)),
                reading: .exact(one.count), reason: "between its first read and its last",
                enabledNs: one.to - one.from, runningNs: one.to - one.from)
        }
    }

    private func guestRow(
        _ number: Int, _ state: SeriesState, _ vcpu: Int, _ counter: Counter, _ circumstances: RowCircumstances
    ) -> Series {
        let bounds = machine.scheduler.sink.bounds(number)
        let running = min(state.runningNs, state.enabledNs)
        let owner = timeline.owner(vcpu: vcpu)
        var (reading, why) = known(bounds, ran: running)
        let vm = timeline.demand.actors.vms[timeline.demand.actors.vcpus[vcpu].vm]
        if rules.guestRules(vm: vm.name).counts == .scaled, running > 0, running < state.enabledNs {
            why += (why.isEmpty ? "" : "; ") + "the guest reads it scaled to the time enabled"
        }
        if let cause = openCause(vcpu: vcpu, owner, circumstances) {
            // What was counted before the guest and the recording part is known still.
            let isTrusted = reach.taint(vcpu: vcpu) == nil
            let before = isTrusted && state.cut != nil ? machine.scheduler.sink.boundsBeforeCut(number).lo : 0
            reading = openReading(reading, from: before, to: most(number, vcpu: vcpu, counter, before: before))
            why = cause
        }
        return Series(
            key: SeriesKey(
                owner: owner, counter: counter.description, event: timeline.model.eventName(of: state.config)),
            reading: reading, reason: why, enabledNs: state.enabledNs, runningNs: running,
            silentNs: state.enabledNs - running, crossMappedNs: min(state.crossMappedNs, running),
            schedule: state.schedule)
    }

    /// Why nothing limits what the guest's counters come to, nil where something does.
    private func openCause(vcpu: Int, _ owner: String, _ circumstances: RowCircumstances) -> String? {
        if let taint = reach.taint(vcpu: vcpu) { return taint.words }
        // Without a PMU it counts nothing, whatever it does.
        if guestRules(vcpu: vcpu).access == .none { return nil }
        if let divergence = openLoop.first(where: { $0.owner == owner }) {
            return "depends on what the guest would have done: \(divergence.cause)"
        }
        guard guestRules(vcpu: vcpu).access == .emulated else { return nil }
        if hidesHostDemand { return hiddenHostDemand }
        if refuses(rules), timeline.demand.actors.hostEvents.contains(where: { !$0.exclusionKnown }) {
            return "whether host events beside it are refused depends on what the trace does not show" + suspects
        }
        if circumstances.guessesMatter { return "whether host events beside it are pinned is a guess" }
        return mayMeetStrangers(vcpu)
            ? "an event that never had a turn when recorded left no trace, and may have one here" : nil
    }

    /// Whom to ask about events that the trace does not show in full.
    private var suspects: String { timeline.witnesses.suspects.map { " (\($0))" } ?? "" }

    /// Where counters were all taken somebody may have waited for one all the time. Under Linux's order such an event
    /// never takes a guest's counter; under others it may.
    private func mayMeetStrangers(_ vcpu: Int) -> Bool {
        if recordedTicks || !machine.scheduler.sink.wasFull { return false }
        return guestRules(vcpu: vcpu).priority == .flexible || rules.pinnedMisfit != .sticky
            || rules.misfit != .blocksLater || rules.freed != .waits || rules.taskPinned != .displaces
            || rules.arbitration == .firstCome || !rules.reservations.isEmpty
    }

    private func hostRow(
        _ number: Int, _ state: SeriesState, _ index: Int, _ circumstances: RowCircumstances
    ) -> Series {
        let peers = circumstances.peers
        let event = timeline.demand.actors.hostEvents[index]
        var pcpu: Int?
        if case .pcpu(let own) = event.scope { pcpu = own }
        let bounds = machine.scheduler.sink.bounds(number)
        var (reading, why) = known(bounds, ran: state.runningNs)
        let enabled = state.enabledNs
        let taint = reach.taint(hostEvent: index)
        let most = self.most(number, hostEvent: event, isItself: !peers.hasTwin(event) && taint == nil)
        if dependsOnGuess(event, peers), state.runningNs > 0 || enabled > 0, refusals[index] == nil {
            reading = openReading(reading, to: most)
            why = "whether an event of its place is pinned is a guess"
        }
        if let cause = circumstances.otherGuests(beside: standing(of: event)), refusals[index] == nil {
            reading = openReading(reading, to: most)
            why = cause
        }
        if hidesHostDemand, refusals[index] == nil {
            reading = openReading(reading, to: most)
            why = hiddenHostDemand
        }
        if peers.hasTwin(event), peers.ran(like: event) {
            reading = openReading(reading, to: most)
            why = "the trace does not tell it from another event that is like it"
        }
        if let refusal = refusals[index] { why = "refused with \(refusal.rawValue)" }
        if let taint {
            reading = openReading(reading, to: most)
            why = taint.words
        }
        if !event.exclusionKnown, refusals[index] == .notSupported {
            reading = .unknown
            why += ", if it does not exclude guests, which the trace does not show" + suspects
        } else if !event.exclusionKnown, timeline.recordedRules.hostVisibility == .blinded,
            rules.hostVisibility != .blinded
        {
            reading =
                rules.hostVisibility == .refuses ? .unknown : openReading(reading, from: reading.lo ?? 0, to: most)
            why = "whether it leaves guests out the trace does not show: all events did when recorded"
        }
        return Series(
            key: SeriesKey(
                owner: timeline.owner(hostEvent: index), pcpu: pcpu,
                event: timeline.model.eventName(of: event.config)),
            reading: reading, reason: why, enabledNs: enabled, runningNs: min(state.runningNs, enabled), silentNs: 0,
            blindNs: state.blindNs + refusedNs[index], schedule: state.schedule)
    }

    /// Under another policy it matters whether host events are pinned, which the recording may not have shown.
    private func dependsOnGuess(_ event: Demand.HostEvent, _ peers: HostPeers) -> Bool {
        if recordedTicks || stepsAsRecorded || !peers.hasGuess(beside: event) { return false }
        // Where everything fits and guests want no counters of the host's, it does not matter.
        return rules.guests == .emulated || peers.waited(beside: event)
    }

    /// Host events that a mediated host refused, or that never found a counter of their share, left no trace; where
    /// they would have been let in they may have taken counters from guests and from one another.
    private var hidesHostDemand: Bool {
        if Replayer.decideAlike(rules, timeline.recordedRules) { return false }
        return refuses(timeline.recordedRules) && !refuses(rules) || keepsOut(timeline.recordedRules)
    }

    /// Whether a host event that Linux would give a counter may wait for ever without ever having had a turn.
    private func keepsOut(_ rules: PolicyRules) -> Bool {
        rules.arbitration == .firstCome || !rules.reservations.isEmpty
            || rules.allGuestRules.contains {
                $0.access == .emulated && ($0.priority != .taskPinned || $0.availability != .everything)
            }
    }

    private func refuses(_ rules: PolicyRules) -> Bool {
        rules.hostVisibility == .refuses
            && timeline.demand.actors.vms.contains { rules.guestRules(vm: $0.name).access == .mediated }
    }

    private var hiddenHostDemand: String {
        refuses(timeline.recordedRules)
            ? "host events that the recording host refused are not in the trace: it can judge policies that cede the PMU, and none"
            : "host events that never had a turn on the recording host are not in the trace"
    }

    private func known(_ bounds: CountBounds, ran: UInt64) -> (Reading, String) {
        switch bounds.basis {
        case .exact: (.exact(bounds.guess), ran == 0 ? "never ran" : "")
        case .neighbours:
            (
                .bounded(bounds.lo, bounds.hi, guess: bounds.guess),
                "partly not measured: rates of measurements next to it"
            )
        case .unwritten:
            (
                .bounded(bounds.lo, bounds.hi, guess: bounds.guess),
                "unless the guest wrote its counter unseen, in step with what counts"
            )
        case .pace:
            (
                .bounded(bounds.lo, bounds.hi, guess: bounds.guess),
                "partly not measured: at most twice the fastest rate measured of the event"
            )
        case .physicalLimit:
            (.bounded(bounds.lo, bounds.hi, guess: bounds.guess == 0 ? nil : bounds.guess), "physical-limit")
        }
    }

    private func reason(_ index: Int, _ row: Series) -> String {
        if let refusal = refusals[index] { return "refused with \(refusal.rawValue)" }
        if row.blindNs > 0 { return "guests hold the PMU while they run" }
        return timeline.demand.actors.hostEvents[index].priority == .pinned
            ? "pinned, and did not fit" : "waits for its turn, or lost its counter to others"
    }

    private func operations(_ actors: Demand.Actors) -> [Counts.OperationCounts] {
        var list: [Counts.OperationCounts] = []
        for vcpu in actors.vcpus.indices {
            let counts = machine.operationCounts(vcpu: vcpu)
            var one = Counts.OperationCounts(owner: timeline.owner(vcpu: vcpu))
            one.interceptedAccesses = counts.interceptedAccesses
            one.eventsCreated = counts.eventsCreated
            one.eventsEnabled = counts.eventsEnabled
            one.eventsReprogrammed = counts.reprogrammed
            one.registersWrittenAtEntry = counts.registersWrittenAtEntry
            one.registersWrittenAtExit = counts.registersWrittenAtExit
            one.decisions = machine.scheduler.sink.guestDecisions[vcpu]
            one.migrations = machine.scheduler.sink.guestMigrations[vcpu]
            list.append(one)
        }
        var host = Counts.OperationCounts(owner: "host")
        host.registersWrittenByScheduler = machine.scheduler.sink.writesByScheduler
        host.decisions = machine.scheduler.sink.hostDecisions
        list.append(host)
        return list
    }

    private func taints() -> [Taint] {
        var list = reach.taints
        if hidesHostDemand {
            list.append(
                Taint(
                    owner: nil, pcpu: nil, counter: nil, from: timeline.start, to: timeline.end,
                    cause: hiddenHostDemand))
        }
        for thread in timeline.unattributed {
            list.append(
                Taint(
                    owner: "guest:unattributed/\(thread)", pcpu: nil, counter: nil, from: timeline.start,
                    to: timeline.end, cause: "nothing tells which vCPU thread \(thread) is"))
        }
        for vcpu in timeline.vcpusOfUnknownVMs {
            guard let cause = whyItsVMMatters(vcpu) else { continue }
            list.append(
                Taint(
                    owner: timeline.owner(vcpu: vcpu), pcpu: nil, counter: nil, from: timeline.start,
                    to: timeline.end, cause: cause))
        }
        return list
    }

    /// Why the policy's answer rests on whose vCPU it is, nil where all VMs are alike to the policy.
    private func whyItsVMMatters(_ vcpu: Int) -> String? {
        let name = timeline.demand.actors.vms[timeline.demand.actors.vcpus[vcpu].vm].name
        if !rules.overrides.isEmpty, rules.overrides[name] == nil {
            return "the policy treats VMs differently, and the trace does not tell whose vCPU it is"
        }
        // The counters in use are looked at when the first vCPU of a VM runs.
        if timeline.vcpusOfUnknownVMs.count > 1, rules.guestRules(vm: name).availability == .freeAtPowerOn {
            return "what is in use at power-on counts, and the trace does not tell which vCPUs power on together"
        }
        return nil
    }
}
