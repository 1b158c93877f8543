import PMU
import Policy

extension ScenarioReader {
    enum Privilege: String, CaseIterable {
        case all, user, kernel
        var bits: UInt64 {
            switch self {
            case .all: EventSelect.user | EventSelect.os
            case .user: EventSelect.user
            case .kernel: EventSelect.os
            }
        }
    }
    private enum PriorityWord: String, CaseIterable { case pinned, flexible }
    private enum ExclusionWord: String, CaseIterable { case none, host, guest }

    mutating func tasks(_ item: YAMLItem?) throws(ScenarioError) -> [ThreadPlan] {
        var tasks: [ThreadPlan] = []
        for entry in try item?.entries() ?? [] {
            let fields = try entry.fields(
                ["name", "thread", "cpu", "placement", "run", "sleep", "start", "jitter"])
            let name = try fields.required("name").text()
            tasks.append(try thread(fields, defaults: nil, name: name))
        }
        return tasks
    }

    func events(
        _ item: YAMLItem?, tasks: [ThreadPlan], vms: [VMPlan]
    ) throws(ScenarioError) -> [HostEventPlan] {
        var plans: [HostEventPlan] = []
        for entry in try item?.entries() ?? [] {
            let fields = try entry.fields([
                "name", "event", "privilege", "priority", "exclude", "cpus", "task", "vcpu", "period", "group", "from",
                "to", "disabled", "read-every",
            ])
            let nameItem = try fields.required("name")
            let name = try nameItem.text()
            if name == "nmi_watchdog" { throw nameItem.error("`nmi_watchdog` is the watchdog's own name") }
            if plans.contains(where: { $0.name == name }) { throw nameItem.error("there are two events `\(name)`") }
            let privilege: Privilege = try fields["privilege"]?.choice(Privilege.self) ?? .all
            let priority: PriorityWord = try fields["priority"]?.choice(PriorityWord.self) ?? .flexible
            let exclusion: ExclusionWord = try fields["exclude"]?.choice(ExclusionWord.self) ?? .none
            var plan = HostEventPlan(
                name: name, config: try config(try fields.required("event")) | privilege.bits,
                priority: priority == .pinned ? .pinned : .flexible,
                exclusion: exclusion == .guest ? .guest : exclusion == .host ? .host : .none,
                scope: try scope(fields, tasks: tasks, vms: vms), samplePeriod: try fields["period"]?.count() ?? 0,
                group: try fields["group"]?.text(), from: try beginning(fields["from"]), to: try fields["to"]?.time(),
                disabled: [], readEvery: nil)
            if fields["read-every"] != nil { plan.readEvery = try interval(fields, "read-every", default: 0) }
            if let to = plan.to, to <= plan.from.time { throw entry.error("\(name) ends before it begins") }
            plan.disabled = try intervals(fields["disabled"])
            if let group = plan.group {
                guard let leader = plans.first(where: { $0.name == group && $0.group == nil }) else {
                    throw fields["group"]!.error("no event `\(group)` before this one that could lead a group")
                }
                guard leader.scope == plan.scope else {
                    throw entry.error("\(name) must count where its leader `\(group)` counts")
                }
                guard fields["from"] == nil, fields["to"] == nil, fields["disabled"] == nil else {
                    throw entry.error(
                        "a group lives as long as its leader: `from`, `to`, `disabled` belong to `\(group)`")
                }
                plan.from = leader.from
                plan.to = leader.to
                plan.priority = leader.priority
            }
            plans.append(plan)
        }
        return plans
    }

    private func scope(
        _ fields: YAMLFields, tasks: [ThreadPlan], vms: [VMPlan]
    ) throws(ScenarioError) -> HostEventPlan.Scope {
        switch (fields["cpus"], fields["task"], fields["vcpu"]) {
        case (nil, nil, nil): return .pcpus(Array(0..<pcpus))
        case (let item?, nil, nil):
            switch try item.value(PCPUSet.init(list:), "all, or CPUs such as 0-3,8") {
            case .all: return .pcpus(Array(0..<pcpus))
            case .some(let ranges):
                // Before they are counted out: a list may name more CPUs than fit into memory.
                if let outside = ranges.first(where: { $0.upperBound >= pcpus }) {
                    let cpu = max(outside.lowerBound, pcpus)
                    throw item.error("the processor has no CPU \(cpu); its CPUs are 0-\(pcpus - 1)")
                }
                return .pcpus(ranges.flatMap { Array($0) })
            }
        case (nil, let item?, nil):
            let name = try item.text()
            guard let index = tasks.firstIndex(where: { $0.name == name }) else {
                throw item.error("there is no task `\(name)`")
            }
            return .task(index)
        case (nil, nil, let item?):
            let parts = try item.text().split(separator: "/")
            guard parts.count == 2, let vm = vms.firstIndex(where: { $0.name == parts[0] }), let vcpu = Int(parts[1]),
                vms[vm].vcpus.indices.contains(vcpu)
            else { throw item.error("`vcpu` must name one as VM/INDEX, such as web/0") }
            return .vcpu(vm: vm, vcpu: vcpu)
        default: throw fields.item.error("only one of `cpus`, `task` and `vcpu` can say where an event counts")
        }
    }

    private func intervals(_ item: YAMLItem?) throws(ScenarioError) -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        for entry in try item?.entries() ?? [] {
            let ends = try entry.entries()
            guard ends.count == 2 else { throw entry.error("an interval is two times: [10ms, 20ms]") }
            let from = try ends[0].time()
            let to = try ends[1].time()
            guard from < to, from >= ranges.last?.upperBound ?? 0 else {
                throw entry.error("intervals of `disabled` must rise and not overlap")
            }
            ranges.append(from..<to)
        }
        return ranges
    }
}
