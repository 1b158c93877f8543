import PMU
import Policy

/// What a policy changes about a single VM: the PMU it sees, the counters and events it may have, and how it learns
/// that it cannot have one.
extension HostMachine {
    @inline(__always)
    func guestRules(_ vcpu: Int) -> GuestRules { guestRules[actors.vcpus[vcpu].vm] }

    /// The PMU that the guest's CPUID announces under `rules`.
    public static func announced(
        vcpu: Int, model: ProcessorModel, rules: PolicyRules, actors: Demand.Actors, kvm: KVMRules
    )
        -> GuestPMUShape
    {
        let vm = actors.vcpus[vcpu].vm
        let guest = actors.vms.indices.contains(vm) ? rules.guestRules(vm: actors.vms[vm].name) : rules.guest
        return shape(model: model, rules: rules, guest: guest, kvm: kvm, pcpus: actors.pcpus)
    }

    static func shape(
        model: ProcessorModel, rules: PolicyRules, guest: GuestRules, kvm: KVMRules, pcpus: Int
    ) -> GuestPMUShape {
        if guest.access == .none { return .absent(flavour: model.flavour) }
        var shape = kvm.guest ?? GuestPMUShape(host: model)
        guard guest.telling == .hideCounter else { return shape }
        for pcpu in 0..<pcpus {
            guard let reservation = rules.reservations.first(where: { $0.pcpus.contains(pcpu) }) else { continue }
            let share = reservation.counters(
                for: .guest(vcpu: 0, counter: .gp(0)), gp: model.gp, fixed: model.fixed)
            let gp = share & model.gpMask
            shape.gp = min(shape.gp, guest.choice == .exact ? (~gp).trailingZeroBitCount : gp.nonzeroBitCount)
            shape.fixed = min(shape.fixed, (~(share >> 32)).trailingZeroBitCount)
        }
        return shape
    }

    /// The filters of the VMs: a trace's or scenario's own, else the policy's.
    mutating func setFilters() {
        for vm in actors.vms.indices {
            if let filter = kvm.filters[vm] {
                filters.append(filter)
            } else if let rule = guestRules[vm].filter {
                let filter = try? EventFilter(rule, flavour: model.flavour)
                if filter == nil { badFilters.insert(vm) }
                filters.append(filter)
            } else {
                filters.append(nil)
            }
        }
    }

    /// The VM powers on, which is when a guest of it first runs: counters in use now are not to be had, and a guest
    /// that looks is told so.
    mutating func powerOn(_ vm: Int) {
        poweredOn[vm] = true
        unavailable[vm] = guestRules[vm].availability == .freeAtPowerOn ? countersInUse() : 0
        for vcpu in vcpus.indices where actors.vcpus[vcpu].vm == vm {
            vcpus[vcpu].told = 0
            switch guestRules[vm].telling {
            case .evtselNonzero: tell(vcpu, unavailable[vm] & vcpus[vcpu].pmu.shape.allCounters)
            case .hideCounter:
                let full = kvm.guest ?? GuestPMUShape(host: model)
                tell(vcpu, full.allCounters & ~vcpus[vcpu].pmu.shape.allCounters)
            default: break
            }
        }
    }

    /// Physical counters that host events or the firmware hold on any pCPU.
    private func countersInUse() -> UInt64 {
        var mask: UInt64 = 0
        for reservation in rules.reservations { mask |= reservation.firmware.mask(gp: model.gp, fixed: model.fixed) }
        for pcpu in 0..<actors.pcpus { mask |= scheduler.countersHeldByHost(pcpu: pcpu) }
        return mask
    }

    /// The guest is told that it cannot have `counters`; one that does not look goes on believing.
    private mutating func tell(_ vcpu: Int, _ counters: UInt64) {
        guard counters != 0 else { return }
        let rules = guestRules(vcpu)
        scheduler.sink.guestTold(vcpu: vcpu, counters: counters, how: rules.telling, notice: rules.notice)
        if rules.notice == .noticed {
            vcpus[vcpu].told |= counters
            believe(vcpu)
        }
    }

    /// The counters the guest believes to count, less those it knows it cannot have.
    mutating func believe(_ vcpu: Int) {
        let mask = vcpus[vcpu].pmu.enabledMask & ~vcpus[vcpu].told
        guard mask != vcpus[vcpu].enabledMask else { return }
        vcpus[vcpu].enabledMask = mask
        vcpus[vcpu].programming &+= 1
        scheduler.sink.guestEnabledChanged(vcpu: vcpu, mask: mask)
    }

