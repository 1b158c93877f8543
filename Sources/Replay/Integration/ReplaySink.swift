import Host
import PMU
import Policy
import Timeline

/// Listens to a machine and integrates: who ran when, on its context's own time. Counting itself waits until somebody
/// reads or the replay ends.
struct ReplaySink: PMUSink {
    /// ns of the trace's clock; whoever drives the machine keeps it.
    var now: UInt64 = 0 {
        didSet {
            let time = now
            guard isWatched else { return }
            laws?.now = time
            laws?.base.now = time
        }
    }
    /// Where what happens belongs among all of one time: the pCPU that it happens on where pCPUs are played one after
    /// the other.
    var rank: Int32 = -1
    /// Watches the policy's steps for broken laws, nil where nobody asked.
    var laws: LawChecker<DecisionLog>? { didSet { isWatched = laws != nil } }
    /// Whether `laws` and `checker` are there: to look into them is not free.
    private(set) var isWatched = false
    let isCompared: Bool
    var clocks: ModeClocks
    let estimator: CountEstimator
    var series = FlatArray<SeriesState>()
    /// Nothing was measured, so that no stretch need be kept to look up what was counted in it.
    let isUnmeasured: Bool
    /// The checker of a self-replay.
    var checker: DecisionChecker?
    /// The series that the guest's programming of each virtual counter means: vCPU * 64 + counter.
    var programmed: [Int32]
    /// Per vCPU: counters that have such a series.
    var everProgrammed: [UInt64]
    /// Guests' series by what they are of.
    var guestSeries: [GuestEvent: Int32] = [:]
    /// Guests' series that were asked for by what they are of since last emptied, where somebody wants to know.
    var asked: [GuestEvent] = []
    var notesAsked = false
    /// The series of each host event.
    var hostSeries: [Int32] = []
    /// Per pCPU, the series of host events that count there while guests run, in their order.
    var takenWithGuest: [[Int32]]
    /// pCPUs whose multiplexing timer was asked for since last looked at.
    var timersWanted: [Int] = []
    /// Whether a timer was asked for since somebody made it false.
    var timerRequested = false
    var refusals: [Refusal] = []
    /// Guests that were told that they cannot have counters.
    var told: [Told] = []
    /// vCPUs whose guests may do something else than when recorded from here on.
    var diverged: [Bool]
    /// The vCPU whose register write is being carried out, -1 if none: `programmed` does not know of it yet.
    var writing = -1
    var decisions: UInt64 = 0
    var hostDecisions: UInt64 = 0
    var writesByScheduler: UInt64 = 0
    /// Per vCPU.
    var guestDecisions: [UInt64]
    var guestMigrations: [UInt64]
    let flavour: Flavour
    var events: [EventState] = []
    var guestTotals: [UInt64]
    var guestMarks: [UInt64]
    var guestLoadedBits: [UInt64]
    /// The registers each mediated vCPU was loaded with last, and the series of its counters.
    var images: [GuestRegisters]
    var loadedSeries: [Int32]
    var running: [Int]
    let gp: Int
    /// Whether as many events as there are GP counters ever ran on one pCPU.
    private(set) var wasFull = false
    /// When each pCPU's PMU went to a guest, by each affected series' own clock.
    var takenFrom: [[(series: Int, from: UInt64)]]

    struct GuestEvent: Hashable {
        var vcpu: Int32
        var counter: UInt8
        var config: UInt64
    }

    struct EventState {
        var series: Int32
        var axis: ModeClocks.Axis
        var source: CountEstimator.Source
        var config: UInt64
        var vcpu: Int32
        /// Where the running stretch began that `count` does not hold yet.
        var mark: UInt64 = 0
        var count: UInt64 = 0
        var lastCounter: Int32 = -1
        var isRunning = false
    }

    init(timeline: Timeline, estimator: CountEstimator, checker: DecisionChecker?) {
        let actors = timeline.demand.actors
        clocks = ModeClocks(actors: actors, start: timeline.start, entries: timeline.kvm.entries)
        self.estimator = estimator
        self.checker = checker
        isCompared = checker != nil
        isUnmeasured = estimator.measurements.tracks.isEmpty
        flavour = timeline.model.flavour
        gp = timeline.model.gp
        programmed = [Int32](repeating: -1, count: actors.vcpus.count * 64)
        everProgrammed = [UInt64](repeating: 0, count: actors.vcpus.count)
        guestDecisions = [UInt64](repeating: 0, count: actors.vcpus.count)
        guestMigrations = guestDecisions
        diverged = [Bool](repeating: false, count: actors.vcpus.count)
        guestTotals = [UInt64](repeating: 0, count: actors.vcpus.count * 16)
        guestMarks = guestTotals
        guestLoadedBits = [UInt64](repeating: 0, count: actors.vcpus.count)
        images = [GuestRegisters](repeating: GuestRegisters(), count: actors.vcpus.count)
        loadedSeries = programmed
        running = [Int](repeating: 0, count: actors.pcpus)
        takenFrom = [[(series: Int, from: UInt64)]](repeating: [], count: actors.pcpus)
        takenWithGuest = [[Int32]](repeating: [], count: actors.pcpus)
        for (index, event) in actors.hostEvents.enumerated() {
            let axis = ModeClocks.axis(of: event)
            hostSeries.append(Int32(series.count))
            if let pcpu = ReplaySink.pcpu(countingGuests: axis), takenWithGuest.indices.contains(pcpu) {
                takenWithGuest[pcpu].append(Int32(series.count))
            }
            series.append(
                SeriesState(
                    owner: .host(index), axis: axis, config: event.config,
                    rates: event.exclusionKnown || actors.vcpus.isEmpty ? ReplaySink.trust(axis, actors) : .unclear))
        }
    }

