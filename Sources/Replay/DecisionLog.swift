import PMU
import Policy
import Timeline

/// Notes every change of who holds a physical counter, as a replay makes them: what `Timeline.decisions` is for a
/// recording. It listens behind the law checker, which calls it for every step.
struct DecisionLog: PMUSink {
    /// ns of the trace's clock; whoever drives the machine keeps it.
    var now: UInt64 = 0
    private(set) var decisions: [Decision] = []
    private let isOn: Bool
    private var specs: [EventSpec] = []
    /// The event on each counter, -1 if none, now and when it was last told: pCPU * 64 + counter.
    private var holders: [Int]
    private var told: [Int]
    private var touched: [Int] = []
    private var images: [Int: GuestRegisters] = [:]

    /// - Parameter pcpus: number of logical host CPUs; 0 for a log that notes nothing.
    init(pcpus: Int = 0) {
        isOn = pcpus > 0
        holders = [Int](repeating: -1, count: pcpus * 64)
        told = holders
    }

    mutating func created(event: EventID, spec: EventSpec) {
        if isOn { specs.append(spec) }
    }

    mutating func start(pcpu: Int, event: EventID, counter: Int) { hold(pcpu << 6 | counter, event) }
    mutating func stop(pcpu: Int, event: EventID, counter: Int) { hold(pcpu << 6 | counter, -1) }

    private mutating func hold(_ place: Int, _ event: EventID) {
        guard isOn else { return }
        holders[place] = event
        touched.append(place)
    }

    /// What was stopped and started again on the same counter has not changed hands.
    mutating func sectionEnd(pcpu: Int) {
        for place in Set(touched).sorted() where holders[place] != told[place] {
            let event = holders[place]
            let spec = specs[event >= 0 ? event : told[place]]
            var holder: Decision.Holder?
            if event >= 0 {
                switch spec.owner {
                case .host(let index): holder = .host(index)
                case .guest(let vcpu, let counter): holder = .guest(vcpu: vcpu, counter: counter)
                }
            }
            note(place >> 6, Counter(index: UInt8(place & 63)), holder, spec.config & ~EventSelect.enable)
            told[place] = event
        }
        touched.removeAll(keepingCapacity: true)
    }

    mutating func guestRegisters(vcpu: Int, registers: GuestRegisters) {
        if isOn { images[vcpu] = registers }
    }

    mutating func guestLoaded(pcpu: Int, vcpu: Int, counters: UInt64) {
        change(pcpu, vcpu, from: 0, to: counters)
    }

    mutating func guestPut(pcpu: Int, vcpu: Int, counters: UInt64) { change(pcpu, vcpu, from: counters, to: 0) }

    mutating func guestChanged(pcpu: Int, vcpu: Int, from: UInt64, to: UInt64) {
        change(pcpu, vcpu, from: from, to: to)
    }

    private mutating func change(_ pcpu: Int, _ vcpu: Int, from: UInt64, to: UInt64) {
        guard isOn else { return }
        for index in 0..<64 where (from ^ to) >> UInt64(index) & 1 != 0 {
            let counter = Counter(index: UInt8(index))
            let config = GuestConfig.of(counter, images[vcpu] ?? GuestRegisters()) & ~EventSelect.enable
            let isOn = to & counter.bit != 0
            note(pcpu, counter, isOn ? .guest(vcpu: vcpu, counter: counter) : nil, config)
        }
    }

    private mutating func note(_ pcpu: Int, _ counter: Counter, _ holder: Decision.Holder?, _ config: UInt64) {
        decisions.append(
            Decision(replayedAt: now, pcpu: Int32(pcpu), counter: counter, holder: holder, config: config))
    }
}
