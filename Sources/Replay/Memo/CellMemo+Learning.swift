import Host
import PMU
import Policy
import Timeline

/// What is not known yet is played by the machine, and looked at before and after.
extension CellMemo {
    /// An operation of a guest whose answer is not known yet.
    func learn(_ replayer: inout Replayer, _ operation: DemandOperation, _ asked: Question) {
        let (pcpu, vcpu) = (Int(operation.pcpu), Int(asked.vcpu))
        follow(&replayer, pcpu)
        let cell = places[pcpu].cell
        // What it marks as in use shows if nothing was; a clean-up starts anew with what there is, which is in the cell
        // then.
        let cleansUp = replayer.machine.cleansUp(vcpu: vcpu)
        if !cleansUp { replayer.machine.setInUse(0, vcpu: vcpu) }
        var marked: UInt64 = 0
        let learnt = watch(&replayer, operation, asked) { replayer in
            marked = replayer.machine.inUse(vcpu: vcpu)
            if !cleansUp { replayer.machine.setInUse(marked | used[vcpu], vcpu: vcpu) }
            settle(&replayer, vcpu, pcpu)
        }
        if let learnt, places[pcpu].cell >= 0 {
            keep(learnt, cell, asked, next: places[pcpu].cell, used: cleansUp ? marked | Answer.replacesUsed : marked)
        }
    }

    func learnSwitchOut(_ replayer: inout Replayer, _ operation: DemandOperation, _ asked: Question) {
        let (pcpu, vcpu) = (Int(operation.pcpu), Int(asked.vcpu))
        follow(&replayer, pcpu)
        let cell = places[pcpu].cell
        let learnt = watch(&replayer, operation, asked) { replayer in
            places[pcpu] = Place(vcpu: -1, cell: number(&replayer, vcpu: nil, pcpu: pcpu))
            parked[vcpu] = Place(vcpu: -1, cell: number(&replayer, vcpu: vcpu, pcpu: nil))
        }
        if let learnt, places[pcpu].cell >= 0, parked[vcpu].cell >= 0 {
            keep(learnt, cell, asked, next: places[pcpu].cell, parked: parked[vcpu].cell)
        }
    }

    func learnSwitchIn(_ replayer: inout Replayer, _ operation: DemandOperation, _ asked: Question) {
        let (pcpu, vcpu) = (Int(operation.pcpu), Int(asked.vcpu))
        follow(&replayer, pcpu)
        follow(&replayer, parked: vcpu)
        let cell = places[pcpu].cell
        let learnt = watch(&replayer, operation, asked) { replayer in
            parked[vcpu] = Place()
            settle(&replayer, vcpu, pcpu)
        }
        if let learnt, places[pcpu].cell >= 0 {
            keep(learnt, cell, asked, next: places[pcpu].cell, used: used[vcpu] | Answer.replacesUsed)
        }
    }

    /// What an operation did, as it can be done again.
    private struct Learnt {
        var cost: Int32
        var steps: Range<Int>
    }

    private func keep(
        _ learnt: Learnt, _ cell: Int32, _ asked: Question, next: Int32, parked: Int32 = -1, used: UInt64 = 0
    ) {
        answers.insert(
            Answer(
                cell: cell, number: asked.number, next: next, parked: parked, cost: learnt.cost,
                firstStep: Int32(learnt.steps.lowerBound), stepCount: Int32(learnt.steps.count), used: used))
    }

    /// The machine plays the operation; `look` says what it has come to. nil where that is not to be repeated.
    private func watch(
        _ replayer: inout Replayer, _ operation: DemandOperation, _ asked: Question, look: (inout Replayer) -> Void
    ) -> Learnt? {
        let (pcpu, vcpu) = (Int(operation.pcpu), Int(asked.vcpu))
        lookBefore(&replayer, vcpu, pcpu)
        former.update(from: bindings.events + EventBindings.place(vcpu, 0), count: EventBindings.perVCPU)
        let spent = spent(&replayer, vcpu)
        let (told, said) = (replayer.machine.scheduler.sink.told.count, replayer.sayings[vcpu].count)
        let ticks = replayer.earliestTick
        replayer.machine.scheduler.sink.timerRequested = false
        replayer.machine.scheduler.sink.asked.removeAll(keepingCapacity: true)
        replayer.machine.scheduler.sink.notesAsked = true
        replayer.step(operation, 0, nil)
        replayer.machine.scheduler.sink.notesAsked = false
        look(&replayer)
        // What happens once is not repeated.
        guard told == replayer.machine.scheduler.sink.told.count, said == replayer.sayings[vcpu].count,
            ticks == replayer.earliestTick, !replayer.machine.scheduler.sink.timerRequested,
            answers.count < CellMemo.mostAnswers, asked.number >= 0,
            let cost = number(of: self.spent(&replayer, vcpu).since(spent))
        else { return nil }
        drafted.removeAll(keepingCapacity: true)
        guard addSteps(&replayer, asked, pcpu) else { return nil }
        for place in drafted.indices where drafted[place].series >= .firstShape && drafted[place].opens {
            guard let most = replayer.machine.scheduler.sink.most(drafted[place].config) else { return nil }
            drafted[place].most = most
        }
        return Learnt(cost: cost, steps: number(of: drafted))
    }

