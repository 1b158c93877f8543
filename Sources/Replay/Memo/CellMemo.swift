import Host
import PMU
import Policy
import Timeline

/// Remembers what operations of guests do, so that the machine is asked once for each case: a lazily built automaton.
///
/// A *cell* is a vCPU and the pCPU that it is current on. What an access, an entry or an exit does to it follows from
/// the cell and the operation alone, in a replay of which nothing was measured: the next cell, what it costs, and which
/// series begin or end to count. Those answers are kept, for all vCPUs together. When its thread is switched out a cell
/// becomes two, a vCPU that is nowhere and a pCPU without one, and when it is switched in these two become one again.
/// Where an answer is not known, and for everything else, cells are put back into the machine, and that plays on
/// (`Replayer.step`), which is all that a replay without a memo does.
///
///     known       cell, operation  ->  next cell, cost, steps of series
///     not known   put the cell into force, play the operation, write the cell down again, remember
///
/// What is in a cell is what the machine may ask about, and nothing more, so that there are few of them:
///
/// - *In it*: every register of the guest's PMU but counters' values; the scheduler's events with their order in every
///   list, their states, the counters they hold or held last, their constraints; the sink's view of which series are
///   enabled and run.
/// - *Not in it*: times, counts and counters' values. Without measurements no event ever counts anything that somebody
///   reads, so that a value is what was written last and no counter runs out; sample periods decide nothing.
/// - *Not in it*: which events the guest's GP counters count. Rules compare an event with what the same counter had
///   before, and ask for its traits (`EventTraits`); so a cell numbers each counter's events, and has their traits, and
///   which event has which number is kept beside the cell for each vCPU (`EventBindings`). An event select that is
///   written is asked about by number.
/// - *Not in it*, but while it is about to be asked: which counters were in use in a time slice (`HostMachine.inUse`).
///
/// A cell is the string of words that the machine and the sink write of themselves, and out of which they put it into
/// force again: what is forgotten there is not in the cell either.
///
/// One thread at a time plays a memo, and no reference to what is in it outlives a call; so nobody watches at run time
/// whether accesses to its tables overlap, which would cost more than looking them up.
///
/// The tables are cut off at `usualCells` and `mostAnswers`: memory does not grow with the trace.
final class CellMemo {
    static let usualCells = 1 << 15
    static let mostAnswers = 1 << 18
    static let mostColumns = 64

    /// A tag decided something (`CounterScheduler.tagsDecided`), which cells do not hold: the replay is to be done
    /// without a memo.
    private(set) var isAbandoned = false

    @exclusivity(unchecked) var cells = WordTable()
    @exclusivity(unchecked) var costs: [Cost] = []
    @exclusivity(unchecked) var costNumbers: [Cost: Int32] = [:]
    @exclusivity(unchecked) var steps = FlatArray<SeriesStep>()
    /// Where each list of them begins.
    @exclusivity(unchecked) var stepLists: [ContiguousArray<SeriesStep>: Int] = [:]
    /// The series of events that came in lately.
    let incomers: IncomerCache
    @exclusivity(unchecked) var answers = AnswerTable()
    /// Guests' series by counter and event, for all vCPUs, where no number names the event.
    @exclusivity(unchecked) var shapes: [Shape] = []
    @exclusivity(unchecked) var shapeNumbers: [Shape: Int32] = [:]
    @exclusivity(unchecked) var sayingNumbers: [Set<String>: Int] = [[]: 0]
    @exclusivity(unchecked) var sayingOf: [(count: Int, number: Int)]
    @exclusivity(unchecked) var traitNumbers: [EventTraits: Int] = [:]
    /// By class of vCPU, counter and event: a number for its traits, -1 where it must be known itself.
    @exclusivity(unchecked) var traitsOf: [TraitQuestion: Int] = [:]
    /// Event selects asked for lately, as they are named.
    private let selects: UnsafeMutablePointer<CachedSelect>
    let bindings: EventBindings
    /// Each series' name; for one that is named by its event only that it is.
    @exclusivity(unchecked) var names: [SeriesName] = []
    /// Room that is used again and again: a cell being written, what series did before an operation, and the events'
    /// numbers then.
    @exclusivity(unchecked) var words = CellWords()
    @exclusivity(unchecked) var drafted: ContiguousArray<SeriesStep> = []
    @exclusivity(unchecked) var standing: [(series: Int, control: SeriesControl)] = []
    @exclusivity(unchecked) var bound: [UInt64]
    @exclusivity(unchecked) var boundTraits: [Int32]
    let former: UnsafeMutablePointer<UInt64>

    struct Shape: Hashable {
        var counter: UInt8
        var config: UInt64
    }

    struct TraitQuestion: Hashable {
        var vcpus: Int
        var slot: Int
        var event: UInt64
    }

