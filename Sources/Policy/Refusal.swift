import PMU

/// Something the host said no to, and with which errno.
public struct Refusal: Sendable, Equatable {
    public var party: Party
    public var reason: Reason

    public enum Party: Sendable, Equatable {
        /// Index into the demand's host events.
        case hostEvent(Int)
        /// Index into the demand's VMs.
        case vm(Int)
        case guestCounter(vcpu: Int, counter: Counter)
    }

    public enum Reason: String, Sendable, CaseIterable {
        /// A VM with a mediated PMU while events without exclude_guest exist (`perf_create_mediated_pmu()`).
        case busy = "EBUSY"
        /// An event without exclude_guest while a VM with a mediated PMU exists (`mediated_pmu_account_event()`).
        case notSupported = "EOPNOTSUPP"
        /// No counter of this processor can hold the event (`validate_event()`), or it has not counters for the whole
        /// group (`validate_group()`, arch/x86/events/core.c, v6.12).
        case invalid = "EINVAL"
    }

    public init(party: Party, reason: Reason) {
        self.party = party
        self.reason = reason
    }
}
