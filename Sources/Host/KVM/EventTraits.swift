import PMU
import Policy

/// What KVM and perf ask of the event in a guest's event select.
///
/// Which event it is decides nothing else, but whether it is the one that was there before: of two events with equal
/// traits one may stand for the other wherever both are not compared with a third. What is counted is the listener's
/// business.
public struct EventTraits: Hashable, Sendable {
    /// The VM's filter and the policy let the guest count it.
    let isAllowed: Bool
    /// Rolled back with an aborted transaction, and so made without a period.
    let isCheckpointed: Bool
    /// Where it may go, without PEBS and at the levels of precision that a guest's event can have (`preciseLevel`).
    let constraint: Constraint
    let preciseConstraint: Constraint
    let mostPreciseConstraint: Constraint
}

extension HostMachine {
    /// The traits of `event`, an event select without its control bits (`EventSelect.bare`), in GP counter `slot` of
    /// `vcpu`.
    ///
    /// nil where more is asked of it: what perf gets to see is not all of it, or goes through KVM's table of generic
    /// ids.
    public func traits(vcpu: Int, slot: Int, event: UInt64) -> EventTraits? {
        let seen = vcpus[vcpu].pmu.shape.rawEventMask
        guard event & ~(seen | EventSelect.user | EventSelect.os) == 0, !namesByHardwareID(vcpu) else { return nil }
        let config = event & seen
        return EventTraits(
            isAllowed: isAllowed(vcpu, slot, eventSelect: event),
            isCheckpointed: config & EventSelect.inTXCheckpointed != 0,
            constraint: model.constraint(for: config), preciseConstraint: model.constraint(for: config, precise: 1),
            mostPreciseConstraint: model.constraint(for: config, precise: 3))
    }

    /// What event select `slot` of `vcpu` holds once `value` was written to it, nil where that raises #GP.
    @inline(__always)
    public func heldSelect(vcpu: Int, slot: Int, _ value: UInt64) -> UInt64? {
        vcpus[vcpu].pmu.shape.heldSelect(slot, value)
    }
}
