import Host
import PMU
import Policy
import Timeline

/// From the machine to a cell and back.
extension CellMemo {
    private enum Kind: UInt64 {
        case vcpuOnPCPU = 1
        case vcpu, pcpu
    }
    /// Words of a cell that say which it can be, before those that are put into force.
    private static let headerWords = 2

    /// Puts a cell into force for a vCPU and a pCPU, or either.
    func restore(_ cell: Int32, _ replayer: inout Replayer, vcpu: Int?, pcpu: Int?) {
        let events = bindings.events + EventBindings.place(vcpu ?? 0, 0)
        let select = { (slot: Int, word: UInt64) -> UInt64 in
            guard word & CellMemo.numbered != 0 else { return word }
            let number = Int(word >> 56 & 15)
            return events[slot &* EventBindings.most &+ number] | word & EventBindings.control
        }
        if let vcpu {
            for id in replayer.machine.guestEvents(vcpu: vcpu) {
                replayer.machine.scheduler.sink.events[id].isRunning = false
            }
            findSeries(&replayer, vcpu)
        }
        cells.withWords(of: cell) { words in
            var reading = CellReading(words + CellMemo.headerWords)
            let isUnsynced = reading.next() != 0
            let scope = replayer.machine.read(&reading, vcpu: vcpu, pcpu: pcpu, select: select)
            if let vcpu, pcpu != nil, !replayer.machine.cleansUp(vcpu: vcpu) {
                replayer.machine.setInUse(used[vcpu], vcpu: vcpu)
            }
            if let vcpu { replayer.synced[vcpu] = replayer.machine.programming(vcpu: vcpu) &- (isUnsynced ? 1 : 0) }
            // Asked for before the sink is changed: else the whole machine would be copied to ask it.
            var slots: [Int] = []
            if let vcpu { slots = replayer.machine.eventSlots(vcpu: vcpu) }
            replayer.machine.scheduler.sink.read(
                &reading, scope, vcpu: vcpu, pcpu: pcpu, slots: slots, select: select,
                series: { self.series($0, vcpu ?? 0, pcpu ?? 0) })
        }
    }

    /// An event select in a cell, whose event is a number; for one counter.
    private static let numbered: UInt64 = 1 << 63

    /// The series that are known of a vCPU's numbered events.
    func findSeries(_ replayer: inout Replayer, _ vcpu: Int) {
        for slot in 0..<EventBindings.slots {
            let place = EventBindings.place(vcpu, slot)
            for number in 0..<EventBindings.most
            where bindings.events[place + number] != EventBindings.none && bindings.series[place + number] < 0 {
                let event = ReplaySink.GuestEvent(
                    vcpu: Int32(vcpu), counter: UInt8(slot), config: bindings.events[place + number])
                bindings.series[place + number] = replayer.machine.scheduler.sink.guestSeries[event] ?? -1
            }
        }
    }

    /// The series of a name, -1 where there is none.
    @inline(__always)
    func series(_ name: SeriesName, _ vcpu: Int, _ pcpu: Int) -> Int {
        if name < 0 { return Int(ownSeries[pcpu][Int(-1 - name)]) }
        if name >= .firstShape { return Int(series[vcpu][Int(name - .firstShape)]) }
        return Int(bindings.series[EventBindings.place(vcpu, Int(name >> 3)) + Int(name & 7)])
    }

