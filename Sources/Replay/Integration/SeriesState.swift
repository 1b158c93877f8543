import PMU
import Policy
import Timeline

/// One guest counter with one event, or one host event, while it is replayed. Times are ns on its context's own axis.
struct SeriesState: Sendable {
    var owner: EventOwner
    var axis: ModeClocks.Axis
    /// What its enabled, running and blind times are told on: for a host event the clock on the wall wherever its owner
    /// is on the CPU, whatever mode it counts in.
    var timeAxis: ModeClocks.Axis
    /// The event as its owner asked for it.
    var config: UInt64
    var rates: CountEstimator.RateTrust
    /// What the hardware can count of it, where nothing was measured.
    var most: PhysicalLimit?
    /// When it ran, rising, but for the last time; stretches that touch on the axis are one. The first ones may have
    /// been folded.
    private(set) var from: [UInt64] = []
    private(set) var to: [UInt64] = []
    /// The config it ran as, which a policy may have translated.
    private(set) var ranAs: [UInt64] = []
    /// The last stretch, which may yet grow.
    private(set) var last: Stretch?
    /// When it was made, and its place among all of that time (`ReplaySink.rank`).
    var madeAt: UInt64 = 0
    var rank: Int32 = -1
    /// What is known of the count over the stretches that were folded, and their digest.
    private(set) var folded = CountBounds()
    private(set) var foldedBeforeCut = CountBounds()
    private var foldedDigest: UInt64 = 0x9e37_79b9_7f4a_7c15
    private(set) var enabledNs: UInt64 = 0
    private(set) var blindNs: UInt64 = 0
    /// Up to when, on `axis`, its owner surely did what it did when recorded; nil where it always did.
    var cut: UInt64?
    /// Time it held a counter, on the time axis.
    private(set) var runningNs: UInt64 = 0
    /// The part of it during which a guest's counter was backed by a physical counter of another number.
    private(set) var crossMappedNs: UInt64 = 0
    private var isCrossMapped = false
    /// When it first went without a counter for a while although it was enabled, on the time axis; nil if it never did.
    private(set) var wentWithout: UInt64?
    /// Since when it is enabled and holds no counter.
    private var waitsFrom: UInt64?
    private var runFrom: UInt64?
    private var enabledFrom: UInt64?
    private var openFrom: UInt64?
    private var openConfig: UInt64 = 0
    private var openMost: PhysicalLimit?

    init(owner: EventOwner, axis: ModeClocks.Axis, config: UInt64, rates: CountEstimator.RateTrust) {
        self.owner = owner
        self.axis = axis
        timeAxis =
            switch axis {
            case .pcpuHost(let pcpu), .pcpuGuest(let pcpu): .pcpu(pcpu)
            case .threadHost(let vcpu): .thread(vcpu)
            case .guest, .pcpu, .thread, .hostTask: axis
            }
        self.config = config
        self.rates = rates
    }

    var isEnabled: Bool { enabledFrom != nil }
    /// Whether it holds a counter, and as what.
    var isOpen: Bool { openFrom != nil }
    var runsAs: UInt64 { openConfig }
    var runsCrossMapped: Bool { isCrossMapped }
    /// The event that runs for it; only it can stop it.
    var holder = Int.min

    struct Stretch: Sendable {
        var from: UInt64
        var to: UInt64
        var ranAs: UInt64
        /// What the hardware can count of the event; nil where counts were measured.
        var most: PhysicalLimit?
    }

    /// A digest of the stretches and of what ran in them.
    var schedule: UInt64 {
        var digest = foldedDigest
        for index in from.indices { SeriesState.mix(&digest, from[index], to[index], ranAs[index]) }
        if let last { SeriesState.mix(&digest, last.from, last.to, last.ranAs) }
        return digest
    }

