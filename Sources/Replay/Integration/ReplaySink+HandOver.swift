import Host
import PMU
import Policy
import Timeline

/// The whole PMU goes to a guest and comes back.
extension ReplaySink {
    mutating func guestRegisters(vcpu: Int, registers: GuestRegisters) {
        checker?.guestRegisters(vcpu: vcpu, registers: registers)
        // A loaded guest gave a counter that goes on counting another event.
        let loaded = guestLoadedBits[vcpu]
        if loaded != 0 { stopGuest(vcpu) }
        images[vcpu] = registers
        if loaded != 0 { startGuest(vcpu, loaded & registers.locallyEnabled) }
    }

    mutating func guestLoaded(pcpu: Int, vcpu: Int, counters: UInt64) {
        if isWatched || isCompared {
            laws?.guestLoaded(pcpu: pcpu, vcpu: vcpu, counters: counters)
            checker?.guestLoaded(pcpu: pcpu, vcpu: vcpu, counters: counters)
        }
        startGuest(vcpu, counters)
        guard takenFrom[pcpu].isEmpty else { return }
        // An event that leaves guests out misses nothing while one runs.
        for number in takenWithGuest[pcpu] where series[Int(number)].isEnabled {
            takenFrom[pcpu].append((Int(number), clocks.now(series[Int(number)].timeAxis, now)))
        }
    }

    mutating func guestPut(pcpu: Int, vcpu: Int, counters: UInt64) {
        if isWatched || isCompared {
            laws?.guestPut(pcpu: pcpu, vcpu: vcpu, counters: counters)
            checker?.guestPut(pcpu: pcpu, vcpu: vcpu, counters: counters)
        }
        stopGuest(vcpu)
        giveBack(pcpu)
    }

    /// The host has a pCPU's PMU again; what it lost meanwhile was blind time.
    mutating func giveBack(_ pcpu: Int) {
        for (number, from) in takenFrom[pcpu] {
            series[number].wasBlind(from: from, to: clocks.now(series[number].timeAxis, now))
        }
        takenFrom[pcpu].removeAll(keepingCapacity: true)
    }

    mutating func guestChanged(pcpu: Int, vcpu: Int, from: UInt64, to: UInt64) {
        if isWatched { laws?.guestChanged(pcpu: pcpu, vcpu: vcpu, from: from, to: to) }
        stopGuest(vcpu)
        startGuest(vcpu, to)
    }

    mutating func guestCount(vcpu: Int, counter: Int) -> UInt64 {
        guard let slot = GuestRegisters.slot(of: Counter(index: UInt8(counter))) else { return 0 }
        settleGuest(vcpu, slot)
        return guestTotals[vcpu * 16 + slot]
    }

    private mutating func startGuest(_ vcpu: Int, _ counters: UInt64) {
        let time = clocks.now(.guest(vcpu), now)
        guestLoadedBits[vcpu] = counters
        var bits = counters
        while bits != 0 {
            let index = bits.trailingZeroBitCount
            bits &= bits - 1
            guard let slot = GuestRegisters.slot(of: Counter(index: UInt8(index))) else { continue }
            guestMarks[vcpu * 16 + slot] = time
            let counter = Counter(index: UInt8(index))
            let number = seriesNumber(vcpu, counter, GuestConfig.of(counter, images[vcpu]))
            loadedSeries[vcpu * 64 + index] = Int32(number)
            series[number].run(
                time, clock: time, event: -1 - vcpu, config: series[number].config,
                most: most(series[number].config))
        }
    }

    mutating func stopGuest(_ vcpu: Int) {
        let time = clocks.now(.guest(vcpu), now)
        var bits = guestLoadedBits[vcpu]
        while bits != 0 {
            let index = bits.trailingZeroBitCount
            bits &= bits - 1
            if let slot = GuestRegisters.slot(of: Counter(index: UInt8(index))) { settleGuest(vcpu, slot) }
            let number = Int(loadedSeries[vcpu * 64 + index])
            guard number >= 0 else { continue }
            series[number].stop(time, clock: time, event: -1 - vcpu)
            if series[number].from.count > ReplaySink.stretchesKept { fold(number) }
        }
        guestLoadedBits[vcpu] = 0
    }

    private mutating func settleGuest(_ vcpu: Int, _ slot: Int) {
        let counter = GuestRegisters.counter(at: slot)
        guard guestLoadedBits[vcpu] & counter.bit != 0 else { return }
        let time = clocks.now(.guest(vcpu), now)
        let number = Int(loadedSeries[vcpu * 64 + Int(counter.index)])
        if number >= 0 {
            let state = series[number]
            let counted = estimator.count(
                ReplaySink.source(estimator, state, state.config), from: guestMarks[vcpu * 16 + slot], to: time)
            guestTotals[vcpu * 16 + slot] &+= counted.guess
        }
        guestMarks[vcpu * 16 + slot] = time
    }
}
