import Host

/// Demand cut into the units that a reduction takes away, each whole: what is left is demand that a host could see.
struct DemandUnits {
    /// What can be taken away.
    enum Unit: Hashable, Comparable {
        case vcpu(Int32)
        /// A host event; a leader takes its group along.
        case hostEvent(Int32)
        /// One stretch of a thread on a pCPU, from its switch in on.
        case slice(Int32)
        /// An exit of the guest with what it exits for, up to the entry after it.
        case exit(Int32)
        /// One access of a guest among others of its exit.
        case access(Int32)
        /// One operation of a host user, the timer, or an interrupt.
        case single(Int32)

        private var rank: (Int, Int32) {
            switch self {
            case .vcpu(let number): (0, number)
            case .hostEvent(let number): (1, number)
            case .slice(let number): (2, number)
            case .exit(let number): (3, number)
            case .access(let number): (4, number)
            case .single(let number): (5, number)
            }
        }

        static func < (a: Unit, b: Unit) -> Bool { a.rank < b.rank }
    }

    let demand: Demand
    /// Per operation, its slice, exit, access and single, -1 where it is in none; no two units share a number.
    private var slice: [Int32]
    private var exit: [Int32]
    private var access: [Int32]
    private var single: [Int32]
    private var numbers: Int

    init(_ demand: Demand) {
        self.demand = demand
        let operations = demand.operations
        slice = [Int32](repeating: -1, count: operations.count)
        exit = slice
        access = slice
        single = slice
        numbers = 0
        var current = [Int32](repeating: -1, count: demand.actors.pcpus)
        var open = [Int32](repeating: -1, count: demand.actors.pcpus)
        var next: Int32 = 0
        for (number, operation) in operations.enumerated() {
            let p = Int(operation.pcpu)
            guard current.indices.contains(p) else { continue }
            switch operation.kind {
            case .taskSwitch:
                current[p] = next
                open[p] = -1
                next += 1
                slice[number] = current[p]
            case .guestExit:
                slice[number] = current[p]
                open[p] = next
                next += 1
                exit[number] = open[p]
            case .guestEnter:
                slice[number] = current[p]
                exit[number] = open[p]
                open[p] = -1
            case .guestWrite, .guestRead, .guestReadPMC, .emulatedInstruction:
                slice[number] = current[p]
                if open[p] < 0 {
                    exit[number] = next
                    next += 1
                } else {
                    exit[number] = open[p]
                }
                access[number] = next
                next += 1
            case .hostEnable, .hostDisable, .hostRemove, .hostPeriod, .hostRead, .overflow, .pcpuOffline, .pcpuOnline:
                single[number] = next
                next += 1
                abandon(open[p], number)
                open[p] = -1
            case .hostInstall:
                abandon(open[p], number)
                open[p] = -1
            case .rotationTick, .vmCreate, .vmDestroy: break
            }
        }
        numbers = Int(next)
        closeUnfinished(open)
    }

    /// An exit during which the host did something is no unit: without it that would happen in guest mode.
    private mutating func abandon(_ id: Int32, _ end: Int) {
        guard id >= 0 else { return }
        for number in (0..<end).reversed() where exit[number] == id {
            exit[number] = -1
            if case .guestExit = demand.operations[number].kind { return }
        }
    }

    /// An exit that nobody came back from stays with its slice.
    private mutating func closeUnfinished(_ open: [Int32]) {
        for id in open { abandon(id, exit.count) }
    }

    /// The units of one kind that `demand` still holds, in their order.
    func units(_ kind: Kind) -> [Unit] {
        switch kind {
        case .vcpus: return demand.actors.vcpus.indices.map { .vcpu(Int32($0)) }
        case .hostEvents: return demand.actors.hostEvents.indices.map { .hostEvent(Int32($0)) }
        case .slices: return distinct(slice).map { .slice($0) }
        case .exits: return distinct(exit).map { .exit($0) }
        case .accesses: return distinct(access).map { .access($0) }
        case .singles: return distinct(single).map { .single($0) }
        }
    }

    enum Kind: CaseIterable { case vcpus, hostEvents, slices, exits, accesses, singles }

