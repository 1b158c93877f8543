import Counts
import Host
import Timeline

/// Whom a gap in the trace concerns: the vCPUs whose threads were on the pCPU meanwhile, and the host events that count
/// there.
struct TaintReach {
    private let timeline: Timeline
    /// Per vCPU, the taints that concern it, as indexes into the timeline's list.
    private var ofVCPU: [[Int]]

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
        ofVCPU = [[Int]](repeating: [], count: actors.vcpus.count)
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
        for (index, taint) in timeline.taints.enumerated()
        where taint.from <= to && from <= taint.to && (taint.pcpu ?? pcpu) == pcpu {
            if !ofVCPU[Int(vcpu)].contains(index) { ofVCPU[Int(vcpu)].append(index) }
        }
    }

    /// The first gap that concerns a vCPU.
    func taint(vcpu: Int) -> TimelineTaint? {
        let named = timeline.taints.first { $0.vcpu == vcpu }
        return named ?? ofVCPU[vcpu].min().map { timeline.taints[$0] }
    }

    /// The first gap that concerns a host event.
    func taint(hostEvent index: Int) -> TimelineTaint? {
        switch timeline.demand.actors.hostEvents[index].scope {
        case .pcpu(let pcpu): timeline.taints.first { $0.vcpu == nil && ($0.pcpu ?? pcpu) == pcpu }
        case .vcpu(let vcpu): taint(vcpu: vcpu)
        case .task: timeline.taints.first { $0.vcpu == nil }
        }
    }

    /// Every gap, once for each owner that it concerns, or without an owner where it concerns none.
    var taints: [Taint] {
        var list: [Taint] = []
        for (index, taint) in timeline.taints.enumerated() {
            func add(_ owner: String?) {
                let one = Taint(
                    owner: owner, pcpu: taint.pcpu, counter: nil, from: taint.from, to: taint.to, cause: taint.cause)
                if !list.contains(one) { list.append(one) }
            }
            let before = list.count
            for vcpu in ofVCPU.indices where taint.vcpu == vcpu || ofVCPU[vcpu].contains(index) {
                add(timeline.owner(vcpu: vcpu))
            }
            for event in timeline.demand.actors.hostEvents.indices {
                guard case .pcpu(let pcpu) = timeline.demand.actors.hostEvents[event].scope,
                    taint.vcpu == nil, (taint.pcpu ?? pcpu) == pcpu
                else { continue }
                add(timeline.owner(hostEvent: event))
            }
            if list.count == before { add(nil) }
        }
        return list
    }
}

extension TimelineTaint {
    /// The cause with its interval.
    var words: String { "\(cause), from \(from) to \(to) ns" }
}
