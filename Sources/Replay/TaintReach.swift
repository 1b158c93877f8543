import Counts
import Host
import Timeline

/// Whom a gap in the trace concerns: the vCPUs whose threads were on the pCPU meanwhile, and the host events that count
/// there.
struct TaintReach {
    private let timeline: Timeline
    /// Per vCPU, the taints that concern it, as indexes into the timeline's list.
    private var ofVCPU: [Set<Int>]
    /// Per pCPU, its taints by their beginning, how many of them have begun, and those that had not ended when a vCPU
    /// last left it.
    private var coming: [[Int]]
    private var begun: [Int]
    /// The first taint that names each vCPU, and of those that name none the first on each pCPU (nil: on all of them).
    private var firstNaming: [Int: Int] = [:]
    private var firstOnPCPU: [Int?: Int] = [:]
    private var open: [[Int]]

    /// The vCPU that each pCPU was last seen to run, -1 for none, and since when.
    private var current: [Int32]
    private var since: [UInt64]

    init(_ timeline: Timeline) {
        self.init(before: timeline)
        timeline.demand.operations.withUnsafeBufferPointer { take($0) }
        finish()
    }

    /// Before any operation; `take` and `finish` do the rest.
    init(before timeline: Timeline) {
        self.timeline = timeline
        let actors = timeline.demand.actors
        ofVCPU = [Set<Int>](repeating: [], count: actors.vcpus.count)
        coming = [[Int]](repeating: [], count: actors.pcpus)
        begun = [Int](repeating: 0, count: actors.pcpus)
        open = coming
        for (index, taint) in timeline.taints.enumerated().reversed() {
            if let vcpu = taint.vcpu { firstNaming[vcpu] = index } else { firstOnPCPU[taint.pcpu] = index }
        }
        let order = timeline.taints.indices.sorted { timeline.taints[$0].from < timeline.taints[$1].from }
        for index in order {
            if let pcpu = timeline.taints[index].pcpu {
                if coming.indices.contains(pcpu) { coming[pcpu].append(index) }
            } else {
                for pcpu in coming.indices { coming[pcpu].append(index) }
            }
        }
        current = [Int32](repeating: -1, count: actors.pcpus)
        since = [UInt64](repeating: timeline.start, count: actors.pcpus)
    }

    /// Takes the operations that follow those taken before.
    mutating func take(_ operations: UnsafeBufferPointer<DemandOperation>) {
        guard !timeline.taints.isEmpty else { return }
        for operation in operations {
            switch operation.kind {
            case .taskSwitch(.vcpu(let vcpu)), .guestEnter(let vcpu), .guestExit(let vcpu, _),
                .guestWrite(let vcpu, _, _, _), .guestRead(let vcpu, _, _), .guestReadPMC(let vcpu):
                change(Int(operation.pcpu), to: vcpu, operation.time)
            case .taskSwitch: change(Int(operation.pcpu), to: -1, operation.time)
            default: break
            }
        }
    }

    /// The same of stretches of accesses and what is between them.
    mutating func take(_ batch: LaneBatch) {
        guard !timeline.taints.isEmpty else { return }
        for stretch in batch.stretches {
            if stretch.start >= 0 {
                let time = batch.blocks[Int(stretch.number)].columns.times[Int(stretch.start)]
                change(Int(stretch.pcpu), to: stretch.vcpu, time)
            } else {
                withUnsafePointer(to: batch.operations[Int(stretch.number)]) {
                    take(UnsafeBufferPointer(start: $0, count: 1))
                }
            }
        }
    }

    private mutating func change(_ pcpu: Int, to vcpu: Int32, _ time: UInt64) {
        guard current.indices.contains(pcpu), current[pcpu] != vcpu else { return }
        note(current[pcpu], pcpu, since[pcpu], time)
        current[pcpu] = vcpu
        since[pcpu] = time
    }

    /// All operations were taken.
    mutating func finish() {
        guard !timeline.taints.isEmpty else { return }
        for pcpu in current.indices { note(current[pcpu], pcpu, since[pcpu], timeline.end) }
    }

    private mutating func note(_ vcpu: Int32, _ pcpu: Int, _ from: UInt64, _ to: UInt64) {
        guard ofVCPU.indices.contains(Int(vcpu)) else { return }
        while begun[pcpu] < coming[pcpu].count, timeline.taints[coming[pcpu][begun[pcpu]]].from <= to {
            open[pcpu].append(coming[pcpu][begun[pcpu]])
            begun[pcpu] += 1
        }
        if open[pcpu].isEmpty { return }
        // Later slices begin later.
        open[pcpu].removeAll { timeline.taints[$0].to < from }
        ofVCPU[Int(vcpu)].formUnion(open[pcpu])
    }

    /// The first gap that concerns a vCPU.
    func taint(vcpu: Int) -> TimelineTaint? {
        (firstNaming[vcpu] ?? ofVCPU[vcpu].min()).map { timeline.taints[$0] }
    }

    /// The first gap that concerns a host event.
    func taint(hostEvent index: Int) -> TimelineTaint? {
        switch timeline.demand.actors.hostEvents[index].scope {
        case .pcpu(let pcpu):
            [firstOnPCPU[pcpu], firstOnPCPU[nil]].compactMap(\.self).min().map { timeline.taints[$0] }
        case .vcpu(let vcpu): taint(vcpu: vcpu)
        case .task: firstOnPCPU.values.min().map { timeline.taints[$0] }
        }
    }

    /// Every gap, once for each owner that it concerns, or without an owner where it concerns none.
    var taints: [Taint] {
        var list: [Taint] = []
        var listed: Set<Taint> = []
        let ownersOn = ownersOfHostEvents
        for (index, taint) in timeline.taints.enumerated() {
            func add(_ owner: String?) {
                let one = Taint(
                    owner: owner, pcpu: taint.pcpu, counter: nil, from: taint.from, to: taint.to, cause: taint.cause)
                if listed.insert(one).inserted { list.append(one) }
            }
            let before = list.count
            for vcpu in ofVCPU.indices where taint.vcpu == vcpu || ofVCPU[vcpu].contains(index) {
                add(timeline.owner(vcpu: vcpu))
            }
            if taint.vcpu == nil {
                for owner in ownersOn[taint.pcpu] ?? [] { add(owner) }
            }
            if list.count == before { add(nil) }
        }
        return list
    }

    /// The owners of each pCPU's host events, and under nil those of every pCPU's, each once, in the events' order.
    private var ownersOfHostEvents: [Int?: [String]] {
        var owners: [Int?: [String]] = [:]
        var seen: [Int?: Set<String>] = [:]
        for (index, event) in timeline.demand.actors.hostEvents.enumerated() {
            guard case .pcpu(let pcpu) = event.scope else { continue }
            let owner = timeline.owner(hostEvent: index)
            for place in [pcpu, nil] where seen[place, default: []].insert(owner).inserted {
                owners[place, default: []].append(owner)
            }
        }
        return owners
    }
}

extension TimelineTaint {
    /// The cause with its interval.
    var words: String { "\(cause), from \(from) to \(to) ns" }
}