    private func distinct(_ ids: [Int32]) -> [Int32] {
        var seen = [Bool](repeating: false, count: numbers)
        return ids.filter { id in
            guard id >= 0, !seen[Int(id)] else { return false }
            seen[Int(id)] = true
            return true
        }
    }

    /// The demand with those of `units` alone whose places in it `kept` names, in rising order.
    func keeping(_ kept: ArraySlice<Int>, of units: [Unit]) -> Demand {
        var dropped: [Unit] = []
        dropped.reserveCapacity(units.count - kept.count)
        var next = kept.startIndex
        for place in units.indices {
            if next < kept.endIndex, kept[next] == place {
                next += 1
            } else {
                dropped.append(units[place])
            }
        }
        return without(dropped)
    }

    /// The demand without `dropped`. Actors keep their numbers; VMs without a vCPU go.
    func without(_ dropped: [Unit]) -> Demand {
        var vcpus = [Bool](repeating: false, count: demand.actors.vcpus.count)
        var actors = demand.actors
        var events = [Bool](repeating: false, count: actors.hostEvents.count)
        // The last place is for what is in no unit, and stays.
        var isDropped = [Bool](repeating: false, count: numbers + 1)
        for unit in dropped {
            switch unit {
            case .vcpu(let vcpu): vcpus[Int(vcpu)] = true
            case .hostEvent(let event): events[Int(event)] = true
            case .slice(let id), .exit(let id), .access(let id), .single(let id): isDropped[Int(id)] = true
            }
        }
        func goes(_ id: Int32) -> Bool { isDropped[id < 0 ? numbers : Int(id)] }
        for index in events.indices where events[index] { actors.hostEvents[index].leader = nil }
        for index in events.indices {
            if let leader = actors.hostEvents[index].leader, events[leader] { actors.hostEvents[index].leader = nil }
        }
        let vms = actors.vms.indices.map { vm in
            zip(actors.vcpus, vcpus).contains { $0.vm == vm && !$1 }
        }
        func isGone(_ vcpu: Int32) -> Bool { vcpus.indices.contains(Int(vcpu)) && vcpus[Int(vcpu)] }
        func isOut(_ event: Int32) -> Bool { events.indices.contains(Int(event)) && events[Int(event)] }
        var operations: [DemandOperation] = []
        for (number, operation) in demand.operations.enumerated() {
            if goes(slice[number]) || goes(exit[number]) || goes(access[number]) || goes(single[number]) { continue }
            switch operation.kind {
            case .taskSwitch(.vcpu(let vcpu)) where isGone(vcpu):
                var other = operation
                other.kind = .taskSwitch(to: .other)
                operations.append(other)
                continue
            case .guestEnter(let vcpu), .guestExit(let vcpu, _), .guestWrite(let vcpu, _, _, _),
                .guestRead(let vcpu, _, _), .guestReadPMC(let vcpu), .emulatedInstruction(let vcpu, _):
                if isGone(vcpu) { continue }
            case .hostInstall(let event), .hostEnable(let event), .hostDisable(let event), .hostRemove(let event),
                .hostPeriod(let event, _), .hostRead(let event):
                if isOut(event) { continue }
            case .overflow(.host(let event)): if isOut(Int32(event)) { continue }
            case .overflow(.guest(let vcpu, _)): if isGone(Int32(vcpu)) { continue }
            case .vmCreate(let vm), .vmDestroy(let vm):
                if vms.indices.contains(Int(vm)), !vms[Int(vm)] { continue }
            default: break
            }
            operations.append(operation)
        }
        return Demand(actors: actors, operations: DemandUnits.withoutIdleSwitches(operations, pcpus: actors.pcpus))
    }

    /// No host switches from a thread to itself, and a switch between threads without a part in it shows nothing.
    private static func withoutIdleSwitches(_ operations: [DemandOperation], pcpus: Int) -> [DemandOperation] {
        var current = [DemandOperation.Thread](repeating: .other, count: pcpus)
        return operations.filter { operation in
            guard case .taskSwitch(let thread) = operation.kind, current.indices.contains(Int(operation.pcpu)) else {
                return true
            }
            if thread == current[Int(operation.pcpu)] { return false }
            current[Int(operation.pcpu)] = thread
            return true
        }
    }
}