    private struct CachedSelect {
        var vcpus = Int32(-1)
        var slot: Int32 = -1
        var value: UInt64 = 0
        var named = NamedSelect(event: 0, word: 0)
    }

    /// What an operation costs, by who is charged.
    struct Cost: Hashable {
        var decisions: UInt64 = 0
        var hostDecisions: UInt64 = 0
        var writesByScheduler: UInt64 = 0
        var guestDecisions: UInt64 = 0
        var guestMigrations: UInt64 = 0
        var operations = OperationCounts()
    }

    /// What is known of a pCPU, or of a vCPU that is on none.
    struct Place {
        /// The vCPU that is current there, -1 for none.
        var vcpu: Int32 = -1
        /// Its cell, -1 where it is not known and the machine alone knows.
        var cell: Int32 = -1
        /// The machine has not followed.
        var isAhead = false
    }

    /// Per pCPU: what the 256 tokens of a block ask, and which block's they are.
    @exclusivity(unchecked) var tables: [UnsafeMutablePointer<TokenQuestion>?]
    @exclusivity(unchecked) var tableKeys: [TokenTableKey?]
    /// By cell: the columns (`TokenQuestion`) that do nothing to it but cost what is noted for the column.
    let idle: UnsafeMutablePointer<UInt64>
    @exclusivity(unchecked) var columns: [Int32: Int8] = [:]
    let columnCosts: UnsafeMutablePointer<Int32>
    let columnUses: UnsafeMutablePointer<UInt64>
    /// Counters in use in each vCPU's time slice (`HostMachine.inUse`), which are beside the cell.
    let used: UnsafeMutablePointer<UInt64>
    @exclusivity(unchecked) var numbers = QuestionNumbers()

    let places: UnsafeMutablePointer<Place>
    /// Per vCPU.
    let parked: UnsafeMutablePointer<Place>
    /// How often each cost arose for each vCPU.
    let hits: UnsafeMutablePointer<UInt64>
    /// Costs that are told apart.
    let mostCosts: Int
    let pcpus: Int
    /// Per vCPU: the number of each shape's series, -1 where there is none yet.
    @exclusivity(unchecked) var series: [ContiguousArray<Int32>]
    /// Per vCPU: the pCPU whose place it has, -1 for none.
    @exclusivity(unchecked) var placeOf: [Int32]
    @exclusivity(unchecked) private(set) var classOf: [Int]
    private var representatives: [Int] = []
    @exclusivity(unchecked) private(set) var pcpuClass: [Int] = []
    /// Per pCPU: its host events' series, in the order of the cell's own events.
    @exclusivity(unchecked) var ownSeries: [[Int32]]
    let registers: CounterRegisters
    let mostCells: Int
    /// Operations played by the machine alone since there is room for no more cells.
    @exclusivity(unchecked) private var unknown = 0

    /// nil where a memo does not say all.
    ///
    /// - Parameter mostCells: cells that are kept; beyond them the machine plays what is not known.
    init?(_ replayer: Replayer, mostCells: Int = CellMemo.usualCells) {
        let timeline = replayer.timeline
        let actors = timeline.demand.actors
        guard replayer.machine.scheduler.hasCells, timeline.measurements.tracks.isEmpty,
            !replayer.machine.scheduler.sink.isWatched, !replayer.machine.scheduler.sink.isCompared,
            timeline.readings.isEmpty, actors.vcpus.count > 0, actors.hostTasks.isEmpty,
            actors.hostEvents.allSatisfy({ $0.leader == nil })
        else { return nil }
        for event in actors.hostEvents {
            guard case .pcpu = event.scope else { return nil }
        }
        pcpus = actors.pcpus
        self.mostCells = mostCells
        mostCosts = min(1 << 10, max(1 << 6, 1 << 21 / actors.vcpus.count))
        places = .allocate(capacity: pcpus)
        places.initialize(repeating: Place(), count: pcpus)
        tables = .init(repeating: nil, count: pcpus)
        idle = .allocate(capacity: mostCells)
        idle.initialize(repeating: 0, count: mostCells)
        columnCosts = .allocate(capacity: CellMemo.mostColumns)
        columnCosts.initialize(repeating: -1, count: CellMemo.mostColumns)
        columnUses = .allocate(capacity: CellMemo.mostColumns)
        columnUses.initialize(repeating: 0, count: CellMemo.mostColumns)
        used = .allocate(capacity: actors.vcpus.count)
        used.initialize(repeating: 0, count: actors.vcpus.count)
        tableKeys = .init(repeating: nil, count: pcpus)
        parked = .allocate(capacity: actors.vcpus.count)
        parked.initialize(repeating: Place(), count: actors.vcpus.count)
        hits = .allocate(capacity: actors.vcpus.count * mostCosts)
        hits.initialize(repeating: 0, count: actors.vcpus.count * mostCosts)
        series = .init(repeating: [], count: actors.vcpus.count)
        sayingOf = .init(repeating: (0, 0), count: actors.vcpus.count)
        placeOf = .init(repeating: -1, count: actors.vcpus.count)
        classOf = .init(repeating: -1, count: actors.vcpus.count)
        ownSeries = .init(repeating: [], count: pcpus)
        bindings = EventBindings(vcpus: actors.vcpus.count)
        incomers = IncomerCache(vcpus: actors.vcpus.count)
        bound = .init(repeating: EventBindings.none, count: EventBindings.perVCPU)
        boundTraits = .init(repeating: -1, count: EventBindings.perVCPU)
        former = .allocate(capacity: EventBindings.perVCPU)
        former.initialize(repeating: EventBindings.none, count: EventBindings.perVCPU)
        selects = .allocate(capacity: CellMemo.cachedSelects)
        selects.initialize(repeating: CachedSelect(), count: CellMemo.cachedSelects)
        let widths = actors.vcpus.indices.map { replayer.machine.virtualPMU(vcpu: $0).shape.counterMask }
        registers = CounterRegisters(held: widths.min() ?? 0, flavour: timeline.model.flavour)
        for pcpu in 0..<pcpus {
            let same = (0..<pcpu).first { replayer.machine.scheduler.isAlike(pcpu: $0, pcpu) }
            pcpuClass.append(same ?? pcpu)
        }
    }

