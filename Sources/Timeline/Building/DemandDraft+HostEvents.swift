import Host
import PMU
import Policy
import Trace

/// The host's events of a demand: whose they are, what they are called, and what happens to them when.
extension DemandDraft {
    /// Where the trace does not tell whose an event is, the user may have.
    mutating func settleScopes() {
        for (index, candidate) in hosts.candidates.enumerated()
        where !candidate.lists.isCPU && !candidate.lists.isTask {
            if let lists = suppliedScope(candidate) { hosts.settle(index, as: lists) }
        }
    }

    /// The task of one use of a thread id, entered where it is new.
    mutating func task(of thread: Int32, use: Int) -> Int {
        let key = ThreadUse(thread: thread, use: use)
        if let task = taskOfUse[key] { return task }
        actors.hostTasks.append(thread)
        taskOfUse[key] = actors.hostTasks.count - 1
        return actors.hostTasks.count - 1
    }

    mutating func makeHostEvents() {
        var names: [String: Int] = [:]
        for (index, candidate) in hosts.candidates.enumerated() {
            let scope: Demand.HostEvent.Scope
            if candidate.lists.isTask {
                if let vcpu = table.vcpu(of: candidate.thread, at: candidate.steps[0].time) {
                    scope = .vcpu(Int(vcpu))
                } else {
                    scope = .task(task(of: candidate.thread, use: candidate.use))
                }
            } else {
                scope = .pcpu(Int(candidate.pcpu))
            }
            let period = samplePeriod(candidate)
            let watchdog = isWatchdog(candidate, period)
            if watchdog { watched.insert(candidate.pcpu) }
            var priority = EventSpec.Priority.flexible
            var certainty = Certainty.inferred
            if candidate.lists.isPinned {
                priority = .pinned
            } else if candidate.lists.isFlexible || candidate.wasDisplaced {
                priority = .flexible
            } else {
                certainty = watchdog ? .inferred : .ambiguous
                if watchdog { priority = .pinned } else { openPriorities.append(index) }
            }
            if !candidate.lists.isCPU && !candidate.lists.isTask { openScopes.append(index) }
            // Beside a VM with a mediated PMU no other event is let in (`mediated_pmu_account_event()`, 7.x).
            let excludes = builder.recordedRules.hostVisibility == .refuses && candidate.exclusion == .none
            // Where every event is made to leave guests out nobody sees which ones asked for it.
            let blindsAll = builder.recordedRules.hostVisibility == .blinded && candidate.exclusion != .host
            let base = watchdog ? Demand.watchdogName : name(candidate)
            let unique = "\(base) \(scope)"
            names[unique, default: 0] += 1
            let number = names[unique]!
            actors.hostEvents.append(
                Demand.HostEvent(
                    name: number == 1 ? base : "\(base)#\(number)", config: candidate.config, priority: priority,
                    exclusion: excludes ? .guest : candidate.exclusion,
                    exclusionKnown: (candidate.exclusionKnown || watchdog || excludes) && !blindsAll,
                    scope: scope, samplePeriod: period, certainty: certainty,
                    counterBefore: candidate.counterBefore))
        }
    }

    /// Events between interrupts, from the value a counter was armed with first: 0 if that was the longest period.
    func samplePeriod(_ candidate: HostEventInference.Candidate) -> UInt64 {
        guard let armed = candidate.armed else { return 0 }
        let mask = builder.model.counterMask
        let period = (0 &- armed) & mask
        return period >= min(builder.model.maxPeriod, 0x7fff_ffff) && period & (period &+ 1) == 0 ? 0 : period
    }

    /// The event and whose it is: `cycles@cpu0`, `cycles@task42`, and both where the trace leaves it open, since a name
    /// is no place for a guess. `task42-2` is the second thread with that id.
    func name(_ candidate: HostEventInference.Candidate) -> String {
        let event = builder.model.eventName(of: candidate.config)
        let thread = "\(candidate.thread)" + (candidate.use > 0 ? "-\(candidate.use + 1)" : "")
        let side = candidate.isSettled || candidate.listsHoldThroughout ? candidate.lists.side : .either
        return switch side {
        case .pcpu: "\(event)@cpu\(candidate.pcpu)"
        case .thread: "\(event)@task\(thread)"
        case .either: "\(event)@cpu\(candidate.pcpu)|task\(candidate.hasOneThread ? thread : "")"
        }
    }

    mutating func addHostSteps() {
        for (index, candidate) in hosts.candidates.enumerated() {
            let number = Int32(index)
            let isTask = candidate.lists.isTask
            for step in candidate.steps {
                switch step.kind {
                case .install:
                    let wasElsewhere = isTask && candidate.firstPhase == .switchIn
                    let event = wasElsewhere ? switchEvent(candidate) : step.event
                    let rank: Int8 = wasElsewhere || candidate.wasBefore ? -1 : 1
                    add(event, rank, step.time, step.pcpu, .hostInstall(event: number))
                case .enable: add(step.event, 1, step.time, step.pcpu, .hostEnable(event: number))
                case .disable: add(step.event, 1, step.time, step.pcpu, .hostDisable(event: number))
                case .remove: add(step.event, 1, step.time, step.pcpu, .hostRemove(event: number))
                case .period(let period):
                    add(step.event, 1, step.time, step.pcpu, .hostPeriod(event: number, period: period))
                }
            }
        }
        for tick in hosts.ticks { add(tick.event, 1, tick.time, tick.pcpu, .rotationTick) }
    }

    func switchEvent(_ candidate: HostEventInference.Candidate) -> UInt64 {
        let first = candidate.steps[0].event
        let section = builder.reader.sections.first { $0.event == first }
        return section.map { $0.switchEvent == .max ? first : $0.switchEvent } ?? first
    }
}
