import Counts
import Host
import PMU
import Policy
import Timeline

/// Walks a timeline's demand through a machine under a policy and integrates counts.
///
/// The replay owns the clock: the multiplexing timer of each pCPU ticks on its own grid (`MuxTimer`), except in a
/// replay under the recording policy, where the recorded ticks stand.
public struct Replayer {
    let timeline: Timeline
    var rules: PolicyRules
    let estimator: CountEstimator
    /// Whom the gaps of the trace concern.
    var reach: TaintReach
    var machine: HostMachine<ReplaySink>
    private(set) var openLoop: [OpenLoopItem] = []
    /// Where each of them belongs among those of one time (`ReplaySink.rank`).
    private var openLoopRanks: [Int32] = []
    /// The numbers of the series in the order in which a replay in the trace's order makes them; empty where they are
    /// in it.
    private(set) var seriesOrder: [Int] = []
    /// When each host event was refused, by its own clock; nil where it was not.
    var refusedFrom: [UInt64?]
    /// When each host event was refused first, ns of the trace's clock.
    var firstRefused: [Int: UInt64] = [:]
    var refusedNs: [UInt64]
    var refusals: [Int: Refusal.Reason] = [:]
    var readingsMatched = 0
    var readingDifference: ReadingDifference?
    private var nextReading = 0
    private var ticks: [UInt64?]
    let recordedTicks: Bool
    /// Whether somebody else's policy took every step that the recording policy takes on this demand.
    var stepsAsRecorded = false
    private var pendingTicks = 0
    private var toldOf: Set<String> = []
    /// Per vCPU: what was said of it, each thing once, as far as anybody wants to know.
    var sayings: [Set<String>] = []
    /// How many of the sink's tellings were looked at.
    var toldNoted = 0
    /// No pending tick is due before.
    private(set) var earliestTick = UInt64.max
    /// Per vCPU: whether it was told that accesses work which raised #GP.
    private(set) var hears: [Bool]
    /// Per vCPU: whether accesses of its guest are heard that were refused when recorded.
    private(set) var heard: [Bool] = []
    /// Per vCPU: the state of its programming that the sink knows.
    var synced: [UInt64]

    /// A guest read something else than on the recording host.
    struct ReadingDifference {
        var reading: GuestReading
        var replayed: GuestAnswer
    }

    /// Whose multiplexing ticks a replay takes.
    public enum Ticks: Sendable {
        /// The recorded ones under the recording policy, else its own.
        case recordedWhereAlike
        /// Always its own, as if the demand had never been recorded.
        case own
    }

    init(timeline: Timeline, rules: PolicyRules, comparing: Bool = false, ticks: Ticks = .recordedWhereAlike) {
        self.timeline = timeline
        self.rules = rules
        let actors = timeline.demand.actors
        estimator = CountEstimator(timeline.measurements, model: timeline.model)
        reach = TaintReach(timeline)
        let checker =
            comparing && timeline.showsTraffic
            ? DecisionChecker(
                steps: timeline.steps, pcpus: actors.pcpus, flavour: timeline.model.flavour, place: .compared) : nil
        machine = HostMachine(
            model: timeline.model, rules: rules, actors: actors, kvm: timeline.kvm,
            sink: ReplaySink(timeline: timeline, estimator: estimator, checker: checker))
        refusedFrom = [UInt64?](repeating: nil, count: actors.hostEvents.count)
        refusedNs = [UInt64](repeating: 0, count: actors.hostEvents.count)
        self.ticks = [UInt64?](repeating: nil, count: actors.pcpus)
        hears = [Bool](repeating: false, count: actors.vcpus.count)
        synced = [UInt64](repeating: .max, count: actors.vcpus.count)
        recordedTicks = ticks == .recordedWhereAlike && Replayer.decideAlike(rules, timeline.recordedRules)
        heard = actors.vcpus.indices.map { isHeardNow(vcpu: $0) }
        noteOtherMachines()
    }

    /// Whether two policies differ in words only.
    static func decideAlike(_ a: PolicyRules, _ b: PolicyRules) -> Bool {
        var (a, b) = (a, b)
        (a.name, a.models, a.arguedBy) = ("", "", "")
        (b.name, b.models, b.arguedBy) = ("", "", "")
        return a == b
    }