    /// Where a list of steps lies; lists that are alike are kept once.
    private func number(of list: ContiguousArray<SeriesStep>) -> Range<Int> {
        if list.isEmpty { return 0..<0 }
        if let known = stepLists[list] { return known..<known + list.count }
        let first = steps.count
        for step in list { steps.append(step) }
        stepLists[list] = first
        return first..<first + list.count
    }

    /// What has become of the series since `lookBefore`, and of the events' numbers; false where an event has no name.
    private func addSteps(_ replayer: inout Replayer, _ asked: Question, _ pcpu: Int) -> Bool {
        let vcpu = Int(asked.vcpu)
        learnSeries(&replayer)
        for event in replayer.machine.scheduler.sink.asked {
            guard let number = replayer.machine.scheduler.sink.guestSeries[event],
                let name = formerName(&replayer, Int(number), asked)
            else { return false }
            drafted.append(SeriesStep(kind: .exists, series: name))
        }
        let before = standing.count
        addBound(&replayer, vcpu)
        for (place, (number, from)) in standing.enumerated() {
            let isBlind =
                place < ownSeries[pcpu].count
                && replayer.machine.scheduler.sink.takenFrom[pcpu].contains { $0.series == number }
            // A series that no event was named by did nothing.
            let from = place < before ? from : SeriesControl()
            let to = SeriesControl(replayer.machine.scheduler.sink.series[number], isBlind: isBlind)
            if from == to { continue }
            var change = SeriesChange(series: .own(place), from: from, to: to, config: to.config)
            if case .guest = replayer.machine.scheduler.sink.series[number].owner {
                guard let name = formerName(&replayer, number, asked) else { return false }
                change.series = name
                if name < .firstShape {
                    let event = replayer.machine.scheduler.sink.series[number].config
                    guard !to.isOpen || EventSelect.bare(to.config) == event else { return false }
                    change.config = to.config & EventSelect.control
                }
            }
            change.add(to: &drafted)
        }
        return addRebindings(asked)
    }

    /// Steps that give events other numbers, after all that name them by the old ones.
    private func addRebindings(_ asked: Question) -> Bool {
        for slot in 0..<EventBindings.slots {
            let old = former + slot * EventBindings.most
            let new = bindings.events + EventBindings.place(Int(asked.vcpu), slot)
            var map: UInt64 = 0
            var isSame = true
            for number in 0..<EventBindings.most {
                if old[number] != new[number] { isSame = false }
                var from = EventBindings.vacant
                if new[number] != EventBindings.none {
                    from = EventBindings.number(of: new[number], in: old)
                    if from == EventBindings.most, slot != Int(asked.slot) || new[number] != asked.event {
                        return false
                    }
                }
                map |= UInt64(from) << UInt64(4 * number)
            }
            if !isSame { drafted.append(SeriesStep(kind: .rebind, series: Int32(slot), config: map)) }
        }
        return true
    }

    /// The name of a guest's series before the operation, with the event that came with it.
    private func formerName(_ replayer: inout Replayer, _ number: Int, _ asked: Question) -> SeriesName? {
        guard names[number] == CellMemo.namedByEvent else { return names[number] }
        guard case .guest(_, let counter) = replayer.machine.scheduler.sink.series[number].owner else { return nil }
        let slot = Int(counter.index)
        let event = replayer.machine.scheduler.sink.series[number].config
        let former = EventBindings.number(of: event, in: former + slot * EventBindings.most)
        if former < EventBindings.most { return .event(slot, former) }
        return slot == Int(asked.slot) && event == asked.event ? .event(slot, EventBindings.incoming) : nil
    }

    // MARK: Looking

    /// Notes what the series of a cell are doing: the pCPU's own, then the guest's.
    private func lookBefore(_ replayer: inout Replayer, _ vcpu: Int, _ pcpu: Int) {
        learnSeries(&replayer)
        standing.removeAll(keepingCapacity: true)
        for number in ownSeries[pcpu] {
            let isBlind = replayer.machine.scheduler.sink.takenFrom[pcpu].contains { $0.series == Int(number) }
            standing.append(
                (Int(number), SeriesControl(replayer.machine.scheduler.sink.series[Int(number)], isBlind: isBlind)))
        }
        addBound(&replayer, vcpu)
    }