    deinit {
        places.deallocate()
        for table in tables { table?.deallocate() }
        idle.deallocate()
        columnCosts.deallocate()
        columnUses.deallocate()
        used.deallocate()
        parked.deallocate()
        hits.deallocate()
        bindings.deallocate()
        incomers.deallocate()
        former.deallocate()
        selects.deallocate()
    }

    // MARK: Playing

    /// Plays operations that follow those played before.
    func play(_ replayer: inout Replayer, _ operations: UnsafeBufferPointer<DemandOperation>) {
        if isAbandoned { return }
        for operation in operations { play(&replayer, operation) }
        if replayer.machine.scheduler.tagsDecided { isAbandoned = true }
    }

    /// Plays stretches of accesses, and operations between them. They come pCPU by pCPU, so that each pCPU's timer is
    /// let tick by itself.
    func play(_ replayer: inout Replayer, _ batch: LaneBatch) {
        if isAbandoned { return }
        for stretch in batch.stretches {
            if stretch.start >= 0 {
                replayer.machine.scheduler.sink.rank = stretch.pcpu
                play(&replayer, stretch, batch.blocks[Int(stretch.number)])
            } else {
                let operation = batch.operations[Int(stretch.number)]
                replayer.machine.scheduler.sink.rank = operation.isBeforeTrace ? -1 : operation.pcpu
                play(&replayer, operation)
            }
        }
        if replayer.machine.scheduler.tagsDecided { isAbandoned = true }
    }

    private func play(_ replayer: inout Replayer, _ operation: DemandOperation) {
        let pcpu = Int(operation.pcpu)
        guard pcpu >= 0, pcpu < pcpus, let asked = Question(operation, registers), asked.vcpu < placeOf.count else {
            if case .rotationTick = operation.kind { return }
            playOther(&replayer, operation)
            return
        }
        passTime(&replayer, pcpu, operation.time)
        if places[pcpu].vcpu != asked.vcpu || places[pcpu].cell < 0 {
            guard arrive(&replayer, operation, Int(asked.vcpu)) else { return }
        }
        answer(&replayer, operation, asked)
    }

    /// The multiplexing timer of a pCPU ticks until `time`.
    func passTime(_ replayer: inout Replayer, _ pcpu: Int, _ time: UInt64) {
        guard replayer.earliestTick <= time, replayer.isTickDue(pcpu, time) else { return }
        giveUp(&replayer, pcpu)
        replayer.passTime(upTo: time, pcpu: pcpu)
    }

    /// A guest's operation on the pCPU where its cell is known.
    private func answer(_ replayer: inout Replayer, _ operation: DemandOperation, _ question: Question) {
        let (pcpu, vcpu) = (Int(operation.pcpu), Int(question.vcpu))
        var asked = question
        name(&asked, &replayer)
        guard let answer = answers.answer(places[pcpu].cell, asked.number)?.pointee else {
            learn(&replayer, operation, asked)
            return
        }
        places[pcpu].isAhead = true
        places[pcpu].cell = answer.next
        charge(answer, vcpu)
        used[vcpu] = answer.used(before: used[vcpu])
        if asked.isTransition { replayer.machine.scheduler.sink.clocks.take(operation) }
        if answer.stepCount > 0 { take(answer, asked, pcpu, operation.time, &replayer.machine.scheduler.sink) }
    }

