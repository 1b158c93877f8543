import Host
import PMU
import Policy
import Trace

/// Demand while it is put together: operations in order, actors, and which host events' priority is open.
struct DemandDraft {
    let builder: TimelineBuilder
    private(set) var hosts: HostEventInference
    var table: ActorTable
    var actors = Demand.Actors(pcpus: 0)
    private(set) var operations: [DemandOperation] = []
    /// What reads returned, by the event's index.
    private(set) var readValues: [UInt64: UInt64] = [:]
    /// Host events of which the trace does not tell whether they are pinned.
    var openPriorities: [Int] = []
    private var openScopes: [Int] = []
    private var watched: Set<Int32> = []
    /// Host events that the user spoke of.
    var claimed: Set<Int> = []
    var remarks: [String] = []
    private var pieces: [Piece] = []

    private struct Piece {
        var event: UInt64
        /// Order among operations of one trace event.
        var rank: Int8
        var operation: DemandOperation
    }

    init(builder: TimelineBuilder, hosts: HostEventInference, table: ActorTable) {
        self.builder = builder
        self.hosts = hosts
        self.table = table
    }

    mutating func assemble() {
        actors.pcpus = max(builder.highestPCPU + 1, builder.metadata.topology.count)
        settleScopes()
        makeHostEvents()
        addHostSteps()
        addSupplied()
        addHiddenWatchdogs()
        addRecorded()
        addGlobalImages()
        actors.vms = table.vms
        actors.vcpus = table.vcpus
        for vm in actors.vms.indices {
            add(0, -2, builder.start, 0, .vmCreate(vm: Int32(vm)))
        }
        // In place, for they are many; equal ones keep their order.
        pieces.sort { ($0.event, $0.rank) < ($1.event, $1.rank) }
        operations = pieces.map(\.operation)
        // What was put before the switch that it came with happened then, not when the trace shows it.
        for index in operations.indices.dropLast().reversed() {
            operations[index].time = min(operations[index].time, operations[index + 1].time)
        }
        pieces = []
    }

    /// One sentence for each thing that had to be inferred.
    func inferred(_ play: CoSimulation) -> [InferredDemand] {
        var list = remarks.map { InferredDemand(hostEvent: nil, what: $0, certainty: .ambiguous) }
        for (index, event) in play.actors.hostEvents.enumerated() where event.certainty != .seen {
            let open = openPriorities.contains(index)
            let priority = event.priority == .pinned ? "pinned" : "flexible"
            var what = "\(event.name) is \(priority)"
            if open {
                what +=
                    play.decidedPriorities ? ", since other demand would not give the recorded decisions" : ", a guess"
            }
            list.append(InferredDemand(hostEvent: index, what: what, certainty: event.certainty))
        }
        for (index, event) in play.actors.hostEvents.enumerated() {
            guard let leader = event.leader else { continue }
            list.append(
                InferredDemand(
                    hostEvent: index, what: "\(event.name) is in the group of \(play.actors.hostEvents[leader].name)",
                    certainty: .inferred))
        }
        for index in openScopes {
            list.append(
                InferredDemand(
                    hostEvent: index,
                    what: "\(play.actors.hostEvents[index].name) is taken for its pCPU's; it may be a thread's",
                    certainty: .ambiguous))
        }
        if DemandDraft.hidesGlobalControl(builder) {
            list.append(
                InferredDemand(
                    hostEvent: nil, what: "guests' GLOBAL_CTRL, which the trace does not show, leaves every counter on",
                    certainty: .inferred))
        }
        return list
    }

    mutating func add(
        _ event: UInt64, _ rank: Int8, _ time: UInt64, _ pcpu: Int32, _ kind: DemandOperation.Kind,
        before other: UInt64? = nil
    ) {
        let source = rank < 0 && event == 0 ? DemandOperation.beforeTrace : event
        pieces.append(
            Piece(
                event: other ?? event, rank: other == nil ? rank : -1,
                operation: DemandOperation(time: time, pcpu: pcpu, kind: kind, source: source)
            ))
    }

    // MARK: Host events

    /// Where the trace does not tell whose an event is, the user may have.
    private mutating func settleScopes() {
        for (index, candidate) in hosts.candidates.enumerated()
        where !candidate.lists.isCPU && !candidate.lists.isTask {
            if let lists = suppliedScope(candidate) { hosts.settle(index, as: lists) }
        }
    }