    /// Adds the guest's series that are not in the list: those of its numbered events, and those by shape.
    private func addBound(_ replayer: inout Replayer, _ vcpu: Int) {
        learnSeries(&replayer)
        func add(_ number: Int) {
            if standing.contains(where: { $0.series == number }) { return }
            standing.append(
                (number, SeriesControl(replayer.machine.scheduler.sink.series[number], isBlind: false)))
        }
        findSeries(&replayer, vcpu)
        let first = EventBindings.place(vcpu, 0)
        for place in first..<first + EventBindings.perVCPU where bindings.series[place] >= 0 {
            add(Int(bindings.series[place]))
        }
        for number in series[vcpu] where number >= 0 { add(Int(number)) }
    }

    /// Series that the sink made since last looked at.
    func learnSeries(_ replayer: inout Replayer) {
        while names.count < replayer.machine.scheduler.sink.series.count {
            let number = names.count
            names.append(Int32.min)
            guard case .guest(let vcpu, let counter) = replayer.machine.scheduler.sink.series[number].owner else {
                continue
            }
            let event = replayer.machine.scheduler.sink.series[number].config
            if let slot = slot(named: counter), traits(&replayer, vcpu, slot, event) >= 0 {
                names[number] = CellMemo.namedByEvent
            } else {
                names[number] = .shape(shape(counter.index, event))
                note(number, Int(names[number] - .firstShape), vcpu)
            }
        }
    }

    static let namedByEvent = SeriesName.firstShape - 1

    /// The slot of a GP counter.
    @inline(__always)
    func slot(named counter: Counter) -> Int? {
        counter.index < EventBindings.slots ? Int(counter.index) : nil
    }

    func shape(_ counter: UInt8, _ config: UInt64) -> Int {
        let shape = Shape(counter: counter, config: config)
        if let known = shapeNumbers[shape] { return Int(known) }
        shapes.append(shape)
        shapeNumbers[shape] = Int32(shapes.count - 1)
        return shapes.count - 1
    }

    /// A number for the traits of a guest's event, -1 where the event itself must be known.
    func traits(_ replayer: inout Replayer, _ vcpu: Int, _ slot: Int, _ event: UInt64) -> Int {
        let question = TraitQuestion(vcpus: classOf[vcpu] < 0 ? -1 - vcpu : classOf[vcpu], slot: slot, event: event)
        if let known = traitsOf[question] { return known }
        var number = -1
        if let traits = replayer.machine.traits(vcpu: vcpu, slot: slot, event: event) {
            number = traitNumbers[traits] ?? traitNumbers.count
            traitNumbers[traits] = number
        }
        if traitsOf.count >= CellMemo.mostAnswers { traitsOf.removeAll(keepingCapacity: true) }
        traitsOf[question] = number
        return number
    }

    /// An event select that is written, as it is asked about.
    func named(_ value: UInt64, _ vcpu: Int, _ slot: Int, _ replayer: inout Replayer) -> NamedSelect {
        guard value != 0, let held = replayer.machine.heldSelect(vcpu: vcpu, slot: slot, value), held != 0 else {
            return NamedSelect(event: 0, word: 0)
        }
        let event = held & ~EventBindings.control
        let traits = traits(&replayer, vcpu, slot, event)
        return NamedSelect(
            event: event, word: traits < 0 ? 0 : held & EventBindings.control | UInt64(traits + 1) << 48)
    }

    private func number(of cost: Cost) -> Int32? {
        if let known = costNumbers[cost] { return known }
        guard costs.count < mostCosts else { return nil }
        costs.append(cost)
        costNumbers[cost] = Int32(costs.count - 1)
        return Int32(costs.count - 1)
    }

    private func spent(_ replayer: inout Replayer, _ vcpu: Int) -> Cost {
        Cost(
            decisions: replayer.machine.scheduler.sink.decisions,
            hostDecisions: replayer.machine.scheduler.sink.hostDecisions,
            writesByScheduler: replayer.machine.scheduler.sink.writesByScheduler,
            guestDecisions: replayer.machine.scheduler.sink.guestDecisions[vcpu],
            guestMigrations: replayer.machine.scheduler.sink.guestMigrations[vcpu],
            operations: replayer.machine.operationCounts(vcpu: vcpu))
    }
}

extension CellMemo.Cost {
    fileprivate func since(_ earlier: CellMemo.Cost) -> CellMemo.Cost {
        CellMemo.Cost(
            decisions: decisions - earlier.decisions, hostDecisions: hostDecisions - earlier.hostDecisions,
            writesByScheduler: writesByScheduler - earlier.writesByScheduler,
            guestDecisions: guestDecisions - earlier.guestDecisions,
            guestMigrations: guestMigrations - earlier.guestMigrations,
            operations: operations.since(earlier.operations))
    }
}
