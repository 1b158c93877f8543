import PMU

extension ScenarioReader {
    private static let threadKeys = ["cpu", "placement", "run", "sleep", "start", "jitter"]
    private static let sharedKeys = ["run", "sleep", "start", "jitter", "guest", "host", "rates", "program"]

    mutating func vms(_ item: YAMLItem?, guestRates: RatePhases) throws(ScenarioError) -> [VMPlan] {
        var plans: [VMPlan] = []
        for entry in try item?.entries() ?? [] {
            let fields = try entry.fields(
                ["name", "process", "from", "to", "filter", "vcpus"] + ScenarioReader.sharedKeys)
            let nameItem = try fields.required("name")
            let name = try nameItem.text()
            if plans.contains(where: { $0.name == name }) { throw nameItem.error("there are two VMs `\(name)`") }
            nextThread = (nextThread / 1000 + 1) * 1000
            var plan = VMPlan(
                name: name, from: try fields["from"]?.time() ?? 0, to: try fields["to"]?.time(),
                process: Int32(try fields["process"]?.number(1...4_000_000) ?? UInt64(nextThread)), vcpus: [],
                filter: try fields["filter"].flatMap { item throws(ScenarioError) in try filter(item) })
            if let to = plan.to, to <= plan.from { throw entry.error("\(name) ends before it begins") }
            nextThread = plan.process + 3
            let rates = try fields["rates"].flatMap { item throws(ScenarioError) in try self.rates(item) } ?? guestRates
            let vcpus = try fields.required("vcpus").entries()
            guard !vcpus.isEmpty else { throw fields.item.error("\(name) has no vCPU") }
            for (index, vcpu) in vcpus.enumerated() {
                plan.vcpus.append(try self.vcpu(vcpu, index: index, defaults: fields, rates: rates))
            }
            plans.append(plan)
        }
        return plans
    }

    private mutating func vcpu(
        _ item: YAMLItem, index: Int, defaults: YAMLFields, rates: RatePhases
    ) throws(ScenarioError) -> VCPUPlan {
        let fields = try item.fields(["thread"] + ScenarioReader.threadKeys + ["guest", "host", "rates", "program"])
        var modes: VCPUPlan.Modes?
        if fields["guest"] ?? defaults["guest"] != nil {
            let source = fields["guest"] != nil ? fields : defaults
            let guest = try interval(source, "guest", default: 0)
            let host = try interval(fields["host"] != nil ? fields : defaults, "host", default: 2_000)
            modes = VCPUPlan.Modes(guest: guest, host: host)
        } else if let item = fields["host"] {
            throw item.error("`host` says how long each exit takes; `guest` must say how far they are apart")
        }
        var program = GuestProgram.idle
        if let item = fields["program"] ?? defaults["program"] { program = try self.program(item) }
        return VCPUPlan(
            thread: try thread(fields, defaults: defaults, name: "CPU \(index)/KVM"),
            rates: try fields["rates"].flatMap { item throws(ScenarioError) in try self.rates(item) } ?? rates,
            modes: modes, program: program)
    }

    mutating func thread(
        _ fields: YAMLFields, defaults: YAMLFields?, name: String
    ) throws(ScenarioError) -> ThreadPlan {
        func field(_ key: String) -> YAMLItem? { fields[key] ?? defaults?[key] }
        let tidItem = fields["thread"]
        while threadIDs.contains(nextThread) { nextThread += 1 }
        let tid = Int32(try tidItem?.number(1...4_000_000) ?? UInt64(nextThread))
        guard threadIDs.insert(tid).inserted else {
            throw (tidItem ?? fields.item).error("thread id \(tid) is taken already")
        }
        var placements: [ThreadPlan.Placement] = []
        if let item = fields["placement"] {
            if fields["cpu"] != nil { throw item.error("`cpu` and `placement` exclude each other") }
            for entry in try item.entries() {
                let place = try entry.fields(["from", "cpu"])
                let from = try place.time("from", default: 0)
                if let last = placements.last, from <= last.from {
                    throw entry.error("entries of `placement` must rise in `from`")
                }
                placements.append(.init(from: from, pcpu: try pcpu(try place.required("cpu"))))
            }
            guard placements.first?.from == 0 else { throw item.error("`placement` must say where it starts, from 0") }
        } else if let item = fields["cpu"] {
            placements = [.init(from: 0, pcpu: try pcpu(item))]
        } else {
            throw fields.item.error("\(fields.item.what) must say where it runs: `cpu` or `placement`")
        }
        var plan = ThreadPlan(
            name: name, tid: tid, placements: placements, run: nil, sleep: 0, start: try field("start")?.time() ?? 0,
            jitterPercent: try field("jitter")?.number(0...90) ?? 0)
        if let run = field("run") {
            let sleep = field("sleep")
            plan.run = try run.time()
            plan.sleep = try sleep?.time() ?? 0
            guard plan.run! >= 1_000, plan.sleep >= 1_000 else {
                throw run.error("`run` and `sleep` must be given together, 1us or more each")
            }
        } else if let sleep = field("sleep") {
            throw sleep.error("`sleep` needs `run` beside it")
        }
        return plan
    }

    private func filter(_ item: YAMLItem) throws(ScenarioError) -> FilterPlan {
        let fields = try item.fields(["action", "events", "fixed-counters"])
        var plan = FilterPlan(
            action: try fields.required("action").choice(FilterPlan.Action.self), events: [],
            fixedCounters: UInt32(try fields["fixed-counters"]?.number(0...0xffff) ?? 0))
        for entry in try fields["events"]?.entries() ?? [] { plan.events.append(try config(entry)) }
        guard plan.events.count <= 300 else { throw item.error("KVM takes at most 300 events in a filter") }
        return plan
    }
}
