import Host
import PMU
import Policy

/// Who is who in a scenario, in the demand's terms: one host event for each pCPU or task an event counts on.
struct DemandPlan {
    var actors: Demand.Actors
    var hostPlans: [HostPlan] = []
    /// Every event that happens at some rate somewhere, by `RatePhases.key(of:)`, rising.
    var eventKeys: [UInt64]

    struct HostPlan: Sendable {
        var event: Demand.HostEvent
        var from: Scenario.Beginning
        var to: UInt64?
        var disabled: [Range<UInt64>]
        var readEvery: UInt64?
        var leader: Int? { event.leader }
    }

    init(_ scenario: Scenario) {
        actors = Demand.Actors(
            pcpus: scenario.topology.pcpus, hostTasks: scenario.tasks.map(\.tid), siblings: scenario.topology.siblings)
        var firstVCPU: [Int] = []
        for (vm, plan) in scenario.vms.enumerated() {
            actors.vms.append(.init(name: plan.name))
            firstVCPU.append(actors.vcpus.count)
            for (index, vcpu) in plan.vcpus.enumerated() {
                actors.vcpus.append(.init(vm: vm, index: index, thread: vcpu.thread.tid))
            }
        }
        eventKeys = DemandPlan.keys(scenario)
        if let watchdog = scenario.watchdog { add(watchdog, scenario) }
        for plan in scenario.events {
            let scopes: [Demand.HostEvent.Scope] =
                switch plan.scope {
                case .pcpus(let list): list.map { .pcpu($0) }
                case .task(let task): [.task(task)]
                case .vcpu(let vm, let vcpu): [.vcpu(firstVCPU[vm] + vcpu)]
                }
            for scope in scopes {
                let leader = plan.group.flatMap { name in
                    hostPlans.firstIndex { $0.event.name == name && $0.event.scope == scope }
                }
                hostPlans.append(
                    HostPlan(
                        event: Demand.HostEvent(
                            name: plan.name, config: plan.config, priority: plan.priority, exclusion: plan.exclusion,
                            scope: scope, samplePeriod: plan.samplePeriod, leader: leader),
                        from: plan.from, to: plan.to, disabled: plan.disabled, readEvery: plan.readEvery))
            }
        }
        actors.hostEvents = hostPlans.map(\.event)
    }

    private mutating func add(_ watchdog: Scenario.Watchdog, _ scenario: Scenario) {
        let config = (scenario.model.generic[.cycles] ?? 0) | EventSelect.user | EventSelect.os
        for pcpu in 0..<scenario.topology.pcpus {
            hostPlans.append(
                HostPlan(
                    event: Demand.HostEvent(
                        name: Demand.watchdogName, config: config, priority: .pinned, scope: .pcpu(pcpu),
                        samplePeriod: watchdog.period),
                    from: watchdog.from, to: nil, disabled: [], readEvery: nil))
        }
    }

    private static func keys(_ scenario: Scenario) -> [UInt64] {
        var keys: Set<UInt64> = []
        for phase in scenario.hostRates.phases { keys.formUnion(phase.rates.keys) }
        for vm in scenario.vms {
            for vcpu in vm.vcpus { for phase in vcpu.rates.phases { keys.formUnion(phase.rates.keys) } }
        }
        return keys.sorted()
    }
}
