import Host
import Policy
import Timeline

/// Walks demand through a machine under a policy, with a clock of its own for the multiplexing timer.
///
/// Both policies of a comparison keep their own timer on the same grid, so that a difference is one of rules and never
/// one of recorded against simulated ticks.
struct PolicyPlayer {
    private(set) var machine: HostMachine<HolderSink>
    private let timer: MuxTimer
    private var ticks: [UInt64]
    /// The earliest due tick of any pCPU, `.max` if no timer runs.
    private(set) var nextTick = UInt64.max

    init(_ timeline: Timeline, rules: PolicyRules) {
        let actors = timeline.demand.actors
        timer = MuxTimer(interval: timeline.multiplexInterval)
        ticks = [UInt64](repeating: .max, count: actors.pcpus)
        machine = HostMachine(
            model: timeline.model, rules: rules, actors: actors, kvm: timeline.kvm,
            sink: HolderSink(pcpus: actors.pcpus))
    }

    /// Whether a timer is due by `time`; none ever is at the end of the clock, which stands for no timer.
    func isDue(by time: UInt64) -> Bool { nextTick <= time && nextTick != .max }

    /// Fires the timers that are due at `nextTick`.
    mutating func tick() {
        let due = nextTick
        machine.scheduler.sink.now = due
        for pcpu in ticks.indices where ticks[pcpu] == due {
            ticks[pcpu] = machine.fireMuxTimer(pcpu: pcpu) ? timer.tick(after: due) : .max
        }
        findNext()
        arm(due)
    }

    /// Applies one operation; recorded ticks are not among them. Ticks up to its time have been fired.
    mutating func apply(_ operation: DemandOperation) {
        machine.scheduler.sink.now = operation.time
        machine.apply(operation)
        if !machine.scheduler.sink.timersWanted.isEmpty { arm(operation.time) }
    }

    /// Forgets which holders changed.
    mutating func clear() { machine.scheduler.sink.touched.removeAll(keepingCapacity: true) }

    private mutating func arm(_ time: UInt64) {
        for pcpu in machine.scheduler.sink.timersWanted where ticks[pcpu] == .max {
            ticks[pcpu] = timer.tick(after: time)
            nextTick = min(nextTick, ticks[pcpu])
        }
        machine.scheduler.sink.timersWanted.removeAll(keepingCapacity: true)
    }

    private mutating func findNext() { nextTick = ticks.min() ?? .max }
}
