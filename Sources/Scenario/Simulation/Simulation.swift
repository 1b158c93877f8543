import Host
import PMU
import Policy
import Trace

/// A simulated host at work: threads take turns, guests enter, leave and access registers, host users come and go,
/// counters run out. Everything the host does goes through `HostMachine`; what a recorder would have seen goes to the
/// sink, and the true counts into the hardware's ledger.
///
/// The host takes no time for register accesses: a guest's access leaves and enters the guest at one instant, and all
/// records of an operation carry its time. So the time a context spends in each mode is the same under every policy.
///
///     +Threads    run queues and task switches
///     +VCPU       guest mode, exits, accesses
///     +Host       host users, the multiplexing timer, VMs
///     +Overflow   counters that run out
struct Simulation {
    typealias Machine = HostMachine<TrafficDriver<SimulatedHardware>>

    let scenario: Scenario
    var machine: Machine
    var queue = EventQueue<Happening>()
    var threads: [Thread]
    var vcpus: [VCPU]
    var run: [RunQueue]
    var host = HostUsers()
    /// Exits and interrupts of AMD and Intel have different numbers.
    let exits: ExitReasons
    var truth: GuestTruth

    /// What happens at a time. A `generation` makes a happening void once its thread has moved on.
    enum Happening: Sendable {
        case rates
        case wake(thread: Int)
        case place(thread: Int)
        case sliceEnd(thread: Int, generation: Int)
        case preempt(pcpu: Int, generation: Int)
        case enter(vcpu: Int, generation: Int)
        case exit(vcpu: Int, generation: Int)
        case action(vcpu: Int, generation: Int)
        case install(event: Int)
        case remove(event: Int)
        case disable(event: Int)
        case enable(event: Int)
        case read(event: Int)
        case mux(pcpu: Int)
        case readUncore(Int)
        case createVM(Int)
        case destroyVM(Int)
    }

    struct Thread {
        enum Owner: Sendable {
            case vcpu(Int)
            case task(Int)
        }
        let owner: Owner
        let plan: ThreadPlan
        var random: SeededRandom
        var state = State.absent
        /// Run time left until it sleeps by itself; nil for never.
        var left: UInt64?
        var switchedInAt: UInt64 = 0
        var generation = 0
        enum State: Equatable {
            case absent, sleeping
            case ready(Int)
            case running(Int)
        }
    }

    struct VCPU {
        let vm: Int
        let index: Int
        let plan: VCPUPlan
        let thread: Int
        var driver: GuestDriver
        var random: SeededRandom
        var inGuest = false
        /// The pCPU its thread runs on, -1 if it does not.
        var pcpu = -1
        var generation = 0
        var actionGeneration = 0
        var nextExit: UInt64 = .max
        /// When its guest was interrupted for its counters, ns of guest mode.
        var interrupts: [UInt64] = []
    }

    struct RunQueue {
        /// Index of the running thread, -1 for the idle task.
        var current = -1
        var ready: [Int] = []
        var generation = 0
    }

    init(_ scenario: Scenario, rules: PolicyRules) throws(EventFilter.BadFilter) {
        self.scenario = scenario
        let plan = DemandPlan(scenario)
        var kvm = KVMRules(kernel: scenario.kernel)
        for (index, vm) in scenario.vms.enumerated() {
            guard let filter = vm.filter else { continue }
            kvm.filters[index] = try EventFilter(
                action: filter.action == .allow ? .allow : .deny, entries: filter.events,
                fixedCounters: filter.fixedCounters, flavour: scenario.model.flavour)
        }
        let hardware = SimulatedHardware(
            pcpus: scenario.topology.pcpus, vcpus: plan.actors.vcpus.count, eventKeys: plan.eventKeys,
            counterMask: scenario.model.counterMask)
        let habits = TrafficHabits(fixedControl: kvm.fixedControlWrites, overflowPolls: .shown)
        machine = HostMachine(
            model: scenario.model, rules: rules, actors: plan.actors, kvm: kvm,
            sink: TrafficDriver(
                pcpus: scenario.topology.pcpus, model: scenario.model, habits: habits, output: hardware))
        host.plans = plan.hostPlans
        exits = ExitReasons(flavour: scenario.model.flavour)
        run = [RunQueue](repeating: RunQueue(), count: scenario.topology.pcpus)
        truth = GuestTruth(vcpus: plan.actors.vcpus.count)
        threads = []
        vcpus = []
        for (vm, vmPlan) in scenario.vms.enumerated() {
            for (index, vcpuPlan) in vmPlan.vcpus.enumerated() {
                let shape = machine.virtualPMU(vcpu: vcpus.count).shape
                let purpose = "\(vmPlan.name)/\(index)"
                vcpus.append(
                    VCPU(
                        vm: vm, index: index, plan: vcpuPlan, thread: threads.count,
                        driver: GuestDriver(vcpuPlan.program, shape: shape, model: scenario.model),
                        random: SeededRandom(seed: scenario.seed, purpose: purpose + " exits")))
                threads.append(
                    Thread(
                        owner: .vcpu(vcpus.count - 1), plan: vcpuPlan.thread,
                        random: SeededRandom(seed: scenario.seed, purpose: purpose)))
            }
        }
        for (index, task) in scenario.tasks.enumerated() {
            threads.append(
                Thread(
                    owner: .task(index), plan: task, random: SeededRandom(seed: scenario.seed, purpose: task.name)))
        }
    }

