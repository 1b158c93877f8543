import Host

/// Every demand that lacks one thing of `demand`: a vCPU, a host event, a guest's access or a slice. Written without
/// the reduction's own units, so that it can be held against them.
struct Minimality {
    let demand: Demand

    struct Lesser {
        var missing: String
        var demand: Demand
    }

    var all: [Lesser] { vcpus + hostEvents + accesses + slices }

    var vcpus: [Lesser] {
        demand.actors.vcpus.indices.compactMap { vcpu in
            var rest = demand
            rest.operations = demand.operations.compactMap { operation in
                if case .taskSwitch(.vcpu(let other)) = operation.kind, Int(other) == vcpu {
                    var nobody = operation
                    nobody.kind = .taskSwitch(to: .other)
                    return nobody
                }
                return Self.guest(of: operation.kind) == vcpu ? nil : operation
            }
            return lesser("vCPU \(vcpu)", rest)
        }
    }

    var hostEvents: [Lesser] {
        demand.actors.hostEvents.indices.compactMap { event in
            var rest = demand
            for other in rest.actors.hostEvents.indices where rest.actors.hostEvents[other].leader == event {
                rest.actors.hostEvents[other].leader = nil
            }
            rest.operations.removeAll { Self.hostEvent(of: $0.kind) == event }
            return lesser("host event \(demand.actors.hostEvents[event].name)", rest)
        }
    }

    var accesses: [Lesser] {
        demand.operations.indices.compactMap { index in
            switch demand.operations[index].kind {
            case .guestWrite, .guestRead, .guestReadPMC, .emulatedInstruction:
                var rest = demand
                rest.operations.remove(at: index)
                return lesser("access \(index) \(demand.operations[index].kind)", rest)
            default: return nil
            }
        }
    }

    /// What a thread did on a pCPU between two switches; what host users did meanwhile stays.
    var slices: [Lesser] {
        demand.operations.indices.compactMap { start in
            guard case .taskSwitch = demand.operations[start].kind else { return nil }
            let pcpu = demand.operations[start].pcpu
            var rest = demand
            rest.operations = []
            var isOver = false
            for (index, operation) in demand.operations.enumerated() {
                if index > start, operation.pcpu == pcpu, case .taskSwitch = operation.kind { isOver = true }
                let belongs = index == start || Self.guest(of: operation.kind) != nil
                if index < start || isOver || operation.pcpu != pcpu || !belongs { rest.operations.append(operation) }
            }
            return lesser("slice from operation \(start)", rest)
        }
    }

    /// nil where nothing is missing, or nothing but a switch to the thread that has the pCPU already.
    private func lesser(_ missing: String, _ rest: Demand) -> Lesser? {
        var operations = Self.withoutEmptySwitches(rest)
        // No trace tells of a VM of which no vCPU is left.
        let left = Set(operations.compactMap { Self.vcpu(of: $0.kind) }.map { demand.actors.vcpus[$0].vm })
        operations.removeAll { operation in
            switch operation.kind {
            case .vmCreate(let vm), .vmDestroy(let vm): !left.contains(Int(vm))
            default: false
            }
        }
        guard operations != Self.withoutEmptySwitches(demand) else { return nil }
        return Lesser(missing: missing, demand: Demand(actors: rest.actors, operations: operations))
    }

    private static func withoutEmptySwitches(_ demand: Demand) -> [DemandOperation] {
        var here: [Int32: DemandOperation.Thread] = [:]
        return demand.operations.filter { operation in
            guard case .taskSwitch(let thread) = operation.kind else { return true }
            return here.updateValue(thread, forKey: operation.pcpu) ?? .other != thread
        }
    }

    private static func vcpu(of kind: DemandOperation.Kind) -> Int? {
        if case .taskSwitch(.vcpu(let vcpu)) = kind { Int(vcpu) } else { guest(of: kind) }
    }

    private static func guest(of kind: DemandOperation.Kind) -> Int? {
        switch kind {
        case .guestEnter(let vcpu), .guestExit(let vcpu, _), .guestWrite(let vcpu, _, _, _),
            .guestRead(let vcpu, _, _), .guestReadPMC(let vcpu), .emulatedInstruction(let vcpu, _):
            Int(vcpu)
        case .overflow(.guest(let vcpu, _)): vcpu
        default: nil
        }
    }

    private static func hostEvent(of kind: DemandOperation.Kind) -> Int? {
        switch kind {
        case .hostInstall(let event), .hostEnable(let event), .hostDisable(let event), .hostRemove(let event),
            .hostPeriod(let event, _), .hostRead(let event):
            Int(event)
        case .overflow(.host(let event)): event
        default: nil
        }
    }
}
