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
    func bounds(_ number: Int) -> CountBounds { bounds(number, series[number].folded, upTo: .max, including: .last) }

    /// The same up to where its owner surely did what it did when recorded (`SeriesState.cut`).
    func boundsBeforeCut(_ number: Int) -> CountBounds {
        bounds(number, series[number].foldedBeforeCut, upTo: series[number].cut ?? .max, including: .last)
    }

    enum Stretches { case allButLast, last }

    /// `sum` and what is known over the stretches up to `end` of the series' axis.
    func bounds(_ number: Int, _ sum: CountBounds, upTo end: UInt64, including: Stretches) -> CountBounds {
        let one = series[number]
        var sum = sum
        var source: (config: UInt64, source: CountEstimator.Source)?
        func add(_ from: UInt64, _ to: UInt64, _ ranAs: UInt64) {
            if from >= end { return }
            if source?.config != ranAs { source = (ranAs, ReplaySink.source(estimator, one, ranAs)) }
            sum = sum + estimator.count(source!.source, from: from, to: min(to, end))
        }
        for index in one.from.indices { add(one.from[index], one.to[index], one.ranAs[index]) }
        if including == .last, let last = one.last { add(last.from, last.to, last.ranAs) }
        return sum
    }

    /// The most that can have happened of an event in a series' context from a time on its axis to the end: what was
    /// measured, and what the hardware can do in the rest. nil where counts do not fit the axis.
    func most(_ number: Int, _ config: UInt64, from: UInt64) -> UInt64? {
        var source = ReplaySink.source(estimator, series[number], config)
        if source.tracks.contains(where: { estimator.measurements.tracks[$0].isIrregular }) { return nil }
        (source.pace, source.rates) = (nil, .unclear)
        return estimator.count(source, from: from, to: clocks.now(series[number].axis, now)).hi
    }
}
