import PMU
import Policy

/// What a series is doing.
struct SeriesControl: Equatable {
    var isOpen = false
    var isCrossMapped = false
    var isEnabled = false
    /// The PMU was taken from it: it is blind.
    var isBlind = false
    var config: UInt64 = 0

    init() {}

    /// Inlined, so that nobody copies the series.
    @inline(__always)
    init(_ series: SeriesState, isBlind: Bool) {
        isOpen = series.isOpen
        isCrossMapped = isOpen && series.runsCrossMapped
        isEnabled = series.isEnabled
        config = isOpen ? series.runsAs : 0
        self.isBlind = isBlind
    }

    var word: UInt64 { (isOpen ? 1 : 0) | (isCrossMapped ? 2 : 0) | (isEnabled ? 4 : 0) | (isBlind ? 8 : 0) }
}

/// What becomes of a series at one moment.
struct SeriesChange {
    var series: SeriesName
    var from: SeriesControl
    var to: SeriesControl
    /// What it runs as from then on; of an event that has a number the control bits alone.
    var config: UInt64

    /// The shortest way there. What is closed and opened again at one moment as the same has run on.
    func add(to steps: inout ContiguousArray<SeriesStep>) {
        func add(_ kind: SeriesStep.Kind) { steps.append(SeriesStep(kind: kind, series: series, config: config)) }
        if from.isBlind, !to.isBlind { add(.giveBack) }
        if from.isOpen != to.isOpen || from.config != to.config || from.isCrossMapped != to.isCrossMapped {
            add(!to.isOpen ? .close : to.isCrossMapped ? .openCrossMapped : .open)
        }
        if from.isEnabled != to.isEnabled { add(to.isEnabled ? .enable : .disable) }
        if to.isBlind, !from.isBlind { add(.take) }
    }
}

/// One thing that happens to a series, or to the numbers of a counter's events: `rebind` names the counter's slot
/// instead of a series.
struct SeriesStep: Hashable {
    enum Kind: UInt8 { case close, open, openCrossMapped, enable, disable, exists, take, giveBack, rebind }
    var kind: Kind
    var series: SeriesName
    var config: UInt64 = 0
    /// What the hardware can count of an event that is opened and has no number.
    var most = PhysicalLimit(perSecond: 0)

    var opens: Bool { kind == .open || kind == .openCrossMapped }
}