    @inline(__always)
    private static func mix(_ digest: inout UInt64, _ from: UInt64, _ to: UInt64, _ ranAs: UInt64) {
        func mix(_ word: UInt64) {
            digest ^= word
            digest = (digest ^ (digest >> 30)) &* 0xbf58_476d_1ce4_e5b9
            digest = (digest ^ (digest >> 27)) &* 0x94d0_49bb_1331_11eb
            digest ^= digest >> 31
        }
        mix(from)
        mix(to)
        mix(ranAs)
    }

    /// Forgets all stretches but the last; the count over them and over what was folded before is in `sum`.
    mutating func fold(_ sum: CountBounds, beforeCut: CountBounds) {
        for index in from.indices { SeriesState.mix(&foldedDigest, from[index], to[index], ranAs[index]) }
        folded = sum
        foldedBeforeCut = beforeCut
        from.removeAll(keepingCapacity: true)
        to.removeAll(keepingCapacity: true)
        ranAs.removeAll(keepingCapacity: true)
    }

    /// Folds a stretch of which nothing was measured: there is nothing to look up.
    @inline(__always)
    private mutating func fold(_ stretch: Stretch, _ most: PhysicalLimit) {
        SeriesState.mix(&foldedDigest, stretch.from, stretch.to, stretch.ranAs)
        folded = folded + .unmeasured(most, over: stretch.to - stretch.from)
        guard let cut else {
            // Before there is a cut everything lies before it.
            foldedBeforeCut = folded
            return
        }
        if stretch.from < cut {
            foldedBeforeCut = foldedBeforeCut + .unmeasured(most, over: min(stretch.to, cut) - stretch.from)
        }
    }

    mutating func enable(_ time: UInt64) {
        if enabledFrom != nil { return }
        enabledFrom = time
        if openFrom == nil { waitsFrom = time }
    }

    mutating func disable(_ time: UInt64) {
        guard let began = enabledFrom else { return }
        enabledNs += time > began ? time - began : 0
        enabledFrom = nil
        endWaiting(time)
    }

    /// `time` is on the axis of counts, `clock` on that of times. `most`: what the hardware can count, where
    /// nothing was measured. `crossMapped`: a guest's counter runs on a physical
    /// counter of another number.
    mutating func run(
        _ time: UInt64, clock: UInt64, event: Int, config: UInt64, most: PhysicalLimit? = nil,
        crossMapped: Bool = false
    ) {
        if openFrom != nil { close(time, clock) }
        endWaiting(clock)
        openFrom = time
        runFrom = clock
        isCrossMapped = crossMapped
        openConfig = config
        openMost = most
        holder = event
    }

    mutating func stop(_ time: UInt64, clock: UInt64, event: Int) {
        guard holder == event else { return }
        close(time, clock)
    }

    /// Stops it, whatever event runs for it.
    mutating func halt(_ time: UInt64, clock: UInt64) { close(time, clock) }

    @inline(__always)
    private mutating func endWaiting(_ clock: UInt64) {
        guard let since = waitsFrom else { return }
        waitsFrom = nil
        if wentWithout == nil, clock > since { wentWithout = since }
    }

    /// The whole PMU was gone from `clock` on for a while.
    mutating func wasBlind(from clock: UInt64, to end: UInt64) {
        blindNs += end - clock
        if end > clock { wentWithout = min(wentWithout ?? clock, clock) }
    }

    private mutating func close(_ time: UInt64, _ clock: UInt64) {
        if let began = runFrom, clock > began {
            runningNs += clock - began
            if isCrossMapped { crossMappedNs += clock - began }
        }
        runFrom = nil
        guard let began = openFrom else { return }
        openFrom = nil
        if enabledFrom != nil { waitsFrom = clock }
        holder = .min
        guard time > began else { return }
        if let ended = last {
            if ended.to == began, ended.ranAs == openConfig {
                last?.to = time
                return
            }
            if let most = ended.most {
                fold(ended, most)
            } else {
                from.append(ended.from)
                to.append(ended.to)
                ranAs.append(ended.ranAs)
            }
        }
        last = Stretch(from: began, to: time, ranAs: openConfig, most: openMost)
    }
}