    @inline(__always)
    func charge(_ answer: Answer, _ vcpu: Int) { hits[vcpu &* mostCosts &+ Int(answer.cost)] &+= 1 }

    /// The machine follows, everywhere.
    func finish(_ replayer: inout Replayer) {
        for pcpu in 0..<pcpus { giveUp(&replayer, pcpu) }
        for vcpu in placeOf.indices {
            follow(&replayer, parked: vcpu)
            book(&replayer, vcpu)
        }
    }

    /// Something that is not a guest's own operation.
    private func playOther(_ replayer: inout Replayer, _ operation: DemandOperation) {
        let pcpu = Int(operation.pcpu)
        if case .taskSwitch(let thread) = operation.kind, pcpu >= 0, pcpu < pcpus {
            passTime(&replayer, pcpu, operation.time)
            if case .vcpu(let vcpu) = thread, vcpu >= 0, vcpu < placeOf.count {
                if classOf[Int(vcpu)] >= 0 {
                    _ = switchIn(&replayer, Int(vcpu), pcpu, operation.time)
                    return
                }
                if places[pcpu].vcpu >= 0 { switchOut(&replayer, pcpu, operation.time) }
                giveUp(&replayer, pcpu)
            } else if places[pcpu].vcpu >= 0 {
                switchOut(&replayer, pcpu, operation.time)
                return
            } else {
                giveUp(&replayer, pcpu)
            }
        } else {
            for pcpu in 0..<pcpus {
                passTime(&replayer, pcpu, operation.time)
                giveUp(&replayer, pcpu)
            }
        }
        replayer.step(operation, 0, nil)
    }

    /// An operation of a vCPU that is not known to be there. False where it was played on the way.
    func arrive(_ replayer: inout Replayer, _ operation: DemandOperation, _ vcpu: Int) -> Bool {
        let pcpu = Int(operation.pcpu)
        if Int(places[pcpu].vcpu) == vcpu {
            // Here already, in a cell that is not known: to look whether the next one is costs more than to play it.
            replayer.step(operation, 0, nil)
            unknown &+= 1
            used[vcpu] = replayer.machine.inUse(vcpu: vcpu)
            if cells.count < mostCells || unknown & 15 == 0 { settle(&replayer, vcpu, pcpu) }
            return false
        }
        if classOf[vcpu] >= 0 {
            if switchIn(&replayer, vcpu, pcpu, operation.time) { return true }
            replayer.step(operation, 0, nil)
            used[vcpu] = replayer.machine.inUse(vcpu: vcpu)
            return false
        }
        // A VM that was refused does not even switch.
        let isRefused = replayer.machine.isRefused(vcpu: vcpu)
        if places[pcpu].vcpu >= 0, !isRefused { switchOut(&replayer, pcpu, operation.time) }
        // Its VM may power on, which looks at every pCPU.
        for pcpu in 0..<pcpus {
            passTime(&replayer, pcpu, operation.time)
            giveUp(&replayer, pcpu)
        }
        replayer.step(operation, 0, nil)
        if isRefused { return false }
        classOf[vcpu] = representatives.first { replayer.machine.isAlike(vcpu: $0, vcpu) } ?? vcpu
        if classOf[vcpu] == vcpu { representatives.append(vcpu) }
        settle(&replayer, vcpu, pcpu)
        return false
    }

    private static let cachedSelects = 256

    /// Finds the number by which a question is asked, by the number of its event where that is enough.
    func name(_ asked: inout Question, _ replayer: inout Replayer) {
        guard asked.slot >= 0 else {
            asked.number = numbers.number(of: asked)
            return
        }
        let (vcpu, slot) = (Int(asked.vcpu), asked.slot)
        let vcpus = Int32(truncatingIfNeeded: classOf[vcpu])
        let hash = (asked.value ^ UInt64(slot) << 56) &* 0x9e37_79b9_7f4a_7c15
        let place = Int(hash >> 56)
        if selects[place].value != asked.value || selects[place].slot != slot || selects[place].vcpus != vcpus {
            selects[place] = CachedSelect(
                vcpus: vcpus, slot: slot, value: asked.value, named: named(asked.value, vcpu, Int(slot), &replayer))
        }
        let select = selects[place].named
        var event = 0
        if select.word != 0 {
            (asked.event, asked.value) = (select.event, select.word)
            asked.what |= Question.isNamed
            event = bindings.number(of: select.event, at: EventBindings.place(vcpu, Int(slot)))
        }
        let number = numbers.number(of: asked)
        asked.number = number < 0 ? -1 : number + Int32(event)
    }
}
