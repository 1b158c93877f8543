import PMU
import Policy

/// A simulated host: KVM's rules on top of a counter scheduler.
///
/// Demand goes in one operation at a time; steps come out of the scheduler's sink: a `TrafficDriver` makes them
/// register accesses (what a recorder would have seen), a replay integrates them to counts. The machine has no clock:
/// an operation's time is the business of whoever applies it.
///
///     +Tasks          threads on pCPUs, VM entry and exit           kernel/sched/core.c, arch/x86/kvm/x86.c
///     +HostEvents     what host users ask for                       kernel/events/core.c
///     +GuestAccess    a guest's RDMSR, WRMSR, RDPMC                  arch/x86/kvm/pmu.c
///     +Reprogramming  from a counter's registers to its perf event   arch/x86/kvm/pmu.c
///     +Mediated       handing the PMU over, who excludes whom        arch/x86/kvm/pmu.c, kernel/events/core.c
///
/// Where operations leave something out (a thread that was never switched in, a VM that was never created) the
/// machine supplies it at the first use.
///
/// Functions that only look at the machine are inlined, here as in the scheduler: each call would else get a copy of
/// all of it.
public struct HostMachine<Sink: PMUSink> {
    public var scheduler: CounterScheduler<Sink>
    public let model: ProcessorModel
    public let rules: PolicyRules
    public let kvm: KVMRules
    public let actors: Demand.Actors

    var vcpus: FlatArray<VCPU>
    /// The vCPU current on each pCPU, -1 if another thread is.
    var currentVCPU: [Int]
    var hostTasks: [TaskID]
    /// The pCPU each host task is current on, -1 if none.
    var hostTaskPCPU: [Int]
    /// The host's task that runs on each pCPU, -1 for none.
    var currentHostTask: [Int]
    var hostEvents: [HostEventState]
    /// The other members of each leader's group.
    var siblings: [Int: [Int]]
    var vms: [VMState]
    /// VMs that hold the whole PMU while they run.
    var mediatedVMs = 0
    /// Installed host events that do not exclude guests.
    var eventsCountingGuests = 0

    /// Guests' counters that ran out by the listener's account although no interrupt of theirs is in the demand, since
    /// last emptied.
    public var overruns: [Overrun] = []

    public struct Overrun: Sendable, Equatable {
        public var vcpu: Int
        public var counter: Counter
    }

    typealias VCPU = HostVCPU
    typealias HostEventState = InstalledHostEvent
    typealias VMState = VMPower

    /// The rules of each VM, its event filter as KVM takes it, and the counters that were in use when it powered on.
    var guestRules: FlatArray<GuestRules>
    var filters: [EventFilter?]
    var badFilters: Set<Int> = []
    /// Whether each VM has run since it was created.
    var poweredOn: [Bool]
    var unavailable: [UInt64]

    public init(
        model: ProcessorModel, rules: PolicyRules, actors: Demand.Actors, kvm: KVMRules = KVMRules(), sink: Sink
    ) {
        self.model = model
        self.rules = rules
        self.kvm = kvm
        self.actors = actors
        scheduler = CounterScheduler(
            pcpus: actors.pcpus, limits: .init(model: model), rules: rules, siblings: actors.siblings, sink: sink)
        let rulesOfVMs = actors.vms.map { rules.guestRules(vm: $0.name) }
        guestRules = FlatArray(rulesOfVMs)
        filters = []
        unavailable = [UInt64](repeating: 0, count: actors.vms.count)
        poweredOn = [Bool](repeating: false, count: actors.vms.count)
        vcpus = FlatArray()
        for vcpu in actors.vcpus {
            let guest = rulesOfVMs.indices.contains(vcpu.vm) ? rulesOfVMs[vcpu.vm] : rules.guest
            let shape = HostMachine.shape(model: model, rules: rules, guest: guest, kvm: kvm, pcpus: actors.pcpus)
            let fixedEvents = (0..<shape.fixed).map { model.generic[HardwareIdentity.fixedEvent($0)] ?? 0 }
            vcpus.append(VCPU(pmu: VirtualPMU(shape: shape, fixedEvents: fixedEvents), task: scheduler.addTask()))
            scheduler.guestRules.append(guest)
        }
        hostTasks = []
        hostTaskPCPU = [Int](repeating: -1, count: actors.hostTasks.count)
        currentHostTask = [Int](repeating: -1, count: actors.pcpus)
        for _ in actors.hostTasks { hostTasks.append(scheduler.addTask()) }
        currentVCPU = [Int](repeating: -1, count: actors.pcpus)
        hostEvents = [HostEventState](repeating: HostEventState(), count: actors.hostEvents.count)
        siblings = [:]
        for (index, event) in actors.hostEvents.enumerated() {
            if let leader = event.leader, leader != index { siblings[leader, default: []].append(index) }
        }
        vms = [VMState](repeating: .absent, count: actors.vms.count)
        setFilters()
    }