    /// What a read of an event select gives: that of a counter in use at power-on is not zero.
    @inline(__always)
    func eventSelectShown(_ vcpu: Int, _ slot: Int) -> UInt64 {
        let value = vcpus[vcpu].pmu.registers.eventSelect[slot]
        guard value == 0, guestRules(vcpu).telling == .evtselNonzero,
            unavailable[actors.vcpus[vcpu].vm] & bit(slot) != 0
        else { return value }
        return model.generic[.cycles] ?? 1
    }

    /// Whether the write asks for a physical counter that can never back the virtual one, where the policy answers
    /// that with #GP.
    mutating func faultsByPolicy(_ vcpu: Int, _ register: UInt32, _ value: UInt64) -> Bool {
        guard guestRules(vcpu).telling == .fault else { return false }
        var wanted: UInt64 = 0
        switch vcpus[vcpu].pmu.target(register: register) {
        case .eventSelect(let slot):
            vcpus[vcpu].told &= ~bit(slot)
            if value & EventSelect.enable != 0 { wanted = bit(slot) }
        case .fixedControl:
            for number in 0..<vcpus[vcpu].pmu.shape.fixed where FixedControl.field(number, of: value) & 0x3 != 0 {
                wanted |= Counter.fixed(number).bit
            }
        default: return false
        }
        let missing = wanted & ~countersForGuests(vcpu)
        guard missing != 0 else { return false }
        scheduler.sink.refused(
            Refusal(
                party: .guestCounter(vcpu: vcpu, counter: Counter(index: UInt8(missing.trailingZeroBitCount))),
                reason: .invalid))
        tell(vcpu, missing)
        return true
    }

    /// The physical counters a guest's events may use where the vCPU is now.
    @inline(__always)
    private func countersForGuests(_ vcpu: Int) -> UInt64 {
        let pcpu = max(0, vcpus[vcpu].pcpu)
        guard let reservation = rules.reservations.first(where: { $0.pcpus.contains(pcpu) }) else {
            return model.allCounters
        }
        return reservation.counters(
            for: .guest(vcpu: vcpu, counter: .gp(0)), gp: model.gp, fixed: model.fixed)
    }

    /// A guest that reads GLOBAL_INUSE finds no counter for an event that did not fit, and does without. It looks when
    /// it programs a counter, not when it loses one.
    mutating func noticeMisfit(_ vcpu: Int, _ slot: Int) {
        guard guestRules(vcpu).telling == .inuse else { return }
        let event = vcpus[vcpu].pmu.event[slot]
        if event >= 0, vcpus[vcpu].pcpu >= 0, scheduler.state(of: event) != .active {
            tell(vcpu, bit(slot))
        } else if vcpus[vcpu].told & bit(slot) != 0 {
            vcpus[vcpu].told &= ~bit(slot)
            believe(vcpu)
        }
    }

    /// Whether a perf event behind a guest's counter must never run, for whoever checks: the VM's filter and the policy
    /// keep it from the guest. Nothing is said of VMs whose event selects are translated before perf sees them.
    public func forbiddenToGuests() -> @Sendable (EventSpec) -> Bool {
        let (filters, rules, flavour, model) = (filters, guestRules, model.flavour, model)
        let vms = actors.vcpus.indices.map { namesByHardwareID($0) ? nil : Optional(actors.vcpus[$0].vm) }
        return { spec in
            guard case .guest(let vcpu, let counter) = spec.owner, vms.indices.contains(vcpu), let vm = vms[vcpu],
                GuestRegisters.slot(of: counter) != nil
            else {
                return false
            }
            if counter.isFixed { return filters[vm].map { !$0.allows(fixedCounter: counter.number) } ?? false }
            if !rules[vm].mayCountSocketEvents, model.isSocketEvent(spec.config) { return true }
            return filters[vm].map { !$0.allows(eventSelect: spec.config, flavour: flavour) } ?? false
        }
    }

    /// How the guest's event selects are named to perf.
    @inline(__always)
    func namesByHardwareID(_ vcpu: Int) -> Bool {
        switch guestRules(vcpu).eventNames {
        case .asTraced: kvm.identity == .hardwareID
        case .raw: false
        case .hardwareID: true
        }
    }
}

extension EventFilter {
    /// The filter that a policy's rule asks for.
    ///
    /// - Throws: `BadFilter` where the ioctl answers -E2BIG or -EINVAL.
    public init(_ rule: EventFilterRule, flavour: Flavour) throws(BadFilter) {
        try self.init(
            action: rule.action == .allow ? .allow : .deny, entries: rule.entries,
            encoding: rule.encoding == .events ? .events : .masked, fixedCounters: rule.fixedCounters,
            flavour: flavour)
    }
}
