import Host
import PMU
import Policy
import Timeline

/// Plays demand under a policy and tells a visitor every interval of holding, waiting and silence.
///
/// The clock is `PolicyPlayer`'s: multiplexing ticks are the policy's own, not the recorded ones.
public struct HoldingPlay<Visitor: HoldingVisitor> {
    public var visitor: Visitor
    private let timeline: Timeline
    private var player: PolicyPlayer
    /// Who has each counter, and since when.
    private var holders: [Int32]
    private var heldSince: [UInt64]
    private var states: [CounterHolder: (state: HoldingState, since: UInt64)] = [:]
    /// The vCPU in guest mode on each pCPU, -1 if none.
    private var inGuest: [Int32]
    private var hostEventsOn: [[Int]]

    public init(_ timeline: Timeline, rules: PolicyRules, visitor: Visitor) {
        self.timeline = timeline
        self.visitor = visitor
        player = PolicyPlayer(timeline, rules: rules)
        let actors = timeline.demand.actors
        holders = [Int32](repeating: 0, count: actors.pcpus * 64)
        heldSince = [UInt64](repeating: 0, count: actors.pcpus * 64)
        inGuest = [Int32](repeating: -1, count: actors.pcpus)
        hostEventsOn = [[Int]](repeating: [], count: actors.pcpus)
        for (index, event) in actors.hostEvents.enumerated() {
            if case .pcpu(let pcpu) = event.scope, hostEventsOn.indices.contains(pcpu) {
                hostEventsOn[pcpu].append(index)
            }
        }
    }

    /// Plays everything.
    public mutating func run() {
        for operation in timeline.demand.operations {
            while player.isDue(by: operation.time) {
                let due = player.nextTick
                player.tick()
                look(due)
                for pcpu in inGuest.indices { judge(pcpu, due) }
            }
            if case .rotationTick = operation.kind { continue }
            player.apply(operation)
            let pcpu = Int(operation.pcpu)
            guard inGuest.indices.contains(pcpu) else { continue }
            switch operation.kind {
            case .guestEnter(let vcpu): inGuest[pcpu] = vcpu
            case .guestExit, .taskSwitch: leave(pcpu, operation.time)
            default: break
            }
            look(operation.time)
            judge(pcpu, operation.time)
        }
        finish(timeline.end)
    }

    /// Counters that changed hands.
    private mutating func look(_ time: UInt64) {
        for place in player.machine.scheduler.sink.touched {
            let place = Int(place)
            let now = player.machine.scheduler.sink.holders[place]
            guard now != holders[place] else { continue }
            close(place, time)
            holders[place] = now
            heldSince[place] = time
        }
        player.clear()
    }

    private mutating func close(_ place: Int, _ time: UInt64) {
        guard let holder = CounterHolder(code: holders[place]), time > heldSince[place] else { return }
        visitor.held(
            pcpu: place >> 6, counter: Counter(index: UInt8(place & 63)), by: holder, from: heldSince[place], to: time)
    }

    private mutating func leave(_ pcpu: Int, _ time: UInt64) {
        guard inGuest[pcpu] >= 0 else { return }
        let vcpu = Int(inGuest[pcpu])
        inGuest[pcpu] = -1
        for index in 0..<64 { set(.guest(vcpu: vcpu, counter: Counter(index: UInt8(index))), nil, time) }
    }

    /// The states of everybody who counts on `pcpu`.
    private mutating func judge(_ pcpu: Int, _ time: UInt64) {
        let here = pcpu << 6..<(pcpu + 1) << 6
        if inGuest[pcpu] >= 0 {
            let vcpu = Int(inGuest[pcpu])
            let sink = player.machine.scheduler.sink
            let mask = vcpu < sink.believed.count ? sink.believed[vcpu] : 0
            for index in 0..<48 {
                let holder = CounterHolder.guest(vcpu: vcpu, counter: Counter(index: UInt8(index)))
                let isOn = mask >> UInt64(index) & 1 != 0
                guard isOn || states[holder] != nil else { continue }
                set(holder, isOn ? (holders[here].contains(holder.code) ? .running : .silent) : nil, time)
            }
        }
        let isCeded = player.machine.scheduler.loadedGuest(pcpu: pcpu) != nil
        for event in hostEventsOn[pcpu] {
            let holder = CounterHolder.host(event)
            let state: HoldingState? =
                switch player.machine.scheduler.sink.hostStates[event] {
                case nil, .off?, .exited?: nil
                default: holders[here].contains(holder.code) ? .running : isCeded ? .blind : .waiting
                }
            set(holder, state, time)
        }
    }

    private mutating func set(_ holder: CounterHolder, _ state: HoldingState?, _ time: UInt64) {
        let old = states[holder]
        guard old?.state != state else { return }
        if let old, time > old.since { visitor.spent(holder, in: old.state, from: old.since, to: time) }
        states[holder] = state.map { ($0, time) }
    }

    private mutating func finish(_ time: UInt64) {
        for place in holders.indices { close(place, time) }
        for (holder, entry) in states.sorted(by: { $0.key.code < $1.key.code }) where time > entry.since {
            visitor.spent(holder, in: entry.state, from: entry.since, to: time)
        }
    }
}
