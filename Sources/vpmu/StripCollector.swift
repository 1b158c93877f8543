import Bisect
import PMU
import Report
import Timeline

/// Gathers holding intervals into strips that can be drawn.
struct StripCollector: HoldingVisitor {
    private(set) var strips: TimeStrips
    private let timeline: Timeline
    private var counters: [Int: Int] = [:]
    private var owners: [CounterHolder: Int] = [:]
    private var holders: [CounterHolder: Int] = [:]

    init(_ timeline: Timeline, policy: String) {
        self.timeline = timeline
        strips = TimeStrips(policy: policy, start: timeline.start, end: timeline.end)
        for pcpu in 0..<timeline.demand.actors.pcpus {
            for index in 0..<48 where timeline.model.allCounters >> UInt64(index) & 1 != 0 {
                let counter = Counter(index: UInt8(index))
                counters[pcpu << 6 | index] = strips.addCounterLane(pcpu: pcpu, counter: counter.description)
            }
        }
    }

    mutating func held(pcpu: Int, counter: Counter, by holder: CounterHolder, from: UInt64, to: UInt64) {
        guard let lane = counters[pcpu << 6 | Int(counter.index)] else { return }
        let number = holders[holder] ?? strips.holder(holder.fullName(in: timeline))
        holders[holder] = number
        strips.hold(lane: lane, holder: number, from: from, to: to)
    }

    mutating func spent(_ holder: CounterHolder, in state: HoldingState, from: UInt64, to: UInt64) {
        let lane =
            owners[holder]
            ?? strips.addOwnerLane(owner: holder.ownerName(in: timeline), name: holder.seriesName(in: timeline))
        owners[holder] = lane
        let drawn: TimeStrips.State =
            switch state {
            case .running: .running
            case .silent: .silent
            case .blind: .blind
            case .waiting: .waiting
            }
        strips.spend(lane: lane, state: drawn, from: from, to: to)
    }

    mutating func finish() { strips.finish() }
}