    /// The counts of `timeline` under `rules`.
    public static func replay(
        _ timeline: Timeline, under rules: PolicyRules, trace: String? = nil, ticks: Ticks = .recordedWhereAlike
    ) -> CountsTable {
        var replayer = Replayer(timeline: timeline, rules: rules, ticks: ticks)
        replayer.run()
        return replayer.table(trace: trace)
    }

    mutating func run() {
        let operations = timeline.demand.operations
        let neighbours = machine.scheduler.sink.checker == nil ? nil : OperationNeighbours(operations, timeline)
        play(operations.indices, neighbours)
        passTime(upTo: timeline.end)
        end(at: timeline.end)
    }

    /// The multiplexing timer ticks until `time`.
    mutating func passTime(upTo time: UInt64) {
        if pendingTicks > 0 { tick(upTo: time) }
    }

    /// The timer of one pCPU alone.
    mutating func passTime(upTo time: UInt64, pcpu: Int) {
        if isTickDue(pcpu, time) { tick(upTo: time, only: pcpu) }
    }

    /// Everything that still runs is put to account.
    mutating func end(at time: UInt64) {
        machine.scheduler.sink.now = time
        finish()
    }

    /// Plays the operations of `range`, which begins where the last one ended.
    mutating func play(_ range: Range<Int>, _ neighbours: OperationNeighbours? = nil) {
        timeline.demand.operations.withUnsafeBufferPointer { operations in
            play(UnsafeBufferPointer(rebasing: operations[range]), from: range.lowerBound, neighbours)
        }
    }

    /// Plays `operations`, the first of which has the number `first` in the demand.
    mutating func play(
        _ operations: UnsafeBufferPointer<DemandOperation>, from first: Int, _ neighbours: OperationNeighbours? = nil
    ) {
        for (place, operation) in operations.enumerated() {
            let number = first &+ place
            if earliestTick <= operation.time { tick(upTo: operation.time) }
            if case .rotationTick = operation.kind, !recordedTicks { continue }
            step(operation, number, neighbours)
        }
    }

    /// Plays one operation, before which no tick is due.
    @inline(__always)
    mutating func step(_ operation: DemandOperation, _ number: Int, _ neighbours: OperationNeighbours?) {
        machine.scheduler.sink.now = operation.time
        machine.scheduler.sink.clocks.take(operation)
        if let neighbours {
            machine.scheduler.sink.checker?.window = neighbours.window(number)
            machine.scheduler.sink.checker?.operation = number
            machine.scheduler.sink.checker?.isBeforeTrace = operation.isBeforeTrace
        }
        if case .guestWrite(let vcpu, _, _, _) = operation.kind { machine.scheduler.sink.writing = Int(vcpu) }
        let answer = machine.apply(asDemanded(operation))
        machine.scheduler.sink.writing = -1
        if machine.scheduler.sink.isWatched { machine.scheduler.sink.laws?.endOperation() }
        settle(operation, answer, number)
        if machine.scheduler.sink.told.count > toldNoted { noteTold(operation.time) }
        if !machine.overruns.isEmpty { noteOverruns(operation.time) }
        if !machine.scheduler.sink.timersWanted.isEmpty { armTimers(operation.time) }
    }

    // MARK: The clock

    private mutating func armTimers(_ time: UInt64) {
        let wanted = machine.scheduler.sink.timersWanted
        machine.scheduler.sink.timersWanted.removeAll(keepingCapacity: true)
        guard !recordedTicks else { return }
        for pcpu in wanted where ticks[pcpu] == nil {
            arm(pcpu, nextTick(time))
        }
    }

    private mutating func arm(_ pcpu: Int, _ due: UInt64) {
        // The clock ends before it.
        if due == .max { return }
        ticks[pcpu] = due
        pendingTicks += 1
        earliestTick = min(earliestTick, due)
    }

    private func nextTick(_ time: UInt64) -> UInt64 {
        MuxTimer(interval: timeline.multiplexInterval).tick(after: time)
    }

    /// Whether the timer of `pcpu` ticks until `time`.
    @inline(__always)
    func isTickDue(_ pcpu: Int, _ time: UInt64) -> Bool { nextTick(of: pcpu) <= time }

