import Host
import PMU
import Policy
import Timeline

/// Remembers what operations of guests do, so that the machine is asked once for each case: a lazily built automaton.
///
/// A *cell* (`ReplayCell`) is a vCPU and the pCPU that it is current on. What an access, an entry or an exit does to it follows
/// from the cell and the operation alone, in a replay of which nothing was measured: the next cell, what it costs, and which series
/// begin or end to count. Those answers are kept, for all vCPUs together. Where an answer is not known, and for everything but a
/// guest's own operations, the cell is put back into the machine, and that plays on (`Replayer.step`), which is all that a
/// replay without a memo does.
///
///     known       cell, operation  ->  next cell, cost, steps of series
///     not known   restore the cell, play the operation, look at the cell again, remember
///
/// The tables are cut off at `usualCells` and `mostAnswers`: memory does not grow with the trace.
final class CellMemo {
    static let usualCells = 1 << 15
    static let mostAnswers = 1 << 18
    static let mostCosts = 1 << 10

    /// A tag decided something (`CounterScheduler.tagsDecided`), which cells do not hold: the replay is to be done without a memo.
    private(set) var isAbandoned = false

    private var cells: [ReplayCell] = []
    private var cellNumbers = WordTable()
    private var costs: [Cost] = []
    private var costNumbers: [Cost: Int32] = [:]
    private var steps: [SeriesStep] = []
    private var answers: AnswerTable
    /// Guests' series by counter and event, for all vCPUs.
    private var shapes: [Shape] = []
    private var shapeNumbers: [Shape: Int32] = [:]
    private var sayingNumbers: [Set<String>: Int] = [[]: 0]
    private var sayingOf: [(count: Int, number: Int)]
    /// Each series' name.
    private var names: [SeriesName] = []
    /// Room that is used again and again.
    private var words: [UInt64] = []
    private var before: [(name: SeriesName, control: SeriesControl)] = []
    private var after: [(name: SeriesName, control: SeriesControl)] = []

    private struct Shape: Hashable {
        var counter: UInt8
        var config: UInt64
    }

    /// What an operation costs, by who is charged.
    private struct Cost: Hashable {
        var decisions: UInt64 = 0
        var hostDecisions: UInt64 = 0
        var writesByScheduler: UInt64 = 0
        var guestDecisions: UInt64 = 0
        var guestMigrations: UInt64 = 0
        var operations = OperationCounts()
    }

    /// What is on a pCPU.
    private struct Place {
        /// The vCPU whose cell is known, -1 if none is.
        var vcpu: Int32 = -1
        var cell: Int32 = -1
        /// The machine has not followed.
        var isAhead = false
    }

