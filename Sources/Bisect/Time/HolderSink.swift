import PMU
import Policy

/// Listens to a machine and keeps who holds which physical counter, and what changed since last looked at.
struct HolderSink: PMUSink {
    /// ns of the trace's clock; whoever drives the machine keeps it.
    var now: UInt64 = 0
    /// Holder codes, 64 per pCPU.
    private(set) var holders: [Int32]
    /// Places in `holders` that were written since last cleared; may name a place twice.
    var touched: [Int32] = []
    /// pCPUs whose multiplexing timer was asked for since last cleared.
    var timersWanted: [Int] = []
    /// What was refused, and when.
    private(set) var refusals: [(time: UInt64, refusal: Refusal)] = []
    /// Since when each event is in ERROR, `.max` if it is not.
    private(set) var errorSince: [UInt64] = []
    /// The virtual counters that each guest believes to count, by vCPU; vCPUs that never enabled any may be missing.
    private(set) var believed: [UInt64] = []
    /// perf core's state of each host event, by its index; `.off` until it is installed.
    private(set) var hostStates: [Int: EventState] = [:]
    private var codes: [Int32] = []

    init(pcpus: Int) { holders = [Int32](repeating: 0, count: pcpus * 64) }

    mutating func created(event: EventID, spec: EventSpec) {
        codes.append(CounterHolder(spec.owner).code)
        errorSince.append(.max)
    }

    mutating func start(pcpu: Int, event: EventID, counter: Int) { set(pcpu, counter, codes[event]) }

    mutating func stop(pcpu: Int, event: EventID, counter: Int) {
        if holders[pcpu << 6 | counter] == codes[event] { set(pcpu, counter, 0) }
    }

    mutating func guestLoaded(pcpu: Int, vcpu: Int, counters: UInt64) {
        forEach(counters) { $0.set(pcpu, $1, CounterHolder.guest(vcpu: vcpu, counter: Counter(index: UInt8($1))).code) }
    }

    mutating func guestPut(pcpu: Int, vcpu: Int, counters: UInt64) {
        for counter in 0..<64 where holders[pcpu << 6 | counter] & 1 == 1 { set(pcpu, counter, 0) }
    }

    mutating func stateChanged(pcpu: Int?, event: EventID, from: EventState, to: EventState) {
        if to == .error { errorSince[event] = now }
        if from == .error { errorSince[event] = .max }
        if case .host(let index)? = CounterHolder(code: codes[event]) { hostStates[index] = to }
    }

    mutating func guestEnabledChanged(vcpu: Int, mask: UInt64) {
        while believed.count <= vcpu { believed.append(0) }
        believed[vcpu] = mask
    }

    mutating func rotationTimerWanted(pcpu: Int) {
        if !timersWanted.contains(pcpu) { timersWanted.append(pcpu) }
    }

    mutating func refused(_ refusal: Refusal) { refusals.append((now, refusal)) }

    private mutating func set(_ pcpu: Int, _ counter: Int, _ code: Int32) {
        holders[pcpu << 6 | counter] = code
        touched.append(Int32(pcpu << 6 | counter))
    }

    private mutating func forEach(_ bits: UInt64, _ body: (inout Self, Int) -> Void) {
        var bits = bits
        while bits != 0 {
            body(&self, bits.trailingZeroBitCount)
            bits &= bits - 1
        }
    }
}
