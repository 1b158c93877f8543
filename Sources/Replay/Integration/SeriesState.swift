import PMU
import Policy
import Timeline

/// One guest counter with one event, or one host event, while it is replayed. Times are ns on its context's own axis.
struct SeriesState: Sendable {
    var owner: EventOwner
    var axis: ModeClocks.Axis
    /// The event as its owner asked for it.
    var config: UInt64
    var rates: CountEstimator.RateTrust
    /// When it ran, rising; stretches that touch on the axis are one.
    private(set) var from: [UInt64] = []
    private(set) var to: [UInt64] = []
    /// The config it ran as, which a policy may have translated.
    private(set) var ranAs: [UInt64] = []
    private(set) var enabledNs: UInt64 = 0
    var blindNs: UInt64 = 0
    private var enabledFrom: UInt64?
    private var openFrom: UInt64?
    private var openConfig: UInt64 = 0
    private var holder = Int.min

    init(owner: EventOwner, axis: ModeClocks.Axis, config: UInt64, rates: CountEstimator.RateTrust) {
        self.owner = owner
        self.axis = axis
        self.config = config
        self.rates = rates
    }

    var isEnabled: Bool { enabledFrom != nil }
    var runningNs: UInt64 { zip(from, to).reduce(0) { $0 + ($1.1 - $1.0) } }

    mutating func enable(_ time: UInt64) { if enabledFrom == nil { enabledFrom = time } }

    mutating func disable(_ time: UInt64) {
        guard let began = enabledFrom else { return }
        enabledNs += time - began
        enabledFrom = nil
    }

    mutating func run(_ time: UInt64, event: Int, config: UInt64) {
        if openFrom != nil { close(time) }
        openFrom = time
        openConfig = config
        holder = event
    }

    mutating func stop(_ time: UInt64, event: Int) {
        guard holder == event else { return }
        close(time)
    }

    private mutating func close(_ time: UInt64) {
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
