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
    /// When it ran, rising; stretches that touch on the axis are one. The first ones may have been folded.
    private(set) var from: [UInt64] = []
    private(set) var to: [UInt64] = []
    /// The config it ran as, which a policy may have translated.
    private(set) var ranAs: [UInt64] = []
    /// What is known of the count over the stretches that were folded, and their digest.
    private(set) var folded = CountBounds()
    private(set) var foldedBeforeCut = CountBounds()
    private var foldedDigest: UInt64 = 0x9e37_79b9_7f4a_7c15
    private(set) var enabledNs: UInt64 = 0
    var blindNs: UInt64 = 0
    /// Up to when, on `axis`, its owner surely did what it did when recorded; nil where it always did.
    var cut: UInt64?
    /// Time it held a counter, on the time axis.
    private(set) var runningNs: UInt64 = 0
    /// The part of it during which a guest's counter was backed by a physical counter of another number.
    private(set) var crossMappedNs: UInt64 = 0
    private var isCrossMapped = false
    private var runFrom: UInt64?
    private var enabledFrom: UInt64?
    private var openFrom: UInt64?
    private var openConfig: UInt64 = 0

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

    /// A digest of the stretches and of what ran in them.
    var schedule: UInt64 { digest(but: 0) }

    private func digest(but kept: Int) -> UInt64 {
        var digest = foldedDigest
        func mix(_ word: UInt64) {
            digest ^= word
            digest = (digest ^ (digest >> 30)) &* 0xbf58_476d_1ce4_e5b9
            digest = (digest ^ (digest >> 27)) &* 0x94d0_49bb_1331_11eb
            digest ^= digest >> 31
        }
        for index in from.indices.dropLast(kept) {
            mix(from[index])
            mix(to[index])
            mix(ranAs[index])
        }
        return digest
    }

    /// Forgets all stretches but the last `kept`; the count over them and over what was folded before is in `sum`.
    mutating func fold(_ sum: CountBounds, beforeCut: CountBounds, but kept: Int) {
        foldedDigest = digest(but: kept)
        folded = sum
        foldedBeforeCut = beforeCut
        let gone = from.count - kept
        from.removeFirst(gone)
        to.removeFirst(gone)
        ranAs.removeFirst(gone)
    }

    mutating func enable(_ time: UInt64) { if enabledFrom == nil { enabledFrom = time } }

    mutating func disable(_ time: UInt64) {
        guard let began = enabledFrom else { return }
        enabledNs += time > began ? time - began : 0
        enabledFrom = nil
    }

    /// `time` is on the axis of counts, `clock` on that of times. `crossMapped`: a guest's counter runs on a physical
    /// counter of another number.
    mutating func run(
        _ time: UInt64, clock: UInt64, event: Int, config: UInt64, crossMapped: Bool = false
    ) {
        if openFrom != nil { close(time, clock) }
        openFrom = time
        runFrom = clock
        isCrossMapped = crossMapped
        openConfig = config
        holder = event
    }

    mutating func stop(_ time: UInt64, clock: UInt64, event: Int) {
        guard holder == event else { return }
        close(time, clock)
    }

    /// Stops it, whatever event runs for it.
    mutating func halt(_ time: UInt64, clock: UInt64) { close(time, clock) }

    private mutating func close(_ time: UInt64, _ clock: UInt64) {
        if let began = runFrom, clock > began {
            runningNs += clock - began
            if isCrossMapped { crossMappedNs += clock - began }
        }
        runFrom = nil
        guard let began = openFrom else { return }
        openFrom = nil
        holder = .min
        guard time > began else { return }
        if let last = to.indices.last, to[last] == began, ranAs[last] == openConfig {
            to[last] = time
        } else {
            from.append(began)
            to.append(time)
            ranAs.append(openConfig)
        }
    }
}
