import Timeline

/// The end of a replay, and what is known of each series then.
extension ReplaySink {
    /// The replay is over at `now`: everything that runs is stopped.
    mutating func finish() {
        for event in events.indices where events[event].isRunning {
            stopSeries(event)
        }
        for vcpu in guestLoadedBits.indices { stopGuest(vcpu) }
        for pcpu in takenFrom.indices { giveBack(pcpu) }
        for number in series.indices { series[number].disable(clocks.now(series[number].timeAxis, now)) }
        checker?.finish()
        if isWatched { laws?.finish() }
    }

    /// What is known of a series' count over all the time that it ran.
    func bounds(_ number: Int) -> CountBounds { bounds(number, series[number].folded, upTo: .max, but: 0) }

    /// The same up to where its owner surely did what it did when recorded (`SeriesState.cut`).
    func boundsBeforeCut(_ number: Int) -> CountBounds {
        bounds(number, series[number].foldedBeforeCut, upTo: series[number].cut ?? .max, but: 0)
    }

    /// `sum` and what is known over the stretches, less the last `kept`, up to `end` of the series' axis.
    func bounds(_ number: Int, _ sum: CountBounds, upTo end: UInt64, but kept: Int) -> CountBounds {
        let one = series[number]
        var sum = sum
        var source: (config: UInt64, source: CountEstimator.Source)?
        for index in one.from.indices.dropLast(kept) where one.from[index] < end {
            if source?.config != one.ranAs[index] {
                source = (one.ranAs[index], self.source(one, one.ranAs[index]))
            }
            sum = sum + estimator.count(source!.source, from: one.from[index], to: min(one.to[index], end))
        }
        return sum
    }

    /// The most that can have happened of an event in a series' context from a time on its axis to the end: what was
    /// measured, and what the hardware can do in the rest. nil where counts do not fit the axis.
    func most(_ number: Int, _ config: UInt64, from: UInt64) -> UInt64? {
        var source = source(series[number], config)
        if source.tracks.contains(where: { estimator.measurements.tracks[$0].isIrregular }) { return nil }
        (source.pace, source.rates) = (nil, .unclear)
        return estimator.count(source, from: from, to: clocks.now(series[number].axis, now)).hi
    }
}