    /// The task of the thread, entered where it is new.
    mutating func task(of thread: Int32) -> Int {
        if let task = actors.hostTasks.firstIndex(of: thread) { return task }
        actors.hostTasks.append(thread)
        return actors.hostTasks.count - 1
    }

    private mutating func makeHostEvents() {
        var names: [String: Int] = [:]
        for (index, candidate) in hosts.candidates.enumerated() {
            let scope: Demand.HostEvent.Scope
            if candidate.lists.isTask {
                if let vcpu = table.vcpu(of: candidate.thread, at: candidate.steps[0].time) {
                    scope = .vcpu(Int(vcpu))
                } else {
                    scope = .task(task(of: candidate.thread))
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
            let base = watchdog ? DemandDraft.watchdogName : name(candidate)
            let unique = "\(base) \(scope)"
            names[unique, default: 0] += 1
            let number = names[unique]!
            actors.hostEvents.append(
                Demand.HostEvent(
                    name: number == 1 ? base : "\(base)#\(number)", config: candidate.config, priority: priority,
                    exclusion: excludes ? .guest : candidate.exclusion,
                    exclusionKnown: (candidate.exclusionKnown || watchdog || excludes) && !blindsAll,
                    scope: scope, samplePeriod: period, certainty: certainty))
        }
    }

    /// Events between interrupts, from the value a counter was armed with first: 0 if that was the longest period.
    private func samplePeriod(_ candidate: HostEventInference.Candidate) -> UInt64 {
        guard let armed = candidate.armed else { return 0 }
        let mask = builder.model.counterMask
        let period = (0 &- armed) & mask
        return period >= min(builder.model.maxPeriod, 0x7fff_ffff) && period & (period &+ 1) == 0 ? 0 : period
    }

    /// The hard lockup detector: one cycles event per pCPU with a period of about ten seconds of cycles
    /// (`hardlockup_detector_event_create()`, kernel/watchdog_perf.c, v6.12).
    private func isWatchdog(_ candidate: HostEventInference.Candidate, _ period: UInt64) -> Bool {
        !candidate.lists.isTask && builder.metadata.nmiWatchdog != false
            && period > (builder.metadata.nmiWatchdog == true ? 0 : 1_000_000_000) && !watched.contains(candidate.pcpu)
            && builder.model.eventName(of: candidate.config) == "cycles" && candidate.exclusion != .host
    }

    /// The event and whose it is: `cycles@cpu0`, `cycles@task42`, and both where the trace leaves it open, since a name
    /// is no place for a guess.
    private func name(_ candidate: HostEventInference.Candidate) -> String {
        let event = builder.model.eventName(of: candidate.config)
        let side = candidate.isSettled || candidate.listsHoldThroughout ? candidate.lists.side : .either
        return switch side {
        case .pcpu: "\(event)@cpu\(candidate.pcpu)"
        case .thread: "\(event)@task\(candidate.thread)"
        case .either: "\(event)@cpu\(candidate.pcpu)|task\(candidate.hasOneThread ? String(candidate.thread) : "")"
        }
    }

    /// A watchdog that keeps its counter from before the trace to its end makes no traffic; the recorder says that
    /// there is one.
    private mutating func addHiddenWatchdogs() {
        guard builder.metadata.nmiWatchdog == true, let cycles = builder.model.generic[.cycles] else { return }
        for pcpu in 0..<actors.pcpus {
            let isThere = actors.hostEvents.contains {
                $0.name == DemandDraft.watchdogName && $0.scope == .pcpu(pcpu)
            }
            if isThere { continue }
            let number = Int32(actors.hostEvents.count)
            actors.hostEvents.append(
                Demand.HostEvent(
                    name: DemandDraft.watchdogName, config: cycles | EventSelect.user | EventSelect.os,
                    priority: .pinned, scope: .pcpu(pcpu), samplePeriod: 0, certainty: .inferred))
            add(0, -1, builder.start, Int32(pcpu), .hostInstall(event: number))
        }
    }

    /// The name of the hard lockup detector's events, as its sysctl spells it.
    static let watchdogName = "nmi_watchdog"

    private mutating func addHostSteps() {
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

    private func switchEvent(_ candidate: HostEventInference.Candidate) -> UInt64 {
        let first = candidate.steps[0].event
        let section = builder.reader.sections.first { $0.event == first }
        return section.map { $0.switchEvent == .max ? first : $0.switchEvent } ?? first
    }

    // MARK: What was recorded

    private mutating func addRecorded() {
        var current = [DemandOperation.Thread](repeating: .other, count: builder.highestPCPU + 1)
        var arrivals = ThreadArrivals()
        let places = arrivals.places(of: builder.raw[...])
        let hidesGlobalControl = DemandDraft.hidesGlobalControl(builder)
        var globallyOn: Set<Int32> = []
        for (number, event) in builder.raw.enumerated() {
            let pcpu = Int32(event.pcpu)
            func add(_ kind: DemandOperation.Kind) {
                self.add(event.index, 0, event.time, pcpu, kind, before: places[number])
            }
            if event.kind == .switched {
                let next = thread(event.other, event.time)
                if next != .other || current[Int(pcpu)] != .other { add(.taskSwitch(to: next)) }
                current[Int(pcpu)] = next
                continue
            }
            guard let vcpu = table.vcpu(of: event.thread, at: event.time, actsForGuests: true) else { continue }
            current[Int(pcpu)] = .vcpu(vcpu)
            if hidesGlobalControl, !event.kind.isTransition, globallyOn.insert(vcpu).inserted {
                let all = GuestPMUShape(host: builder.model).allCounters
                add(.guestWrite(vcpu: vcpu, register: MSR.globalControl, value: all, faulted: false))
            }
            switch event.kind {
            case .entered: add(.guestEnter(vcpu: vcpu))
            case .exited: add(.guestExit(vcpu: vcpu, reentersFast: false))
            case .exitedForRDPMC:
                add(.guestExit(vcpu: vcpu, reentersFast: false))
                add(.guestReadPMC(vcpu: vcpu))
            case .wrote, .writeFaulted:
                add(
                    .guestWrite(
                        vcpu: vcpu, register: event.register, value: event.value,
                        faulted: event.kind == .writeFaulted))
            case .read, .readFaulted:
                if event.kind == .read { readValues[event.index] = event.value }
                add(.guestRead(vcpu: vcpu, register: event.register, faulted: event.kind == .readFaulted))
            case .switched: break
            }
        }
    }

    /// A mediated guest writes AMD's GLOBAL_CTL unseen; the next load shows it. Counters that were turned on were so
    /// right after the last entry, counters turned off right before the last exit, as guests do it around their writes
    /// of event selects.
    private mutating func addGlobalImages() {
        guard !builder.reader.globalImages.isEmpty else { return }
        var known: [Int32: UInt64] = [:]
        var entered: [Int32: TimelineBuilder.RawEvent] = [:]
        var exited: [Int32: TimelineBuilder.RawEvent] = [:]
        var next = 0
        for image in builder.reader.globalImages {
            while next < builder.raw.count, builder.raw[next].index < image.event {
                let event = builder.raw[next]
                next += 1
                switch event.kind {
                case .entered: entered[event.thread] = event
                case .exited, .exitedForRDPMC: exited[event.thread] = event
                default: break
                }
            }
            guard let vcpu = table.vcpu(of: image.thread, at: image.time, actsForGuests: true) else { continue }
            let before = known[vcpu] ?? GuestPMUShape(host: builder.model).allCounters
            known[vcpu] = image.value
            if before == image.value { continue }
            let write = DemandOperation.Kind.guestWrite(
                vcpu: vcpu, register: MSR.amdGlobalControl, value: image.value, faulted: false)
            if image.value & ~before != 0, let entry = entered[image.thread] {
                add(entry.index, 1, entry.time, Int32(entry.pcpu), write)
            } else if let exit = exited[image.thread] {
                add(exit.index, -1, exit.time, Int32(exit.pcpu), write)
            } else if let first = builder.raw.first(where: { $0.thread == image.thread && $0.kind == .entered }) {
                add(first.index, -1, first.time, Int32(first.pcpu), write)
            }
        }
    }

    /// A mediated guest that sees every counter writes GLOBAL_CTRL without leaving (`kvm_need_any_pmc_intercept()`,
    /// arch/x86/kvm/pmu.c, 7.x): it is taken to have turned on what its other controls turn on.
    static func hidesGlobalControl(_ builder: TimelineBuilder) -> Bool {
        builder.model.flavour == .intel && builder.recordedRules.guests == .mediated
            && !(builder.survey?.writesGlobalControl ?? false)
            && !builder.raw.contains { $0.kind == .wrote && $0.register == MSR.globalControl }
    }

    private mutating func thread(_ thread: Int32, _ time: UInt64) -> DemandOperation.Thread {
        if let vcpu = table.vcpu(of: thread, at: time) { return .vcpu(vcpu) }
        if let task = actors.hostTasks.firstIndex(of: thread) { return .hostTask(Int32(task)) }
        return .other
    }
}
