import Host
import PMU
import Policy

@testable import Bisect
@testable import Timeline

/// Demand written by hand: a host of a few CPUs with guests and host events. Times are microseconds here.
struct DemandFixture {
    var model = ProcessorModel.zen2
    var actors: Demand.Actors
    private(set) var operations: [DemandOperation] = []
    var taints: [TimelineTaint] = []
    private var now: UInt64 = 0

    /// - Parameter vcpus: vCPUs of VM `vm0`, then `vm1`, ...
    init(pcpus: Int = 1, vcpus: [Int] = [1], model: ProcessorModel = .zen2) {
        self.model = model
        actors = Demand.Actors(pcpus: pcpus)
        for (vm, count) in vcpus.enumerated() {
            actors.vms.append(.init(name: "vm\(vm)"))
            for index in 0..<count {
                actors.vcpus.append(.init(vm: vm, index: index, thread: Int32(100 + actors.vcpus.count)))
            }
        }
        for vm in actors.vms.indices { add(.vmCreate(vm: Int32(vm))) }
    }

    mutating func add(_ kind: DemandOperation.Kind, pcpu: Int = 0) {
        operations.append(
            DemandOperation(time: now, pcpu: Int32(pcpu), kind: kind, source: UInt64(operations.count * 3)))
    }

    mutating func wait(_ microseconds: UInt64) { now += microseconds * 1000 }

    /// Raw config of a perf event name, counting in user and kernel mode.
    func config(_ name: String) -> UInt64 { model.config(named: name)! | EventSelect.user | EventSelect.os }

    @discardableResult
    mutating func host(
        _ name: String, _ event: String = "cycles", _ priority: EventSpec.Priority = .pinned, pcpu: Int = 0,
        exclusion: EventSpec.Exclusion = .none, leader: Int? = nil, scope: Demand.HostEvent.Scope? = nil
    ) -> Int {
        actors.hostEvents.append(
            Demand.HostEvent(
                name: name, config: config(event), priority: priority, exclusion: exclusion,
                scope: scope ?? .pcpu(pcpu), leader: leader))
        return actors.hostEvents.count - 1
    }

    mutating func install(_ event: Int, pcpu: Int = 0) { add(.hostInstall(event: Int32(event)), pcpu: pcpu) }

    /// Pinned events on every GP counter but `free` ones.
    mutating func fill(besides free: Int = 0, _ priority: EventSpec.Priority = .pinned, pcpu: Int = 0) -> [Int] {
        let events = (0..<model.gp - free).map { host("filler\($0)", "branches", priority, pcpu: pcpu) }
        for event in events { install(event, pcpu: pcpu) }
        return events
    }

    mutating func switchIn(_ vcpu: Int, pcpu: Int = 0) { add(.taskSwitch(to: .vcpu(Int32(vcpu))), pcpu: pcpu) }
    mutating func switchOut(pcpu: Int = 0) { add(.taskSwitch(to: .other), pcpu: pcpu) }
    mutating func enter(_ vcpu: Int, pcpu: Int = 0) { add(.guestEnter(vcpu: Int32(vcpu)), pcpu: pcpu) }
    mutating func exit(_ vcpu: Int, pcpu: Int = 0) {
        add(.guestExit(vcpu: Int32(vcpu), reentersFast: false), pcpu: pcpu)
    }

    /// From inside the guest: counter `counter` gets `event`, or is switched off with nil.
    mutating func program(_ vcpu: Int, _ counter: Int, _ event: String?, pcpu: Int = 0) {
        exit(vcpu, pcpu: pcpu)
        let base: UInt32 =
            model.flavour == .intel ? MSR.intelEventSelect + UInt32(counter) : MSR.amdControl + 2 * UInt32(counter)
        let value = event.map { config($0) | EventSelect.enable } ?? 0
        add(.guestWrite(vcpu: Int32(vcpu), register: base, value: value, faulted: false), pcpu: pcpu)
        enter(vcpu, pcpu: pcpu)
    }

    /// A slice of a vCPU of `microseconds`, with whatever it does in the guest at its beginning.
    mutating func slice(
        _ vcpu: Int, _ microseconds: UInt64 = 100, pcpu: Int = 0, _ body: (inout DemandFixture) -> Void = { _ in }
    ) {
        switchIn(vcpu, pcpu: pcpu)
        wait(2)
        enter(vcpu, pcpu: pcpu)
        wait(5)
        body(&self)
        wait(microseconds)
        exit(vcpu, pcpu: pcpu)
        switchOut(pcpu: pcpu)
        wait(10)
    }

    var timeline: Timeline {
        var timeline = Timeline(
            model: model, recordedRules: .emulated, kvm: KVMRules(), multiplexInterval: 1_000_000,
            demand: Demand(actors: actors, operations: operations))
        timeline.start = 0
        timeline.end = now
        timeline.taints = taints
        return timeline
    }
}