    var now: UInt64 { hardware.now }

    var hardware: SimulatedHardware {
        _read { yield machine.scheduler.sink.output }
        _modify { yield &machine.scheduler.sink.output }
    }

    /// Runs to the scenario's end and writes every record to `sink`.
    ///
    /// - Parameter progress: called now and then with the simulated time.
    mutating func run<Sink: TraceSink>(into sink: inout Sink, progress: (UInt64) -> Void) throws {
        let comms = Comms(&sink, self)
        begin()
        startWantedTimers()
        try flush(into: &sink, comms)
        while true {
            let next = queue.nextTime ?? .max
            let overflow = nextOverflow()
            let time = min(next, overflow?.time ?? .max)
            guard time < scenario.duration else { break }
            if let overflow, overflow.time <= next {
                hardware.now = time
                handleOverflow(overflow.pcpu)
            } else if let (_, happening) = queue.removeFirst() {
                hardware.now = time
                handle(happening)
            }
            startWantedTimers()
            if hardware.records.count >= 4096 {
                try flush(into: &sink, comms)
                progress(time)
            }
        }
        try flush(into: &sink, comms)
        // The recorder has stopped: what is put to account now leaves no records.
        hardware.recording = .off
        hardware.now = scenario.duration
        end()
    }

    private mutating func flush<Sink: TraceSink>(into sink: inout Sink, _ comms: Comms) throws {
        for var event in hardware.records {
            if event.kind == .schedSwitch { comms.name(&event) }
            try sink.append(event)
        }
        hardware.records.removeAll(keepingCapacity: true)
    }

    mutating func apply(_ kind: DemandOperation.Kind, pcpu: Int) {
        machine.apply(DemandOperation(time: now, pcpu: Int32(pcpu), kind: kind))
        noteNewEvents()
    }

    private mutating func handle(_ happening: Happening) {
        switch happening {
        case .rates: changeRates()
        case .wake(let thread): wake(thread)
        case .place(let thread): place(thread)
        case .sliceEnd(let thread, let generation): if threads[thread].generation == generation { fallAsleep(thread) }
        case .preempt(let pcpu, let generation): if run[pcpu].generation == generation { preempt(pcpu) }
        case .enter(let vcpu, let generation): if vcpus[vcpu].generation == generation { enterAfterExit(vcpu) }
        case .exit(let vcpu, let generation): if vcpus[vcpu].generation == generation { exitByItself(vcpu) }
        case .action(let vcpu, let generation): if vcpus[vcpu].actionGeneration == generation { act(vcpu) }
        case .install(let event): install(event)
        case .remove(let event): remove(event)
        case .disable(let event): hostOperation(event, .hostDisable(event: Int32(event)))
        case .enable(let event): hostOperation(event, .hostEnable(event: Int32(event)))
        case .read(let event): readEvent(event)
        case .mux(let pcpu): muxTick(pcpu)
        case .readUncore(let number): readUncore(number)
        case .createVM(let vm): createVM(vm)
        case .destroyVM(let vm): destroyVM(vm)
        }
    }

    /// What is there when the recording begins, and the times at which more will happen.
    ///
    /// Of VMs and host events that are there from the start, the VMs come first: nobody can tell from a recording who
    /// was there before, and a guest that was refused would leave nothing to look at.
    private mutating func begin() {
        changeRates()
        for vm in scenario.vms.indices where scenario.vms[vm].from == 0 { createVM(vm) }
        for vm in scenario.vms.indices where scenario.vms[vm].from > 0 {
            queue.add(.createVM(vm), at: scenario.vms[vm].from)
        }
        for vm in scenario.vms.indices { if let to = scenario.vms[vm].to { queue.add(.destroyVM(vm), at: to) } }
        beginHostEvents()
        beginUncore()
        for (index, thread) in threads.enumerated() {
            if case .task = thread.owner { queue.add(.wake(thread: index), at: thread.plan.start) }
            for placement in thread.plan.placements where placement.from > 0 {
                queue.add(.place(thread: index), at: placement.from)
            }
        }
    }

    private mutating func end() {
        for pcpu in run.indices where hardware.pcpus[pcpu].vcpu >= 0 { hardware.exitGuest(pcpu) }
        for vcpu in vcpus.indices { noteBelief(vcpu) }
        hardware.closeLedger()
        closeHostEvents()
    }

    private mutating func changeRates() {
        var next = UInt64.max
        func apply(_ phases: RatePhases, _ set: (Int, UInt64) -> Void) {
            for phase in phases.phases {
                if phase.from > now { next = min(next, phase.from) }
                guard phase.from == now else { continue }
                for (index, key) in hardware.eventKeys.enumerated() {
                    if let rate = phase.rates[key] { set(index, rate) }
                }
            }
        }
        var hostChanges: [(Int, UInt64)] = []
        apply(scenario.hostRates) { hostChanges.append(($0, $1)) }
        for pcpu in run.indices {
            for (event, rate) in hostChanges { hardware.pcpus[pcpu].host.setRate(event, rate, at: now) }
            hardware.pcpus[pcpu].isOverflowStale = true
        }
        for vcpu in vcpus.indices {
            var changes: [(Int, UInt64)] = []
            apply(vcpus[vcpu].plan.rates) { changes.append(($0, $1)) }
            for (event, rate) in changes { hardware.guests[vcpu].setRate(event, rate, at: now) }
        }
        if next != .max { queue.add(.rates, at: next) }
    }
}
