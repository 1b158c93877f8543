import Host
import PMU
import Policy
import Timeline

extension ReplaySink {
    /// Writes down what the sink keeps of a vCPU and its events, and of a pCPU and its own; what their series do apart.
    ///
    /// - Parameters:
    ///   - scope: the events, whose counters' slots are `slots`, -1 for none.
    ///   - word: how an event select or config of a counter reads, by its slot.
    ///   - name: a series' name, by its number, owner and event; nil where it has none, and there is no such cell.
    func write(
        _ scope: CellScope, vcpu: Int?, pcpu: Int?, slots: [Int], into cell: inout CellWords,
        word: (Int, UInt64) -> UInt64, name: (Int, EventOwner, UInt64) -> SeriesName?
    ) -> Bool {
        func add(_ mask: UInt64, _ numbers: [Int32], _ vcpu: Int) -> Bool {
            cell.add(mask)
            var bits = mask
            while bits != 0 {
                let number = Int(numbers[vcpu * 64 + bits.trailingZeroBitCount])
                bits &= bits - 1
                var word: UInt64 = 0
                if number >= 0 {
                    guard let name = name(number, series[number].owner, series[number].config), name >= 0 else {
                        return false
                    }
                    word = UInt64(name) + 1
                }
                cell.add(word)
            }
            return true
        }
        if let vcpu {
            guard add(everProgrammed[vcpu], programmed, vcpu), add(guestLoadedBits[vcpu], loadedSeries, vcpu) else {
                return false
            }
            if guestLoadedBits[vcpu] != 0 {
                for slot in 0..<GuestRegisters.slots { cell.add(word(slot, images[vcpu].eventSelect[slot])) }
                cell.add(images[vcpu].fixedControl)
            }
        }
        if let pcpu { cell.add(UInt64(running[pcpu])) }
        for (number, id) in scope.events.enumerated() {
            let slot = number < scope.ownCount ? -1 : slots[number - scope.ownCount]
            cell.add(slot >= 0 ? word(slot, events[id].config) : events[id].config)
            let series = Int(events[id].series)
            guard let name = name(series, self.series[series].owner, self.series[series].config) else { return false }
            let holds = self.series[series].isOpen && self.series[series].holder == id
            cell.add(
                UInt64(UInt32(bitPattern: name)) << 32 | UInt64(UInt16(truncatingIfNeeded: events[id].lastCounter + 1))
                    | (events[id].isRunning ? 1 << 16 : 0) | (holds ? 1 << 17 : 0))
        }
        return true
    }

    /// Puts what was written down into force; what its series do they do already.
    ///
    /// - Parameters:
    ///   - select: the event select or config of a counter that a word stands for, by its slot.
    ///   - series: the series of a name.
    mutating func read(
        _ cell: inout CellReading, _ scope: CellScope, vcpu: Int?, pcpu: Int?, slots: [Int],
        select: (Int, UInt64) -> UInt64, series number: (SeriesName) -> Int
    ) {
        func numbers(_ list: inout [Int32], _ vcpu: Int) -> UInt64 {
            let mask = cell.next()
            var bits = mask
            while bits != 0 {
                let word = cell.next()
                list[vcpu * 64 + bits.trailingZeroBitCount] = word == 0 ? -1 : Int32(number(SeriesName(word - 1)))
                bits &= bits - 1
            }
            return mask
        }
        if let vcpu {
            everProgrammed[vcpu] = numbers(&programmed, vcpu)
            guestLoadedBits[vcpu] = numbers(&loadedSeries, vcpu)
            if guestLoadedBits[vcpu] != 0 {
                for slot in 0..<GuestRegisters.slots { images[vcpu].eventSelect[slot] = select(slot, cell.next()) }
                images[vcpu].fixedControl = cell.next()
            }
        }
        if let pcpu { running[pcpu] = Int(cell.next()) }
        for (place, id) in scope.events.enumerated() {
            let slot = place < scope.ownCount ? -1 : slots[place - scope.ownCount]
            let config = slot >= 0 ? select(slot, cell.next()) : cell.next()
            let word = cell.next()
            let series = number(SeriesName(truncatingIfNeeded: word >> 32))
            let state = EventState(
                series: Int32(series), axis: self.series[series].axis,
                source: CountEstimator.Source(
                    tracks: [], rates: .uniform, pace: nil, most: PhysicalLimit(perSecond: 0)), config: config,
                vcpu: place < scope.ownCount ? -1 : Int32(vcpu ?? -1), mark: 0, count: 0,
                lastCounter: Int32(word & 0xffff) - 1, isRunning: word & 1 << 16 != 0)
            while events.count < id { events.append(state.idle) }
            if id < events.count { events[id] = state } else { events.append(state) }
            if word & 1 << 17 != 0 { self.series[series].holder = id }
        }
        guard let vcpu else { return }
        var bits = guestLoadedBits[vcpu]
        while bits != 0 {
            let series = Int(loadedSeries[vcpu * 64 + bits.trailingZeroBitCount])
            bits &= bits - 1
            if series >= 0 { self.series[series].holder = -1 - vcpu }
        }
    }
}

extension ReplaySink.EventState {
    fileprivate var idle: ReplaySink.EventState {
        var other = self
        other.isRunning = false
        return other
    }
}
