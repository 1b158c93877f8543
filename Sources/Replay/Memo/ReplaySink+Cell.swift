import Host
import PMU
import Policy
import Timeline

extension ReplaySink {
    /// The cell of `vcpu` on `pcpu`, whose events are `ids`; nil where a series has no name.
    func cell(
        _ host: HostCell, _ vcpu: Int, _ pcpu: Int, ids: [EventID], isUnsynced: Bool, names: [SeriesName]
    ) -> ReplayCell? {
        func shapes(_ mask: UInt64, _ numbers: [Int32]) -> [(counter: UInt8, shape: Int32)]? {
            var list: [(counter: UInt8, shape: Int32)] = []
            var bits = mask
            while bits != 0 {
                let index = bits.trailingZeroBitCount
                bits &= bits - 1
                let number = numbers[vcpu * 64 + index]
                if number < 0 { continue }
                guard names[Int(number)] >= 0 else { return nil }
                list.append((UInt8(index), names[Int(number)]))
            }
            return list
        }
        guard let programmed = shapes(everProgrammed[vcpu], programmed),
            let loaded = shapes(guestLoadedBits[vcpu], loadedSeries)
        else { return nil }
        var list: [ReplayCell.Event] = []
        var holders: [(series: SeriesName, event: Int32)] = []
        for id in ids {
            let series = names[Int(events[id].series)]
            guard series != .min else { return nil }
            list.append(
                ReplayCell.Event(
                    series: series, config: events[id].config, lastCounter: events[id].lastCounter,
                    isRunning: events[id].isRunning))
        }
        for (number, id) in ids.enumerated() {
            let series = Int(events[id].series)
            if self.series[series].isOpen, self.series[series].holder == id {
                holders.append((list[number].series, Int32(number)))
            }
        }
        for (_, shape) in loaded { holders.append((shape, -1)) }
        return ReplayCell(
            host: host, programmed: programmed, everProgrammed: everProgrammed[vcpu], events: list, holders: holders,
            loadedBits: guestLoadedBits[vcpu], loaded: loaded,
            image: guestLoadedBits[vcpu] != 0 ? images[vcpu] : nil, running: running[pcpu],
            isUnsynced: isUnsynced)
    }

    /// Puts a cell into force; what its series do they do already.
    ///
    /// - Parameter gone: events of the vCPU that may be no more.
    mutating func restore(
        _ cell: ReplayCell, _ vcpu: Int, _ pcpu: Int, ids: [EventID], gone: [EventID],
        series number: (SeriesName) -> Int
    ) {
        for id in gone { events[id].isRunning = false }
        everProgrammed[vcpu] = cell.everProgrammed
        for (counter, shape) in cell.programmed { programmed[vcpu * 64 + Int(counter)] = Int32(number(shape)) }
        for (place, id) in ids.enumerated() {
            let one = cell.events[place]
            let series = number(one.series)
            let state = EventState(
                series: Int32(series), axis: self.series[series].axis,
                source: CountEstimator.Source(tracks: [], rates: .uniform, pace: nil, most: 0), config: one.config,
                vcpu: place < cell.host.scheduler.ownCount ? -1 : Int32(vcpu), mark: 0, count: 0,
                lastCounter: one.lastCounter, isRunning: one.isRunning)
            while events.count < id { events.append(state.idle) }
            if id < events.count { events[id] = state } else { events.append(state) }
        }
        for (series, event) in cell.holders {
            self.series[number(series)].holder = event >= 0 ? ids[Int(event)] : -1 - vcpu
        }
        guestLoadedBits[vcpu] = cell.loadedBits
        for (counter, shape) in cell.loaded { loadedSeries[vcpu * 64 + Int(counter)] = Int32(number(shape)) }
        if let image = cell.image { images[vcpu] = image }
        running[pcpu] = cell.running
    }
}

extension ReplaySink.EventState {
    fileprivate var idle: ReplaySink.EventState {
        var other = self
        other.isRunning = false
        return other
    }
}

extension ReplayCell {
    /// Appends words that are equal for two cells exactly if both go on alike, what their series do apart.
    func describe(into words: inout [UInt64]) {
        host.describe(into: &words)
        words += [everProgrammed, loadedBits, UInt64(running), isUnsynced ? 1 : 0, UInt64(programmed.count)]
        for (counter, shape) in programmed { words.append(UInt64(counter) << 32 | UInt64(shape)) }
        for event in events {
            words.append(event.config)
            words.append(
                UInt64(UInt32(bitPattern: event.series)) << 32 | UInt64(UInt16(truncatingIfNeeded: event.lastCounter))
                    << 1
                    | (event.isRunning ? 1 : 0))
        }
        words.append(UInt64(holders.count))
        for (series, event) in holders {
            words.append(UInt64(UInt32(bitPattern: series)) << 32 | UInt64(UInt32(bitPattern: event)))
        }
        words.append(UInt64(loaded.count))
        if loadedBits != 0 {
            for (counter, shape) in loaded { words.append(UInt64(counter) << 32 | UInt64(shape)) }
            for slot in 0..<GuestRegisters.slots { words.append(image?.eventSelect[slot] ?? 0) }
            words.append(image?.fixedControl ?? 0)
        }
    }
}