    /// The number of the cell that a vCPU and a pCPU are, or either; -1 where it is none or there are too many. The
    /// events of the vCPU's counters are numbered anew.
    func number(_ replayer: inout Replayer, vcpu: Int?, pcpu: Int?) -> Int32 {
        let scope = replayer.machine.scope(vcpu: vcpu, pcpu: pcpu)
        learnSeries(&replayer)
        if let pcpu {
            ownSeries[pcpu].removeAll(keepingCapacity: true)
            for (place, id) in scope.events.prefix(scope.ownCount).enumerated() {
                ownSeries[pcpu].append(replayer.machine.scheduler.sink.events[id].series)
                names[Int(ownSeries[pcpu][place])] = .own(place)
            }
        }
        let slots = vcpu.map { replayer.machine.eventSlots(vcpu: $0) } ?? []
        if let vcpu {
            guard bind(&replayer, vcpu, scope, slots) else { return -1 }
            bindings.set(vcpu, bound, boundTraits)
            findSeries(&replayer, vcpu)
        }
        words.removeAll()
        addHeader(&replayer, vcpu, pcpu)
        words.add(vcpu.map { replayer.synced[$0] != replayer.machine.programming(vcpu: $0) } ?? false ? 1 : 0)
        let word = { (slot: Int, value: UInt64) in self.word(slot, value) }
        guard replayer.machine.write(vcpu: vcpu, pcpu: pcpu, scope, into: &words, word: word),
            replayer.machine.scheduler.sink.write(
                scope, vcpu: vcpu, pcpu: pcpu, slots: slots, into: &words, word: word,
                name: { self.name(of: $0, $1, event: $2) }),
            addSeries(&replayer, vcpu, pcpu)
        else { return -1 }
        if let known = cells.number(of: words.words) { return known }
        return cells.count < mostCells ? cells.insert(words.words) : -1
    }

    /// What differs between machines, and what was said to a guest.
    private func addHeader(_ replayer: inout Replayer, _ vcpu: Int?, _ pcpu: Int?) {
        let kind: Kind = vcpu == nil ? .pcpu : pcpu == nil ? .vcpu : .vcpuOnPCPU
        words.add(
            kind.rawValue | UInt64(vcpu.map { classOf[$0] } ?? 0) << 4 | UInt64(pcpu.map { pcpuClass[$0] } ?? 0) << 36)
        words.add(
            vcpu.map {
                UInt64(saying(&replayer, $0)) << 8 | (replayer.hears[$0] ? 1 : 0) | (replayer.heard[$0] ? 2 : 0)
            } ?? 0)
    }

    /// Numbers the events of each GP counter, in the order in which they are met; false where there are too many.
    private func bind(_ replayer: inout Replayer, _ vcpu: Int, _ scope: CellScope, _ slots: [Int]) -> Bool {
        for place in bound.indices { bound[place] = EventBindings.none }
        // What an event is like is looked up once, and goes with it from then on.
        func traits(_ slot: Int, _ event: UInt64) -> Int32 {
            let place = EventBindings.place(vcpu, slot)
            let known = bindings.number(of: event, at: place)
            if known < EventBindings.most, bindings.traits[place + known] >= 0 { return bindings.traits[place + known] }
            return Int32(self.traits(&replayer, vcpu, slot, event))
        }
        func add(_ slot: Int, _ event: UInt64) -> Bool {
            for place in slot * EventBindings.most..<(slot + 1) * EventBindings.most {
                if bound[place] == event { return true }
                if bound[place] == EventBindings.none {
                    boundTraits[place] = traits(slot, event)
                    if boundTraits[place] >= 0 { bound[place] = event }
                    return true
                }
            }
            return traits(slot, event) < 0
        }
        func addSelect(_ slot: Int, _ value: UInt64) -> Bool { value == 0 || add(slot, value & ~EventBindings.control) }
        func addSeries(_ slot: Int, _ number: Int32) -> Bool {
            number < 0 || names[Int(number)] != CellMemo.namedByEvent
                || add(slot, replayer.machine.scheduler.sink.series[Int(number)].config)
        }
        let programmed = replayer.machine.scheduler.sink.everProgrammed[vcpu]
        let loaded = replayer.machine.scheduler.sink.guestLoadedBits[vcpu]
        for slot in 0..<EventBindings.slots {
            let selects = replayer.machine.eventSelects(vcpu: vcpu, slot: slot)
            guard addSelect(slot, selects.written), addSelect(slot, selects.made) else { return false }
            if programmed >> UInt64(slot) & 1 != 0 {
                guard addSeries(slot, replayer.machine.scheduler.sink.programmed[vcpu * 64 + slot]) else {
                    return false
                }
            }
            if loaded >> UInt64(slot) & 1 != 0 {
                guard addSeries(slot, replayer.machine.scheduler.sink.loadedSeries[vcpu * 64 + slot]) else {
                    return false
                }
            }
        }
        for (place, slot) in slots.enumerated() where slot >= 0 && slot < EventBindings.slots {
            let id = scope.events[scope.ownCount + place]
            guard addSelect(slot, replayer.machine.scheduler.sink.events[id].config),
                addSeries(slot, replayer.machine.scheduler.sink.events[id].series)
            else { return false }
        }
        return true
    }

