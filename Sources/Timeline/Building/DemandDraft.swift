import Host
import PMU
import Policy
import Trace

/// Demand while it is put together: operations in order, actors, and which host events' priority is open.
struct DemandDraft {
    let builder: TimelineBuilder
    var hosts: HostEventInference
    var table: ActorTable
    var actors = Demand.Actors(pcpus: 0)
    var operations: [DemandOperation] = []
    /// What reads returned, by the event's index.
    var readValues: [UInt64: UInt64] = [:]
    /// Host events of which the trace does not tell whether they are pinned.
    var openPriorities: [Int] = []
    var openScopes: [Int] = []
    var watched: Set<Int32> = []
    let unseen: UnseenHolders
    /// Host events that the user spoke of.
    var claimed: Set<Int> = []
    var remarks: [String] = []
    private var pieces: [Piece] = []
    var taskOfUse: [ThreadUse: Int] = [:]

    /// A thread that is no vCPU's, by one use of its id.
    struct ThreadUse: Hashable {
        var thread: Int32
        var use: Int
    }

    private struct Piece {
        var event: UInt64
        /// Order among operations of one trace event.
        var rank: Int8
        var operation: DemandOperation
    }

    init(builder: TimelineBuilder, hosts: HostEventInference, table: ActorTable) {
        self.builder = builder
        self.hosts = hosts
        self.table = table
        let cores = builder.metadata.topology.map { [$0.socket, $0.core] }
        var arrivals: [Int32: UInt64] = [:]
        for event in builder.raw where event.kind == .switched && arrivals[event.other] == nil {
            arrivals[event.other] = event.index
        }
        unseen = UnseenHolders(
            builder.reader, hosts, model: builder.model, rules: builder.recordedRules,
            threads: Set(cores).count == cores.count ? .one : .several, arrivals: arrivals)
    }

    mutating func assemble() {
        actors.pcpus = max(builder.highestPCPU + 1, builder.metadata.topology.count)
        setSiblings()
        settleScopes()
        makeHostEvents()
        addHostSteps()
        addSupplied()
        addHiddenWatchdogs()
        addUnseen()
        addRecorded()
        addGlobalImages()
        actors.vms = table.vms
        actors.vcpus = table.vcpus
        for vm in actors.vms.indices {
            add(0, -2, builder.start, 0, .vmCreate(vm: Int32(vm)))
        }
        // In place, for they are many; equal ones keep their order.
        pieces.sort { ($0.event, $0.rank) < ($1.event, $1.rank) }
        operations = pieces.map(\.operation)
        orderBeforeTrace()
        // What was put before the switch that it came with happened then, not when the trace shows it.
        for index in operations.indices.dropLast().reversed() {
            operations[index].time = min(operations[index].time, operations[index + 1].time)
        }
        pieces = []
    }

    /// One sentence for each thing that had to be inferred.
    func inferred(_ play: CoSimulation) -> [InferredDemand] {
        var list = remarks.map { InferredDemand(hostEvent: nil, what: $0, certainty: .ambiguous) }
        for (index, event) in play.actors.hostEvents.enumerated() where event.certainty != .seen {
            let open = openPriorities.contains(index)
            let priority = event.priority == .pinned ? "pinned" : "flexible"
            var what = "\(event.name) is \(priority)"
            if open {
                what +=
                    play.decidedPriorities ? ", since other demand would not give the recorded decisions" : ", a guess"
            }
            list.append(InferredDemand(hostEvent: index, what: what, certainty: event.certainty))
        }
        for index in play.removedUnseen.sorted() {
            list.append(
                InferredDemand(
                    hostEvent: index,
                    what:
                        "\(play.actors.hostEvents[index].name) was removed after it had run last, since it did not come back",
                    certainty: .inferred))
        }
        for (index, event) in play.actors.hostEvents.enumerated() {
            guard let leader = event.leader else { continue }
            list.append(
                InferredDemand(
                    hostEvent: index, what: "\(event.name) is in the group of \(play.actors.hostEvents[leader].name)",
                    certainty: .inferred))
        }
        for index in openScopes {
            list.append(
                InferredDemand(
                    hostEvent: index,
                    what: "\(play.actors.hostEvents[index].name) is taken for its pCPU's; it may be a thread's",
                    certainty: .ambiguous))
        }
        if table.vcpusOfUnknownVMs.count > 1 {
            list.append(
                InferredDemand(
                    hostEvent: nil,
                    what:
                        "which of \(table.vcpusOfUnknownVMs.count) vCPUs share a VM: the trace names no process of theirs",
                    certainty: .ambiguous))
        }
        if DemandDraft.hidesGlobalControl(builder) {
            list.append(
                InferredDemand(
                    hostEvent: nil, what: "guests' GLOBAL_CTRL, which the trace does not show, leaves every counter on",
                    certainty: .inferred))
        }
        return list
    }

    mutating func add(
        _ event: UInt64, _ rank: Int8, _ time: UInt64, _ pcpu: Int32, _ kind: DemandOperation.Kind,
        before other: UInt64? = nil
    ) {
        let source = rank < 0 && event == 0 ? DemandOperation.beforeTrace : event
        pieces.append(
            Piece(
                event: other ?? event, rank: other == nil ? rank : -1,
                operation: DemandOperation(time: time, pcpu: pcpu, kind: kind, source: source)
            ))
    }

    /// The other hyper-thread of each pCPU's core, where the trace tells the cores.
    private mutating func setSiblings() {
        let cpus = builder.metadata.topology.filter { (0..<actors.pcpus).contains($0.id) }
        let cores = Dictionary(grouping: cpus) { [$0.socket, $0.core] }.values.filter { $0.count == 2 }
        guard !cores.isEmpty else { return }
        actors.siblings = [Int](repeating: -1, count: actors.pcpus)
        for core in cores {
            actors.siblings[core[0].id] = core[1].id
            actors.siblings[core[1].id] = core[0].id
        }
    }
}
