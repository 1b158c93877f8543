import Host
import PMU
import Policy

/// Host users and what they have installed.
struct HostUsers: Sendable {
    /// One for each of the demand's host events.
    var plans: [DemandPlan.HostPlan] = []
    var installedAt: [Int: UInt64] = [:]
    /// Time each event was enabled, by its index.
    var enabled: [Int: UInt64] = [:]
    var timersRunning: Set<Int> = []
    var runningVMs: Set<Int> = []
}

extension Simulation {
    mutating func beginHostEvents() {
        // What was there before the recording was there before what comes with it.
        hardware.recording = .off
        for (index, plan) in host.plans.enumerated() where plan.leader == nil && plan.from == .before {
            install(index)
        }
        hardware.recording = .on
        for (index, plan) in host.plans.enumerated() where plan.leader == nil {
            switch plan.from {
            case .before: break
            case .at(0): install(index)
            case .at(let time): queue.add(.install(event: index), at: time)
            }
            if let to = plan.to { queue.add(.remove(event: index), at: to) }
            for interval in plan.disabled {
                queue.add(.disable(event: index), at: interval.lowerBound)
                queue.add(.enable(event: index), at: interval.upperBound)
            }
        }
        for (index, plan) in host.plans.enumerated() {
            if let every = plan.readEvery { queue.add(.read(event: index), at: plan.from.time + every) }
        }
    }

    mutating func install(_ event: Int) {
        hostOperation(event, .hostInstall(event: Int32(event)))
        for member in members(event) where machine.hostEvent(member) != nil { host.installedAt[member] = now }
    }

    mutating func remove(_ event: Int) {
        closeEnabled(event)
        hostOperation(event, .hostRemove(event: Int32(event)))
    }

    func members(_ leader: Int) -> [Int] {
        host.plans.indices.filter { $0 == leader || host.plans[$0].leader == leader }
    }

    mutating func readEvent(_ event: Int) {
        hostOperation(event, .hostRead(event: Int32(event)))
        if let every = host.plans[event].readEvery, host.plans[event].to.map({ now + every < $0 }) ?? true {
            queue.add(.read(event: event), at: now + every)
        }
    }

    /// An operation on a host event happens on the pCPU where it counts, by an inter-processor interrupt.
    mutating func hostOperation(_ event: Int, _ kind: DemandOperation.Kind) {
        switch kind {
        case .hostDisable: closeEnabled(event)
        case .hostEnable:
            for member in members(event) where machine.hostEvent(member) != nil { host.installedAt[member] = now }
        default: break
        }
        if let pcpu = pcpu(ofEvent: event) {
            interrupting(pcpu) { $0.apply(kind, pcpu: pcpu) }
        } else {
            apply(kind, pcpu: 0)
        }
    }

    private func pcpu(ofEvent event: Int) -> Int? {
        switch host.plans[event].event.scope {
        case .pcpu(let pcpu): return pcpu
        case .vcpu(let vcpu): return vcpus[vcpu].pcpu >= 0 ? vcpus[vcpu].pcpu : nil
        case .task(let task):
            for thread in threads {
                if case .task(task) = thread.owner, case .running(let pcpu) = thread.state { return pcpu }
            }
            return nil
        }
    }

    private mutating func closeEnabled(_ leader: Int) {
        for member in members(leader) {
            if let since = host.installedAt.removeValue(forKey: member) {
                host.enabled[member, default: 0] += now - since
            }
        }
    }

    mutating func closeHostEvents() {
        for index in host.plans.indices where host.plans[index].leader == nil { closeEnabled(index) }
    }

    // MARK: - The multiplexing timer

    /// perf starts the timer where a flexible group did not fit.
    mutating func startWantedTimers() {
        let timer = MuxTimer(interval: scenario.muxInterval)
        for pcpu in machine.scheduler.sink.takeWantedTimers() where !host.timersRunning.contains(pcpu) {
            host.timersRunning.insert(pcpu)
            queue.add(.mux(pcpu: pcpu), at: timer.tick(after: now))
        }
    }

    mutating func muxTick(_ pcpu: Int) {
        var goesOn = false
        if machine.mayRotate(pcpu: pcpu) {
            interrupting(pcpu) { simulation in
                goesOn = simulation.machine.scheduler.rotateNecessary(pcpu: pcpu) != (false, false)
                if goesOn { simulation.apply(.rotationTick, pcpu: pcpu) }
            }
        }
        guard goesOn else {
            host.timersRunning.remove(pcpu)
            return
        }
        queue.add(.mux(pcpu: pcpu), at: MuxTimer(interval: scenario.muxInterval).tick(after: now))
    }

    // MARK: - Virtual machines

    mutating func createVM(_ vm: Int) {
        apply(.vmCreate(vm: Int32(vm)), pcpu: 0)
        guard machine.isRunning(vm: vm) else { return }
        host.runningVMs.insert(vm)
        for vcpu in vcpus where vcpu.vm == vm {
            queue.add(.wake(thread: vcpu.thread), at: max(now, scenario.vms[vm].from + vcpu.plan.thread.start))
        }
    }

    mutating func destroyVM(_ vm: Int) {
        for vcpu in vcpus.indices where vcpus[vcpu].vm == vm {
            noteBelief(vcpu)
            end(vcpus[vcpu].thread)
        }
        host.runningVMs.remove(vm)
        apply(.vmDestroy(vm: Int32(vm)), pcpu: 0)
        for vcpu in vcpus.indices where vcpus[vcpu].vm == vm { noteBelief(vcpu) }
    }
}
