import Host
import PMU
import Policy
import Timeline

/// What guests believe to count, as they program it, and what they are told.
extension ReplaySink {
    /// The guest's programming changed: counters in `enabled` count as far as it knows. `config` gives a slot's event.
    mutating func guestPrograms(_ vcpu: Int, enabled: UInt64, config: (Counter) -> UInt64) {
        let time = clocks.now(.guest(vcpu), now)
        everProgrammed[vcpu] |= enabled
        var bits = everProgrammed[vcpu]
        while bits != 0 {
            let counter = Counter(index: UInt8(bits.trailingZeroBitCount))
            bits &= bits - 1
            let place = vcpu * 64 + Int(counter.index)
            let isOn = enabled & counter.bit != 0
            let old = Int(programmed[place])
            let wanted = isOn ? seriesNumber(vcpu, counter, config(counter)) : -1
            if old >= 0, old != wanted { series[old].disable(time) }
            if wanted >= 0 {
                series[wanted].enable(time)
                programmed[place] = Int32(wanted)
            } else {
                programmed[place] = Int32(old)
            }
        }
    }

    /// A guest that is told something, or looks, believes otherwise from now on without a write of its own. What a
    /// write changes `guestPrograms` says once it is done.
    mutating func guestEnabledChanged(vcpu: Int, mask: UInt64) {
        if isWatched { laws?.guestEnabledChanged(vcpu: vcpu, mask: mask) }
        guard writing != vcpu else { return }
        let time = clocks.now(.guest(vcpu), now)
        var bits = everProgrammed[vcpu]
        while bits != 0 {
            let index = bits.trailingZeroBitCount
            bits &= bits - 1
            let number = Int(programmed[vcpu * 64 + index])
            if mask >> UInt64(index) & 1 != 0 { series[number].enable(time) } else { series[number].disable(time) }
        }
    }

    mutating func seriesNumber(_ vcpu: Int, _ counter: Counter, _ config: UInt64) -> Int {
        let bare = EventSelect.bare(config)
        let last = Int(programmed[vcpu * 64 + Int(counter.index)])
        if last >= 0, series[last].config == bare { return last }
        let event = GuestEvent(vcpu: Int32(vcpu), counter: counter.index, config: bare)
        if notesAsked { asked.append(event) }
        return seriesNumber(event)
    }

    /// The series of a guest's counter with an event, from now on if it is new.
    mutating func seriesNumber(_ event: GuestEvent) -> Int {
        let vcpu = Int(event.vcpu)
        if let known = guestSeries[event] { return Int(known) }
        series.append(
            SeriesState(
                owner: .guest(vcpu: vcpu, counter: Counter(index: event.counter)), axis: .guest(vcpu),
                config: event.config, rates: .uniform))
        series[series.count - 1].most = most(event.config)
        (series[series.count - 1].madeAt, series[series.count - 1].rank) = (now, rank)
        if diverged[vcpu] { series[series.count - 1].cut = clocks.now(.guest(vcpu), now) }
        guestSeries[event] = Int32(series.count - 1)
        return series.count - 1
    }

    mutating func guestTold(vcpu: Int, counters: UInt64, how: GuestRules.Telling, notice: GuestRules.Notice) {
        if isWatched { laws?.guestTold(vcpu: vcpu, counters: counters, how: how, notice: notice) }
        let telling = Told(time: now, vcpu: vcpu, counters: counters, how: how, notice: notice, rank: rank)
        // A guest that asks again is told again; the first time says it.
        if !told.contains(where: { $0.isSame(as: telling) }) { told.append(telling) }
    }

    /// From here on the guest of `vcpu` may do something else than when recorded.
    mutating func diverges(vcpu: Int) {
        guard !diverged[vcpu] else { return }
        diverged[vcpu] = true
        for number in series.indices {
            if case .guest(vcpu, _) = series[number].owner { series[number].cut = clocks.now(.guest(vcpu), now) }
        }
    }
}
