import Counts
import Host
import PMU
import Policy
import Timeline

/// Where a guest would have done something else than when it was recorded: it was told of other counters, its accesses
/// get another answer, its counters run out at other times. The demand stays as it is; the guest's counts from that
/// moment on are no longer known.
extension Replayer {
    func recordedRules(vcpu: Int) -> GuestRules { guestRules(vcpu, timeline.recordedRules) }
    func guestRules(vcpu: Int) -> GuestRules { guestRules(vcpu, rules) }

    private func guestRules(_ vcpu: Int, _ rules: PolicyRules) -> GuestRules {
        let actors = timeline.demand.actors
        let vm = actors.vcpus[vcpu].vm
        return actors.vms.indices.contains(vm) ? rules.guestRules(vm: actors.vms[vm].name) : rules.guest
    }

    /// A guest whose accesses were refused, all of them or those for counters it could not have, would have been heard
    /// under another policy. What else it would have done then nobody knows.
    func asDemanded(_ operation: DemandOperation) -> DemandOperation {
        var operation = operation
        switch operation.kind {
        case .guestWrite(let vcpu, let register, let value, true) where isHeard(vcpu):
            operation.kind = .guestWrite(vcpu: vcpu, register: register, value: value, faulted: false)
        case .guestRead(let vcpu, let register, true) where isHeard(vcpu):
            operation.kind = .guestRead(vcpu: vcpu, register: register, faulted: false)
        default: break
        }
        return operation
    }

    private func isHeard(_ vcpu: Int32) -> Bool { heard.indices.contains(Int(vcpu)) && heard[Int(vcpu)] }

    func isHeardNow(vcpu: Int) -> Bool {
        let recorded = recordedRules(vcpu: vcpu)
        let now = guestRules(vcpu: vcpu)
        if now.access == .none { return false }
        return recorded.access == .none || recorded.telling != now.telling
    }

    /// Guests that see another PMU than when recorded, or took notice of what they were told then.
    mutating func noteOtherMachines() {
        guard !Replayer.decideAlike(rules, timeline.recordedRules) else { return }
        let actors = timeline.demand.actors
        for vcpu in actors.vcpus.indices {
            func announced(_ rules: PolicyRules) -> GuestPMUShape {
                HostMachine<ReplaySink>.announced(
                    vcpu: vcpu, model: timeline.model, rules: rules, actors: actors, kvm: timeline.kvm)
            }
            let (then, now) = (announced(timeline.recordedRules), announced(rules))
            if then != now {
                tell(
                    timeline.start, vcpu,
                    "the guest sees \(Replayer.words(now)), where it saw \(Replayer.words(then)) when recorded")
            } else if recordedRules(vcpu: vcpu).notice == .noticed,
                recordedRules(vcpu: vcpu).telling != guestRules(vcpu: vcpu).telling
            {
                tell(
                    timeline.start, vcpu,
                    "what the guest was told when recorded (\(recordedRules(vcpu: vcpu).telling.rawValue)) it is not told"
                )
            }
        }
    }

    private static func words(_ shape: GuestPMUShape) -> String {
        shape.gp == 0 ? "no PMU" : "\(shape.gp) GP and \(shape.fixed) fixed counters"
    }

    /// What guests were told since last looked at: those that took notice go their own ways.
    mutating func noteTold(_ time: UInt64) {
        let isNew = !Replayer.decideAlike(rules, timeline.recordedRules)
        for number in toldNoted..<machine.scheduler.sink.told.count where isNew {
            let told = machine.scheduler.sink.told[number]
            guard told.notice == .noticed else { continue }
            tell(
                time, told.vcpu,
                "the guest learns that it cannot have \(Counter.list(told.counters)) (\(told.how.rawValue))")
        }
        toldNoted = machine.scheduler.sink.told.count
    }

    /// Counters that ran out unlike when recorded.
    mutating func noteOverruns(_ time: UInt64) {
        for overrun in machine.overruns {
            tell(time, overrun.vcpu, "an interrupt of \(overrun.counter) comes that did not come when recorded")
        }
        machine.overruns.removeAll(keepingCapacity: true)
    }

    mutating func noteInterrupt(_ operation: DemandOperation, _ owner: EventOwner) {
        guard case .guest(let vcpu, let counter) = owner, guestRules(vcpu: vcpu).access != .mediated else { return }
        if let event = machine.event(vcpu: vcpu, counter: counter), machine.scheduler.counter(of: event) != nil,
            !machine.isFarFromOverflow(vcpu: vcpu, counter: counter)
        {
            return
        }
        tell(operation.time, vcpu, "an interrupt of \(counter) that was delivered when recorded does not come")
    }
}
