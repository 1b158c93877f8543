import Host
import PMU
import Policy
import Timeline

/// All that decides what a replay does with one vCPU and the pCPU that it is current on, until another thread is; times and what
/// was counted so far are no part of it. Neither vCPU nor pCPU is named: equal cells go on alike.
final class ReplayCell {
    let host: HostCell
    /// The guest's series that each virtual counter's programming means, by the counter's index.
    let programmed: [(counter: UInt8, shape: Int32)]
    let everProgrammed: UInt64
    /// Per event of the cell, the pCPU's own ones first.
    let events: [Event]
    /// Series that hold a counter, and the event that runs for them: -1 the guest itself, with the PMU in its hands.
    let holders: [(series: SeriesName, event: Int32)]
    let loadedBits: UInt64
    let loaded: [(counter: UInt8, shape: Int32)]
    /// The registers that the guest's counters were loaded with, where they are.
    let image: GuestRegisters?
    let running: Int
    /// Whether something was programmed or told of that the sink has not heard of yet.
    let isUnsynced: Bool

    init(
        host: HostCell, programmed: [(counter: UInt8, shape: Int32)], everProgrammed: UInt64, events: [Event],
        holders: [(series: SeriesName, event: Int32)], loadedBits: UInt64, loaded: [(counter: UInt8, shape: Int32)],
        image: GuestRegisters?, running: Int, isUnsynced: Bool
    ) {
        self.host = host
        self.programmed = programmed
        self.everProgrammed = everProgrammed
        self.events = events
        self.holders = holders
        self.loadedBits = loadedBits
        self.loaded = loaded
        self.image = image
        self.running = running
        self.isUnsynced = isUnsynced
    }

    struct Event {
        var series: SeriesName
        var config: UInt64
        var lastCounter: Int32
        var isRunning: Bool
    }
}

/// A series, whichever vCPU or pCPU it is of: a shape of a guest's (not negative), or the pCPU's own event n as -1 - n.
typealias SeriesName = Int32

/// What a series is doing.
struct SeriesControl: Equatable {
    var isOpen = false
    var isCrossMapped = false
    var isEnabled = false
    /// The PMU was taken from it: it is blind.
    var isBlind = false
    var config: UInt64 = 0

    init() {}

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

    /// The shortest way there. What is closed and opened again at one moment as the same has run on.
    var steps: [SeriesStep] {
        var steps: [SeriesStep] = []
        func add(_ kind: SeriesStep.Kind) { steps.append(SeriesStep(kind: kind, series: series, config: to.config)) }
        if from.isOpen != to.isOpen || from.config != to.config || from.isCrossMapped != to.isCrossMapped {
            add(!to.isOpen ? .close : to.isCrossMapped ? .openCrossMapped : .open)
        }
        if from.isEnabled != to.isEnabled { add(to.isEnabled ? .enable : .disable) }
        return steps
    }
}

/// One thing that happens to a series.
struct SeriesStep {
    enum Kind: UInt8 { case close, open, openCrossMapped, enable, disable, exists, take, giveBack }
    var kind: Kind
    var series: SeriesName
    var config: UInt64 = 0
}