    /// The pCPU on which an axis goes on while a guest runs, nil if it does not or goes where its thread goes.
    private static func pcpu(countingGuests axis: ModeClocks.Axis) -> Int? {
        switch axis {
        case .pcpu(let pcpu), .pcpuGuest(let pcpu): pcpu
        default: nil
        }
    }

    /// A pCPU's rate is whoever's that runs there, unless nobody but the host does.
    private static func trust(_ axis: ModeClocks.Axis, _ actors: Demand.Actors) -> CountEstimator.RateTrust {
        switch axis {
        case .guest, .hostTask: .uniform
        case .pcpu, .pcpuHost: actors.vcpus.isEmpty && actors.hostTasks.isEmpty ? .uniform : .mixed
        case .pcpuGuest, .thread, .threadHost: .mixed
        }
    }

    // MARK: Steps of the scheduler

    mutating func created(event: EventID, spec: EventSpec) {
        if isWatched || isCompared {
            laws?.created(event: event, spec: spec)
            checker?.created(event: event, spec: spec)
        }
        let number: Int
        var vcpu: Int32 = -1
        switch spec.owner {
        case .host(let index): number = Int(hostSeries[index])
        case .guest(let owner, let counter):
            vcpu = Int32(owner)
            let known = Int(programmed[owner * 64 + Int(counter.index)])
            // An event made while the guest's write is still at work belongs to what is being written.
            let isStale = writing == owner && known >= 0 && series[known].config != EventSelect.bare(spec.config)
            number = known >= 0 && !isStale ? known : seriesNumber(owner, counter, spec.config)
        }
        let state = EventState(
            series: Int32(number), axis: series[number].axis,
            source: ReplaySink.source(estimator, series[number], spec.config), config: spec.config, vcpu: vcpu)
        if event < events.count { events[event] = state } else { events.append(state) }
    }

    /// What the event's counts come from: the tracks that measured it, the owner's own first.
    static func source(
        _ estimator: CountEstimator, _ state: SeriesState, _ config: UInt64
    ) -> CountEstimator.Source {
        if estimator.measurements.tracks.isEmpty {
            return CountEstimator.Source(
                tracks: [], rates: state.rates, pace: nil, most: estimator.physicalLimit(of: config))
        }
        let all = estimator.measurements.tracks(of: state.axis, config: config)
        let own: Int =
            switch state.owner {
            case .guest(_, let counter): Int(counter.index)
            case .host(let index): index
            }
        let tracks =
            all.filter { estimator.measurements.tracks[$0].source == own }
            + all.filter { estimator.measurements.tracks[$0].source != own }
        return CountEstimator.Source(
            tracks: tracks, rates: state.rates, pace: estimator.pace(of: config),
            most: estimator.physicalLimit(of: config))
    }

    mutating func grouped(event: EventID, leader: EventID) {
        if isWatched { laws?.grouped(event: event, leader: leader) }
    }

    mutating func sectionBegin(pcpu: Int) {
        if isWatched || isCompared {
            laws?.sectionBegin(pcpu: pcpu)
            checker?.sectionBegin(pcpu: pcpu)
        }
        writesByScheduler += flavour == .amdCoreExt ? UInt64(running[pcpu]) : 1
    }

    mutating func sectionEnd(pcpu: Int) {
        if isWatched || isCompared {
            laws?.sectionEnd(pcpu: pcpu)
            checker?.sectionEnd(pcpu: pcpu)
        }
        writesByScheduler += flavour == .amdCoreExt ? UInt64(running[pcpu]) : 1
    }

    mutating func start(pcpu: Int, event: EventID, counter: Int) {
        if isWatched || isCompared {
            laws?.start(pcpu: pcpu, event: event, counter: counter)
            checker?.start(pcpu: pcpu, event: event, counter: counter)
        }
        let time = clocks.now(events[event].axis, now)
        events[event].mark = time
        events[event].isRunning = true
        running[pcpu] += 1
        if running[pcpu] >= gp { wasFull = true }
        let number = Int(events[event].series)
        // Asked for before the series is changed: else the whole sink would be copied to ask it.
        let config = events[event].config
        let (clock, most) = (clocks.now(series[number].timeAxis, now), most(config))
        let crossMapped = isCrossMapped(series[number].owner, counter)
        series[number].run(time, clock: clock, event: event, config: config, most: most, crossMapped: crossMapped)
        decisions += 1
        writesByScheduler += 1 + (flavour != .amdCoreExt && counter < 32 ? 1 : 0)
        let vcpu = Int(events[event].vcpu)
        if vcpu >= 0 {
            guestDecisions[vcpu] += 1
            if events[event].lastCounter >= 0, events[event].lastCounter != Int32(counter) {
                guestMigrations[vcpu] += 1
            }
        } else {
            hostDecisions += 1
        }
        events[event].lastCounter = Int32(counter)
    }