    /// An event select or config of a counter, the event by its number where it has one.
    private func word(_ slot: Int, _ value: UInt64) -> UInt64 {
        guard value != 0, slot < EventBindings.slots else { return value }
        let event = value & ~EventBindings.control
        for number in 0..<EventBindings.most where bound[slot &* EventBindings.most &+ number] == event {
            return value & EventBindings.control | UInt64(number) << 56 | CellMemo.numbered
        }
        return value
    }

    /// The name of a series, with events as they were numbered last; nil where it has none.
    private func name(of number: Int, _ owner: EventOwner, event: UInt64) -> SeriesName? {
        if names[number] != CellMemo.namedByEvent { return names[number] == .min ? nil : names[number] }
        guard case .guest(_, let counter) = owner else { return nil }
        let slot = Int(counter.index)
        for number in 0..<EventBindings.most where bound[slot * EventBindings.most + number] == event {
            return .event(slot, number)
        }
        return nil
    }

    /// What was told, what the events are like, and what the series do: it decides, and is not put into force.
    private func addSeries(_ replayer: inout Replayer, _ vcpu: Int?, _ pcpu: Int?) -> Bool {
        func add(_ name: SeriesName, _ number: Int) -> Bool {
            let isBlind =
                name < 0 && replayer.machine.scheduler.sink.takenFrom[pcpu ?? 0].contains { $0.series == number }
            let control = SeriesControl(replayer.machine.scheduler.sink.series[number], isBlind: isBlind)
            if control == SeriesControl() { return true }
            words.add(UInt64(truncatingIfNeeded: name) << 8 | control.word)
            if name >= 0, name < .firstShape, control.isOpen {
                let event = replayer.machine.scheduler.sink.series[number].config
                guard EventSelect.bare(control.config) == event else { return false }
                words.add(control.config & EventSelect.control)
            } else {
                words.add(control.config)
            }
            return true
        }
        if let pcpu {
            for (place, number) in ownSeries[pcpu].enumerated() {
                guard add(.own(place), Int(number)) else { return false }
            }
        }
        guard let vcpu else { return true }
        for told in replayer.machine.scheduler.sink.told where told.vcpu == vcpu {
            words.add(told.counters)
            words.add(
                UInt64(GuestRules.Telling.allCases.firstIndex(of: told.how) ?? 0) | (told.notice == .noticed ? 256 : 0))
        }
        words.add(.max)
        let first = EventBindings.place(vcpu, 0)
        for place in 0..<EventBindings.perVCPU where bound[place] != EventBindings.none {
            words.add(UInt64(place) << 48 | UInt64(boundTraits[place]))
            let number = bindings.series[first + place]
            let name = SeriesName.event(place / EventBindings.most, place % EventBindings.most)
            guard number < 0 || add(name, Int(number)) else { return false }
        }
        for (shape, number) in series[vcpu].enumerated() where number >= 0 {
            guard add(.shape(shape), Int(number)) else { return false }
        }
        return true
    }

    /// A number for what was said of the vCPU so far.
    private func saying(_ replayer: inout Replayer, _ vcpu: Int) -> Int {
        let said = replayer.sayings[vcpu]
        if said.count == sayingOf[vcpu].count { return sayingOf[vcpu].number }
        let number = sayingNumbers[said] ?? sayingNumbers.count
        sayingNumbers[said] = number
        sayingOf[vcpu] = (said.count, number)
        return number
    }
}
