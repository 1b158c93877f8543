/// The knobs of a policy. A preset is one value of this type; `CounterScheduler` and KVM's rules obey it.
public struct PolicyRules: Sendable, Equatable {
    public var name: String
    /// How a guest's counters come by physical ones.
    public var guests: Guests
    /// Departures from perf core that people keep proposing.
    public var pinnedMisfit: PinnedMisfit
    public var misfit: Misfit
    public var freed: Freed

    public enum Guests: String, Sendable, CaseIterable {
        /// Each guest counter is a task-pinned event of the host.
        case emulated
        /// The whole PMU changes hands at VM entry and exit.
        case mediated
        /// Guests see no PMU.
        case none
    }

    /// What becomes of a pinned event that does not fit.
    public enum PinnedMisfit: String, Sendable, CaseIterable {
        /// ERROR, until somebody enables it again: what Linux does.
        case sticky
        /// ERROR events are tried again whenever their context is scheduled in.
        case retryAtSchedIn = "retry-at-sched-in"
    }

    /// What a group that does not fit means for the later groups of its list.
    public enum Misfit: String, Sendable, CaseIterable {
        /// They are not tried in this pass: what Linux does.
        case blocksLater = "blocks-later"
        case tryLater = "try-later"
    }

    /// What happens when an event gives its counter up.
    public enum Freed: String, Sendable, CaseIterable {
        /// Nothing until the next rescheduling or timer tick: what Linux does.
        case waits
        case refillsAtOnce = "refills-at-once"
    }

    public init(
        name: String, guests: Guests, pinnedMisfit: PinnedMisfit = .sticky, misfit: Misfit = .blocksLater,
        freed: Freed = .waits
    ) {
        self.name = name
        self.guests = guests
        self.pinnedMisfit = pinnedMisfit
        self.misfit = misfit
        self.freed = freed
    }

    /// Today's KVM: guest counters are task-pinned events.
    public static let emulated = PolicyRules(name: "emulated", guests: .emulated)
    /// The PMU is ceded while the guest runs.
    public static let mediated = PolicyRules(name: "mediated", guests: .mediated)
    /// Guests get no PMU.
    public static let none = PolicyRules(name: "none", guests: .none)
}