    /// What the hardware can count of an event, where nothing was measured.
    @inline(__always)
    func most(_ config: UInt64) -> PhysicalLimit? { isUnmeasured ? estimator.physicalLimit(of: config) : nil }

    mutating func stop(pcpu: Int, event: EventID, counter: Int) {
        if isWatched || isCompared {
            laws?.stop(pcpu: pcpu, event: event, counter: counter)
            checker?.stop(pcpu: pcpu, event: event, counter: counter)
        }
        settle(event)
        events[event].isRunning = false
        running[pcpu] -= 1
        stopSeries(event)
        writesByScheduler += counter < 32 ? 1 : 0
    }

    @inline(__always)
    private func isCrossMapped(_ owner: EventOwner, _ counter: Int) -> Bool {
        guard case .guest(_, let virtual) = owner else { return false }
        return Int(virtual.index) != counter
    }

    mutating func stopSeries(_ event: EventID) {
        let number = Int(events[event].series)
        series[number].stop(
            clocks.now(events[event].axis, now), clock: clocks.now(series[number].timeAxis, now), event: event)
        if series[number].from.count > ReplaySink.stretchesKept { fold(number) }
    }

    /// Stretches of a series that are kept before they are added up.
    static let stretchesKept = 256

    /// Adds up what nothing can be joined to any more, so that memory does not grow with the trace.
    mutating func fold(_ number: Int) {
        let one = series[number]
        let all = bounds(number, one.folded, upTo: .max, including: .allButLast)
        // Before there is a cut everything lies before it.
        let before =
            one.cut.map { bounds(number, one.foldedBeforeCut, upTo: $0, including: .allButLast) } ?? all
        series[number].fold(all, beforeCut: before)
    }

    mutating func read(pcpu: Int, event: EventID, counter: Int) {
        if isWatched { laws?.read(pcpu: pcpu, event: event, counter: counter) }
        settle(event)
    }

    mutating func periodChanged(event: EventID, period: UInt64) {
        if isWatched { laws?.periodChanged(event: event, period: period) }
    }

    mutating func overflowed(pcpu: Int, event: EventID, counter: Int) {
        if isWatched { laws?.overflowed(pcpu: pcpu, event: event, counter: counter) }
        settle(event)
        writesByScheduler += 1
    }

    /// What the running event has counted since last looked at goes into its count.
    private mutating func settle(_ event: EventID) {
        guard events[event].isRunning else { return }
        let time = clocks.now(events[event].axis, now)
        defer { events[event].mark = time }
        // What nothing measured adds nothing to the best guess.
        guard !events[event].source.tracks.isEmpty else { return }
        let counted = estimator.count(events[event].source, from: events[event].mark, to: time)
        events[event].count &+= counted.guess
    }

    mutating func stateChanged(pcpu: Int?, event: EventID, from: Policy.EventState, to: Policy.EventState) {
        if isWatched { laws?.stateChanged(pcpu: pcpu, event: event, from: from, to: to) }
        guard events[event].vcpu < 0 else { return }
        let number = Int(events[event].series)
        let time = clocks.now(series[number].timeAxis, now)
        // An event in ERROR was never told off by its owner, who waits for its count.
        let isOn = to == .active || to == .inactive || to == .error
        if isOn { series[number].enable(time) } else { series[number].disable(time) }
    }

    mutating func enabling(event: EventID) {
        if isWatched { laws?.enabling(event: event) }
    }

    mutating func rotationTimerWanted(pcpu: Int) {
        if isWatched { laws?.rotationTimerWanted(pcpu: pcpu) }
        timerRequested = true
        if !timersWanted.contains(pcpu) { timersWanted.append(pcpu) }
    }

    mutating func refused(_ refusal: Refusal) {
        if isWatched { laws?.refused(refusal) }
        refusals.append(refusal)
    }

    /// A moment at which a guest was told that it cannot have counters.
    struct Told: Sendable {
        var time: UInt64
        var vcpu: Int
        var counters: UInt64
        var how: GuestRules.Telling
        var notice: GuestRules.Notice
        var rank: Int32

        func isSame(as other: Told) -> Bool {
            vcpu == other.vcpu && counters == other.counters && how == other.how && notice == other.notice
        }
    }

    @inline(__always)
    func count(of event: EventID) -> UInt64 { events[event].count }
    @inline(__always)
    func guestTime(vcpu: Int) -> UInt64 { clocks.now(.guest(vcpu), now) }
}