    private let places: UnsafeMutablePointer<Place>
    /// How often each cost arose on each pCPU since it was booked last.
    private let hits: UnsafeMutablePointer<UInt64>
    private let pcpus: Int
    /// Per vCPU: the number of each shape's series, -1 where there is none yet.
    private var series: [ContiguousArray<Int32>]
    /// Per vCPU: the pCPU whose place it has, -1 for none.
    private var placeOf: [Int32]
    private var classOf: [Int]
    private var representatives: [Int] = []
    private var pcpuClass: [Int] = []
    /// Per pCPU: its host events' series, in the order of the cell's own events.
    private var ownSeries: [[Int32]] = []
    private let valueRegisters: ValueRegisters
    private let mostCells: Int
    /// Operations played by the machine alone since there is room for no more cells.
    private var unknown = 0

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
        places = .allocate(capacity: pcpus)
        places.initialize(repeating: Place(), count: pcpus)
        hits = .allocate(capacity: pcpus * CellMemo.mostCosts)
        hits.initialize(repeating: 0, count: pcpus * CellMemo.mostCosts)
        series = .init(repeating: [], count: actors.vcpus.count)
        sayingOf = .init(repeating: (0, 0), count: actors.vcpus.count)
        placeOf = .init(repeating: -1, count: actors.vcpus.count)
        classOf = .init(repeating: -1, count: actors.vcpus.count)
        answers = AnswerTable()
        let widths = actors.vcpus.indices.map { replayer.machine.virtualPMU(vcpu: $0).shape.counterMask }
        valueRegisters = ValueRegisters(held: widths.min() ?? 0)
        for pcpu in 0..<pcpus {
            let same = (0..<pcpu).first { replayer.machine.scheduler.isAlike(pcpu: $0, pcpu) }
            pcpuClass.append(same ?? pcpu)
        }
    }

    deinit {
        places.deallocate()
        hits.deallocate()
    }

    // MARK: Playing

    /// Plays operations of guests that go before those played last.
    func play(_ replayer: inout Replayer, _ operations: UnsafeBufferPointer<DemandOperation>) {
        if isAbandoned { return }
        for operation in operations {
            if replayer.earliestTick <= operation.time {
                giveUpAll(&replayer)
                replayer.passTime(upTo: operation.time)
            }
            let pcpu = Int(operation.pcpu)
            guard pcpu >= 0, pcpu < pcpus, let asked = Question(operation, valueRegisters) else {
                if case .rotationTick = operation.kind { continue }
                playOther(&replayer, operation)
                continue
            }
            let place = places[pcpu]
            guard place.vcpu == asked.vcpu, place.cell >= 0 else {
                arrive(&replayer, operation, asked)
                continue
            }
            let slot = answers.slot(of: place.cell, asked)
            guard answers.isFull(slot) else {
                learn(&replayer, operation, asked)
                continue
            }
            let answer = answers[slot]
            places[pcpu].isAhead = true
            places[pcpu].cell = answer.next
            hits[pcpu &* CellMemo.mostCosts &+ Int(answer.cost)] &+= 1
            if asked.isTransition { replayer.machine.scheduler.sink.clocks.take(operation) }
            if answer.stepCount > 0 {
                take(answer, Int(asked.vcpu), pcpu, operation.time, &replayer.machine.scheduler.sink)
            }
        }
        if replayer.machine.scheduler.tagsDecided { isAbandoned = true }
    }

    /// The machine follows, everywhere.
    func finish(_ replayer: inout Replayer) { giveUpAll(&replayer) }

    /// Something that is not a guest's own operation.
    private func playOther(_ replayer: inout Replayer, _ operation: DemandOperation) {
        if case .taskSwitch(let thread) = operation.kind {
            giveUp(&replayer, Int(operation.pcpu))
            if case .vcpu(let vcpu) = thread, placeOf.indices.contains(Int(vcpu)) {
                giveUp(&replayer, Int(placeOf[Int(vcpu)]))
            }
        } else {
            giveUpAll(&replayer)
        }
        replayer.step(operation, 0, nil)
    }

    /// The first operation of a guest on a pCPU.
    private func arrive(_ replayer: inout Replayer, _ operation: DemandOperation, _ asked: Question) {
        let (pcpu, vcpu) = (Int(operation.pcpu), Int(asked.vcpu))
        guard placeOf.indices.contains(vcpu) else { return playOther(&replayer, operation) }
        if cells.count >= mostCells, Int(places[pcpu].vcpu) == vcpu {
            // Here already, in a cell that is not known: to look whether the next one is costs more than to play it.
            replayer.step(operation, 0, nil)
            unknown &+= 1
            if unknown & 15 == 0 { settleIn(&replayer, vcpu, pcpu) }
            return
        }
        // Its VM may power on, which looks at every pCPU.
        if classOf[vcpu] < 0 { giveUpAll(&replayer) }
        giveUp(&replayer, pcpu)
        giveUp(&replayer, Int(placeOf[vcpu]))
        replayer.step(operation, 0, nil)
        if classOf[vcpu] < 0 {
            classOf[vcpu] = representatives.first { replayer.machine.isAlike(vcpu: $0, vcpu) } ?? vcpu
            if classOf[vcpu] == vcpu { representatives.append(vcpu) }
        }
        settleIn(&replayer, vcpu, pcpu)
    }

    private func settleIn(_ replayer: inout Replayer, _ vcpu: Int, _ pcpu: Int) {
        let cell = number(&replayer, vcpu, pcpu)
        places[pcpu] = Place(vcpu: Int32(vcpu), cell: cell)
        placeOf[vcpu] = Int32(pcpu)
    }

    /// An operation whose answer is not known yet.
    private func learn(_ replayer: inout Replayer, _ operation: DemandOperation, _ asked: Question) {
        let (pcpu, vcpu) = (Int(operation.pcpu), Int(asked.vcpu))
        follow(&replayer, pcpu)
        let cell = places[pcpu].cell
        look(replayer, vcpu, pcpu, into: &before)
        let spent = spent(replayer, vcpu)
        let (told, said) = (replayer.machine.scheduler.sink.told.count, replayer.sayings[vcpu].count)
        let ticks = replayer.earliestTick
        replayer.machine.scheduler.sink.timerRequested = false
        replayer.machine.scheduler.sink.asked.removeAll(keepingCapacity: true)
        replayer.machine.scheduler.sink.notesAsked = true
        replayer.step(operation, 0, nil)
        replayer.machine.scheduler.sink.notesAsked = false
        settleIn(&replayer, vcpu, pcpu)
        // What happens once is not repeated.
        guard told == replayer.machine.scheduler.sink.told.count, said == replayer.sayings[vcpu].count,
            ticks == replayer.earliestTick, !replayer.machine.scheduler.sink.timerRequested,
            places[pcpu].cell >= 0, answers.count < CellMemo.mostAnswers
        else { return }
        var now = Cost()
        let paid = self.spent(replayer, vcpu)
        now.decisions = paid.decisions - spent.decisions
        now.hostDecisions = paid.hostDecisions - spent.hostDecisions
        now.writesByScheduler = paid.writesByScheduler - spent.writesByScheduler
        now.guestDecisions = paid.guestDecisions - spent.guestDecisions
        now.guestMigrations = paid.guestMigrations - spent.guestMigrations
        now.operations = paid.operations.since(spent.operations)
        guard let cost = number(of: now) else { return }
        let first = steps.count
        for event in replayer.machine.scheduler.sink.asked {
            steps.append(SeriesStep(kind: .exists, series: shape(event.counter, event.config)))
        }
        look(replayer, vcpu, pcpu, into: &after)
        for place in after.indices {
            let (name, to) = after[place]
            // Series are never taken away: those that were there stand where they stood.
            let from =
                place < before.count && before[place].name == name ? before[place].control : control(before, name)
            if from == to { continue }
            let change = SeriesChange(series: name, from: from, to: to)
            if from.isBlind, !to.isBlind { steps.append(SeriesStep(kind: .giveBack, series: name)) }
            steps += change.steps
            if to.isBlind, !from.isBlind { steps.append(SeriesStep(kind: .take, series: name)) }
        }
        answers.insert(
            cell, asked, next: places[pcpu].cell, cost: cost, firstStep: Int32(first),
            stepCount: Int32(steps.count - first))
    }

    private func take(_ answer: Answer, _ vcpu: Int, _ pcpu: Int, _ time: UInt64, _ sink: inout ReplaySink) {
        let clock = sink.clocks.now(.guest(vcpu), time)
        for number in Int(answer.firstStep)..<Int(answer.firstStep &+ answer.stepCount) {
            let step = steps[number]
            var one = -1
            var (now, wall) = (clock, clock)
            if step.series >= 0 {
                if step.series < series[vcpu].count { one = Int(series[vcpu][Int(step.series)]) }
                if one < 0 {
                    sink.now = time
                    let shape = shapes[Int(step.series)]
                    one = sink.seriesNumber(
                        ReplaySink.GuestEvent(vcpu: Int32(vcpu), counter: shape.counter, config: shape.config))
                    note(one, Int(step.series), vcpu)
                }
            } else {
                one = Int(ownSeries[pcpu][Int(-1 - step.series)])
                now = sink.clocks.now(sink.series[one].axis, time)
                wall = sink.clocks.now(sink.series[one].timeAxis, time)
            }
            switch step.kind {
            case .exists: break
            case .close:
                sink.series[one].halt(now, clock: wall)
                if sink.series[one].from.count > ReplaySink.stretchesKept { sink.fold(one) }
            case .open, .openCrossMapped:
                sink.series[one].run(
                    now, clock: wall, event: 0, config: step.config, crossMapped: step.kind == .openCrossMapped)
            case .enable: sink.series[one].enable(wall)
            case .disable: sink.series[one].disable(wall)
            case .take: sink.takenFrom[pcpu].append((one, wall))
            case .giveBack:
                if let place = sink.takenFrom[pcpu].firstIndex(where: { $0.series == one }) {
                    let since = sink.takenFrom[pcpu].remove(at: place).from
                    sink.series[one].blindNs += wall - since
                }
            }
        }
    }

    private func note(_ number: Int, _ shape: Int, _ vcpu: Int) {
        while series[vcpu].count <= shape { series[vcpu].append(-1) }
        series[vcpu][shape] = Int32(number)
    }

    // MARK: Between the memo and the machine

    private func giveUpAll(_ replayer: inout Replayer) {
        for pcpu in 0..<pcpus { giveUp(&replayer, pcpu) }
    }

    /// The machine follows, and its cell is no longer known.
    private func giveUp(_ replayer: inout Replayer, _ pcpu: Int) {
        guard pcpu >= 0, pcpu < pcpus, places[pcpu].vcpu >= 0 else { return }
        follow(&replayer, pcpu)
        book(&replayer, pcpu)
        placeOf[Int(places[pcpu].vcpu)] = -1
        places[pcpu] = Place()
    }

    /// What the memo knows of a pCPU is put into the machine.
    private func follow(_ replayer: inout Replayer, _ pcpu: Int) {
        let place = places[pcpu]
        guard place.isAhead else { return }
        places[pcpu].isAhead = false
        restore(cells[Int(place.cell)], &replayer, Int(place.vcpu), pcpu)
    }

    /// What the operations that the machine did not see have cost is charged to the pCPU's vCPU.
    private func book(_ replayer: inout Replayer, _ pcpu: Int) {
        let vcpu = Int(places[pcpu].vcpu)
        for (number, cost) in costs.enumerated() {
            let times = hits[pcpu * CellMemo.mostCosts + number]
            if times == 0 { continue }
            hits[pcpu * CellMemo.mostCosts + number] = 0
            replayer.machine.scheduler.sink.decisions += times * cost.decisions
            replayer.machine.scheduler.sink.hostDecisions += times * cost.hostDecisions
            replayer.machine.scheduler.sink.writesByScheduler += times * cost.writesByScheduler
            replayer.machine.scheduler.sink.guestDecisions[vcpu] += times * cost.guestDecisions
            replayer.machine.scheduler.sink.guestMigrations[vcpu] += times * cost.guestMigrations
            replayer.machine.addCost(cost.operations, times: times, vcpu: vcpu)
        }
    }

    private func restore(_ cell: ReplayCell, _ replayer: inout Replayer, _ vcpu: Int, _ pcpu: Int) {
        let gone = replayer.machine.guestEvents(vcpu: vcpu)
        replayer.machine.restore(cell.host, vcpu: vcpu, pcpu: pcpu)
        let ids =
            replayer.machine.scheduler.ownEvents(pcpu: pcpu) + replayer.machine.guestEvents(vcpu: vcpu)
        replayer.synced[vcpu] = replayer.machine.programming(vcpu: vcpu) &- (cell.isUnsynced ? 1 : 0)
        let numbers = series[vcpu]
        let own = ownSeries[pcpu]
        let number = { (name: SeriesName) in Int(name >= 0 ? numbers[Int(name)] : own[Int(-1 - name)]) }
        replayer.machine.scheduler.sink.restore(cell, vcpu, pcpu, ids: ids, gone: gone, series: number)
    }

    /// The number of the cell that `vcpu` on `pcpu` is, -1 where it is none or there are too many.
    private func number(_ replayer: inout Replayer, _ vcpu: Int, _ pcpu: Int) -> Int32 {
        guard let host = replayer.machine.cell(vcpu: vcpu, pcpu: pcpu) else { return -1 }
        let own = replayer.machine.scheduler.ownEvents(pcpu: pcpu)
        while ownSeries.count <= pcpu { ownSeries.append([]) }
        ownSeries[pcpu] = own.map { replayer.machine.scheduler.sink.events[$0].series }
        let ids = own + replayer.machine.guestEvents(vcpu: vcpu)
        learnSeries(replayer)
        for (place, number) in ownSeries[pcpu].enumerated() { names[Int(number)] = Int32(-1 - place) }
        let isUnsynced = replayer.synced[vcpu] != replayer.machine.programming(vcpu: vcpu)
        guard
            let cell = replayer.machine.scheduler.sink.cell(
                host, vcpu, pcpu, ids: ids, isUnsynced: isUnsynced, names: names)
        else { return -1 }
        words.removeAll(keepingCapacity: true)
        words.append(UInt64(classOf[vcpu]) | UInt64(pcpuClass[pcpu]) << 32)
        words.append(
            UInt64(saying(replayer, vcpu)) << 8 | (replayer.hears[vcpu] ? 1 : 0) | (replayer.heard[vcpu] ? 2 : 0))
        cell.describe(into: &words)
        for told in replayer.machine.scheduler.sink.told where told.vcpu == vcpu {
            words.append(told.counters)
            words.append(
                UInt64(GuestRules.Telling.allCases.firstIndex(of: told.how) ?? 0) | (told.notice == .noticed ? 256 : 0))
        }
        words.append(.max)
        look(replayer, vcpu, pcpu, into: &after)
        for (name, control) in after where control != SeriesControl() {
            words.append(UInt64(truncatingIfNeeded: name) << 8 | control.word)
            words.append(control.config)
        }
        if let known = cellNumbers.number(of: words) { return known }
        guard cells.count < mostCells else { return -1 }
        cells.append(cell)
        cellNumbers.insert(words, Int32(cells.count - 1))
        return Int32(cells.count - 1)
    }

    /// A number for what was said of the vCPU so far.
    private func saying(_ replayer: Replayer, _ vcpu: Int) -> Int {
        let said = replayer.sayings[vcpu]
        if said.count == sayingOf[vcpu].count { return sayingOf[vcpu].number }
        let number = sayingNumbers[said] ?? sayingNumbers.count
        sayingNumbers[said] = number
        sayingOf[vcpu] = (said.count, number)
        return number
    }

    /// What the series of a cell are doing: the guest's in the order of their shapes, then the pCPU's own.
    private func look(
        _ replayer: Replayer, _ vcpu: Int, _ pcpu: Int, into list: inout [(name: SeriesName, control: SeriesControl)]
    ) {
        learnSeries(replayer)
        list.removeAll(keepingCapacity: true)
        for (place, number) in ownSeries[pcpu].enumerated() {
            let isBlind = replayer.machine.scheduler.sink.takenFrom[pcpu].contains { $0.series == Int(number) }
            list.append(
                (
                    Int32(-1 - place),
                    SeriesControl(replayer.machine.scheduler.sink.series[Int(number)], isBlind: isBlind)
                ))
        }
        for (shape, number) in series[vcpu].enumerated() where number >= 0 {
            list.append(
                (Int32(shape), SeriesControl(replayer.machine.scheduler.sink.series[Int(number)], isBlind: false)))
        }
    }

    private func control(_ list: [(name: SeriesName, control: SeriesControl)], _ name: SeriesName) -> SeriesControl {
        list.first { $0.name == name }?.control ?? SeriesControl()
    }

    /// Series that the sink made since last looked at.
    private func learnSeries(_ replayer: Replayer) {
        while names.count < replayer.machine.scheduler.sink.series.count {
            let number = names.count
            names.append(Int32.min)
            if case .guest(let owner, let counter) = replayer.machine.scheduler.sink.series[number].owner {
                names[number] = shape(counter.index, replayer.machine.scheduler.sink.series[number].config)
                note(number, Int(names[number]), owner)
            }
        }
    }

    private func shape(_ counter: UInt8, _ config: UInt64) -> Int32 {
        let shape = Shape(counter: counter, config: config)
        if let known = shapeNumbers[shape] { return known }
        shapes.append(shape)
        shapeNumbers[shape] = Int32(shapes.count - 1)
        return Int32(shapes.count - 1)
    }

    private func number(of cost: Cost) -> Int32? {
        if let known = costNumbers[cost] { return known }
        guard costs.count < CellMemo.mostCosts else { return nil }
        costs.append(cost)
        costNumbers[cost] = Int32(costs.count - 1)
        return Int32(costs.count - 1)
    }

    private func spent(_ replayer: Replayer, _ vcpu: Int) -> Cost {
        Cost(
            decisions: replayer.machine.scheduler.sink.decisions,
            hostDecisions: replayer.machine.scheduler.sink.hostDecisions,
            writesByScheduler: replayer.machine.scheduler.sink.writesByScheduler,
            guestDecisions: replayer.machine.scheduler.sink.guestDecisions[vcpu],
            guestMigrations: replayer.machine.scheduler.sink.guestMigrations[vcpu],
            operations: replayer.machine.operationCounts(vcpu: vcpu))
    }
}