    /// Carries out one operation. Operations that name a pCPU, vCPU, event or VM that the actors do not have do
    /// nothing.
    ///
    /// - Returns: what a guest's access got for an answer, so that a caller can compare it with what was recorded.
    @discardableResult
    public mutating func apply(_ operation: DemandOperation) -> GuestAnswer {
        let pcpu = Int(operation.pcpu)
        guard currentVCPU.indices.contains(pcpu) else { return .notAnAccess }
        switch operation.kind {
        case .taskSwitch(let thread): switchThread(pcpu, to: thread)
        case .guestEnter(let vcpu): withVCPU(vcpu, on: pcpu) { $0.enter($1, pcpu) }
        case .guestExit(let vcpu, let fast): withVCPU(vcpu, on: pcpu) { $0.exit($1, pcpu, reentersFast: fast) }
        case .guestWrite(let vcpu, let register, let value, let faulted):
            guard let vcpu = index(vcpu, on: pcpu) else { return .notAnAccess }
            return outsideGuest(vcpu, pcpu, register) { $0.guestWrite(vcpu, register, value, faulted: faulted) }
        case .guestRead(let vcpu, let register, let faulted):
            guard let vcpu = index(vcpu, on: pcpu) else { return .notAnAccess }
            return outsideGuest(vcpu, pcpu, register) { $0.guestRead(vcpu, register, faulted: faulted) }
        case .guestReadPMC(let vcpu):
            if let vcpu = index(vcpu, on: pcpu) { noteAccess(vcpu, register: nil) }
        case .hostInstall(let event): hostInstall(Int(event))
        case .hostEnable(let event): if let event = hostEvent(Int(event)) { scheduler.enable(event) }
        case .hostDisable(let event): if let event = hostEvent(Int(event)) { scheduler.disable(event) }
        case .hostRemove(let event): hostRemove(Int(event))
        case .hostPeriod(let event, let period):
            if let event = hostEvent(Int(event)) { scheduler.setPeriod(event, period) }
        case .hostRead(let event): if let event = hostEvent(Int(event)) { scheduler.read(event) }
        case .rotationTick: scheduler.rotate(pcpu: pcpu)
        case .overflow(let owner): overflow(owner, pcpu)
        case .emulatedInstruction(let vcpu, let branch):
            withVCPU(vcpu, on: pcpu) { $0.emulateInstruction($1, isBranch: branch) }
        case .pcpuOffline: takeOffline(pcpu)
        case .pcpuOnline: break
        case .vmCreate(let vm): createVM(Int(vm))
        case .vmDestroy(let vm): destroyVM(Int(vm))
        }
        return .notAnAccess
    }

    /// Whether the VM was created and not refused.
    @inline(__always)
    public func isRunning(vm: Int) -> Bool { vms.indices.contains(vm) && vms[vm] == .running }

    /// Whether the VM of `vcpu` was to be created and must not.
    @inline(__always)
    public func isRefused(vcpu: Int) -> Bool { vms[actors.vcpus[vcpu].vm] == .refused }

    /// The virtual counters that the guest of `vcpu` believes to count, by `Counter.bit`.
    @inline(__always)
    public func guestEnabled(vcpu: Int) -> UInt64 { vcpus[vcpu].enabledMask }

    /// The event that the guest has programmed a counter with, as a raw event select: a fixed counter's privileges come
    /// from its field of FIXED_CTR_CTRL.
    @inline(__always)
    public func programmedEvent(vcpu: Int, counter: Counter) -> UInt64 {
        guard let slot = GuestRegisters.slot(of: counter) else { return 0 }
        let config = vcpus[vcpu].pmu.registers.eventSelect[slot]
        guard counter.isFixed else { return config }
        return config | FixedControl.privileges(of: vcpus[vcpu].pmu.registers.fixedField(counter.number))
    }

    /// Goes up whenever what the guest of `vcpu` has programmed, or believes to count, may have changed.
    @inline(__always)
    public func programming(vcpu: Int) -> UInt64 { vcpus[vcpu].programming }

    /// What `vcpu` has cost so far.
    @inline(__always)
    public func operationCounts(vcpu: Int) -> OperationCounts { vcpus[vcpu].counts }

    /// The registers and counters of `vcpu` as KVM keeps them; a counter that runs holds more than is noted here.
    @inline(__always)
    public func virtualPMU(vcpu: Int) -> VirtualPMU { vcpus[vcpu].pmu }

    /// The scheduler's event behind a guest's counter, nil where there is none.
    @inline(__always)
    public func event(vcpu: Int, counter: Counter) -> EventID? {
        guard let slot = GuestRegisters.slot(of: counter), vcpus[vcpu].pmu.event[slot] >= 0 else { return nil }
        return vcpus[vcpu].pmu.event[slot]
    }

    /// The scheduler's event of a host event, nil while it is not installed or was refused.
    @inline(__always)
    public func hostEvent(_ index: Int) -> EventID? {
        hostEvents.indices.contains(index) ? hostEvents[index].event : nil
    }

    /// An access that did not leave the guest when it was recorded leaves it where KVM intercepts the register, so that
    /// what it asks for is done at the entry right after it.
    private mutating func outsideGuest(
        _ vcpu: Int, _ pcpu: Int, _ register: UInt32, _ access: (inout Self) -> GuestAnswer
    ) -> GuestAnswer {
        guard vcpus[vcpu].inRunLoop, isIntercepted(register, vcpu: vcpu) else { return access(&self) }
        exit(vcpu, pcpu, reentersFast: false)
        let answer = access(&self)
        enter(vcpu, pcpu)
        return answer
    }

    private mutating func withVCPU(_ vcpu: Int32, on pcpu: Int, _ body: (inout Self, Int) -> Void) {
        if let index = index(vcpu, on: pcpu) { body(&self, index) }
    }

    /// The vCPU's index if it may run; its thread is current on `pcpu` afterwards.
    private mutating func index(_ vcpu: Int32, on pcpu: Int) -> Int? {
        let index = Int(vcpu)
        guard vcpus.indices.contains(index) else { return nil }
        if vms[actors.vcpus[index].vm] == .absent { createVM(actors.vcpus[index].vm) }
        guard vms[actors.vcpus[index].vm] == .running else { return nil }
        if !poweredOn[actors.vcpus[index].vm] { powerOn(actors.vcpus[index].vm) }
        if vcpus[index].pcpu != pcpu { switchThread(pcpu, to: .vcpu(vcpu)) }
        return index
    }
}