    /// When the timer of `pcpu` ticks next, `.max` while it does not run.
    @inline(__always)
    func nextTick(of pcpu: Int) -> UInt64 { ticks[pcpu] ?? .max }

    private mutating func tick(upTo end: UInt64, only one: Int? = nil) {
        defer {
            earliestTick = .max
            for case let due? in ticks { earliestTick = min(earliestTick, due) }
        }
        while pendingTicks > 0 {
            var first = Int.max
            for pcpu in one.map({ $0..<$0 + 1 }) ?? ticks.indices {
                guard let due = ticks[pcpu], due <= end else { continue }
                if first == .max || due < ticks[first]! { first = pcpu }
            }
            guard first != .max, let due = ticks[first] else { return }
            machine.scheduler.sink.now = due
            ticks[first] = nil
            pendingTicks -= 1
            if machine.fireMuxTimer(pcpu: first) {
                arm(first, nextTick(due))
            }
            machine.scheduler.sink.timersWanted.removeAll { $0 == first }
            armTimers(due)
        }
    }

    // MARK: After each operation

    private mutating func settle(_ operation: DemandOperation, _ answer: GuestAnswer, _ number: Int) {
        switch operation.kind {
        case .guestWrite(let vcpu, let register, _, let faulted):
            syncProgramming(Int(vcpu))
            noteAnswer(operation, Int(vcpu), register, answer, faulted)
        case .guestRead(let vcpu, let register, let faulted):
            noteAnswer(operation, Int(vcpu), register, answer, faulted)
            compareReading(number, answer)
        case .hostInstall(let event): noteRefusals(operation, Int(event))
        case .hostRemove(let event): endRefusal(Int(event))
        case .overflow(let owner): noteInterrupt(operation, owner)
        case .vmCreate(let vm): noteVM(operation, Int(vm))
        default: break
        }
    }

    private mutating func syncProgramming(_ vcpu: Int) {
        guard synced.indices.contains(vcpu), machine.programming(vcpu: vcpu) != synced[vcpu] else { return }
        synced[vcpu] = machine.programming(vcpu: vcpu)
        let enabled = machine.guestEnabled(vcpu: vcpu)
        var configs: InlineArray<16, UInt64> = .init(repeating: 0)
        var bits = enabled
        while bits != 0 {
            let counter = Counter(index: UInt8(bits.trailingZeroBitCount))
            bits &= bits - 1
            if let slot = GuestRegisters.slot(of: counter) {
                configs[slot] = machine.programmedEvent(vcpu: vcpu, counter: counter)
            }
        }
        machine.scheduler.sink.guestPrograms(vcpu, enabled: enabled) { counter in
            GuestRegisters.slot(of: counter).map { configs[$0] } ?? 0
        }
    }

    private mutating func noteAnswer(
        _ operation: DemandOperation, _ vcpu: Int, _ register: UInt32, _ answer: GuestAnswer, _ faulted: Bool
    ) {
        if faulted, answer != .fault, hears.indices.contains(vcpu), !hears[vcpu] {
            hears[vcpu] = true
            tell(operation.time, vcpu, "accesses to the PMU work, which raised #GP when recorded")
        }
        guard answer == .fault, !faulted else { return }
        tell(
            operation.time, vcpu,
            "access to register 0x\(String(register, radix: 16)) raises #GP, which it did not when recorded")
    }

    mutating func tell(_ time: UInt64, _ vcpu: Int, _ cause: String) {
        machine.scheduler.sink.diverges(vcpu: vcpu)
        if sayings.indices.contains(vcpu) { sayings[vcpu].insert(cause) }
        let owner = timeline.owner(vcpu: vcpu)
        guard toldOf.insert("\(owner) \(cause)").inserted else { return }
        note(OpenLoopItem(time: time, owner: owner, cause: cause))
    }

    private mutating func note(_ item: OpenLoopItem) {
        openLoop.append(item)
        openLoopRanks.append(machine.scheduler.sink.rank)
    }

    /// What was noted comes into the order of the trace, where it was played pCPU by pCPU.
    mutating func putInOrder() {
        let ranks = openLoopRanks
        let order = openLoop.indices.sorted { a, b in
            (openLoop[a].time, ranks[a], a) < (openLoop[b].time, ranks[b], b)
        }
        openLoop = order.map { openLoop[$0] }
        machine.scheduler.sink.told = machine.scheduler.sink.told.enumerated().sorted { a, b in
            (a.element.time, a.element.rank, a.offset) < (b.element.time, b.element.rank, b.offset)
        }.map(\.element)
        let made = machine.scheduler.sink.series.map { ($0.madeAt, $0.rank) }
        seriesOrder = made.indices.sorted { a, b in (made[a].0, made[a].1, a) < (made[b].0, made[b].1, b) }
    }

    private mutating func noteRefusals(_ operation: DemandOperation, _ event: Int) {
        let refused = machine.scheduler.sink.refusals
        machine.scheduler.sink.refusals.removeAll()
        for refusal in refused {
            guard case .hostEvent(let index) = refusal.party else { continue }
            let axis = ModeClocks.axis(of: timeline.demand.actors.hostEvents[index])
            refusedFrom[index] = machine.scheduler.sink.clocks.now(axis, operation.time)
            refusals[index] = refusal.reason
            if firstRefused[index] == nil { firstRefused[index] = operation.time }
            note(
                OpenLoopItem(
                    time: operation.time, owner: timeline.owner(hostEvent: index),
                    cause: "perf_event_open answers \(refusal.reason.rawValue)"))
        }
    }

    private mutating func noteVM(_ operation: DemandOperation, _ vm: Int) {
        for refusal in machine.scheduler.sink.refusals where refusal.party == .vm(vm) {
            note(
                OpenLoopItem(
                    time: operation.time, owner: nil,
                    cause: "\(timeline.demand.actors.vms[vm].name) cannot start: \(refusal.reason.rawValue)"))
        }
        machine.scheduler.sink.refusals.removeAll()
    }

    private mutating func endRefusal(_ event: Int) {
        guard let from = refusedFrom[event] else { return }
        let axis = ModeClocks.axis(of: timeline.demand.actors.hostEvents[event])
        refusedNs[event] += machine.scheduler.sink.clocks.now(axis, machine.scheduler.sink.now) - from
        refusedFrom[event] = nil
    }

    private mutating func compareReading(_ number: Int, _ answer: GuestAnswer) {
        while nextReading < timeline.readings.count, timeline.readings[nextReading].operation < number {
            nextReading += 1
        }
        guard nextReading < timeline.readings.count, timeline.readings[nextReading].operation == number else { return }
        let reading = timeline.readings[nextReading]
        if answer == .value(reading.value) {
            readingsMatched += 1
        } else if readingDifference == nil {
            readingDifference = ReadingDifference(reading: reading, replayed: answer)
        }
    }

    private mutating func finish() {
        for event in refusedFrom.indices { endRefusal(event) }
        machine.scheduler.sink.finish()
    }
}

/// For each operation the trace events of the operations before and after it on its pCPU.
struct OperationNeighbours {
    private var previous: [UInt64]
    private var next: [UInt64]

    init(_ operations: [DemandOperation], _ timeline: Timeline) {
        previous = [UInt64](repeating: 0, count: operations.count)
        next = [UInt64](repeating: .max, count: operations.count)
        // Operations that one trace event gave share its window.
        let pcpus = timeline.demand.actors.pcpus
        func scan(_ numbers: some Sequence<Int>, _ take: (Int, UInt64) -> Void) {
            var here = [UInt64?](repeating: nil, count: pcpus)
            var beyond = [UInt64?](repeating: nil, count: pcpus)
            for number in numbers {
                let pcpu = Int(operations[number].pcpu)
                guard here.indices.contains(pcpu), !operations[number].isBeforeTrace else { continue }
                if here[pcpu] != operations[number].source {
                    beyond[pcpu] = here[pcpu]
                    here[pcpu] = operations[number].source
                }
                if let other = beyond[pcpu] { take(number, other) }
            }
        }
        scan(operations.indices) { previous[$0] = $1 }
        scan(operations.indices.reversed()) { next[$0] = $1 }
    }

    func window(_ number: Int) -> (previous: UInt64, next: UInt64) { (previous[number], next[number]) }
}
