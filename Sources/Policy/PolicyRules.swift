/// The knobs of a policy: the rules by which physical counters are given. A preset is one value of this type.
///
/// `CounterScheduler` obeys what decides who holds a counter; KVM's rules around it obey what decides what a guest gets
/// to see. `GuestRules` is the part that may differ from VM to VM.
public struct PolicyRules: Sendable, Equatable {
    public var name: String
    /// What the policy models, and whose argument it is: one sentence each, empty if the author wrote none.
    public var models: String
    public var arguedBy: String
    /// How guests come by counters, unless `overrides` says otherwise for a VM.
    public var guest: GuestRules
    /// Rules of single VMs by name, complete: what a file leaves out there is filled in from `guest`.
    public var overrides: [String: GuestRules]
    public var arbitration: Arbitration
    public var pinnedMisfit: PinnedMisfit
    public var misfit: Misfit
    public var freed: Freed
    public var taskPinned: TaskPinned
    public var flexibleOrder: FlexibleOrder
    public var hostVisibility: HostVisibility
    /// Counters set aside, per set of pCPUs; none of them means that everybody may use everything.
    public var reservations: [Reservation]

    /// How a guest's counters come by physical ones.
    public enum Guests: String, Sendable, CaseIterable {
        /// Each guest counter is an event of the host.
        case emulated
        /// The whole PMU changes hands.
        case mediated
        /// Guests see no PMU.
        case none
    }

    /// Who yields when two want one counter.
    public enum Arbitration: String, Sendable, CaseIterable {
        /// The lower priority, whenever somebody of a higher one comes: what Linux does.
        case priority
        /// Whoever came later; nobody is displaced and nothing is multiplexed.
        case firstCome = "first-come"
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

    /// Whether a task's pinned events make system-wide flexible ones give way.
    public enum TaskPinned: String, Sendable, CaseIterable {
        /// They do: what Linux does.
        case displaces = "displaces-cpu-flexible"
        case spares = "spares-cpu-flexible"
    }

    /// Which flexible events are placed first.
    public enum FlexibleOrder: String, Sendable, CaseIterable {
        /// System-wide ones, so that a task's wait for ever if those want everything: what Linux does.
        case cpuFirst = "cpu-first"
        /// System-wide and a task's in turn, from one tick of the multiplexing timer to the next.
        case takesTurns = "takes-turns"
    }

    /// What host events see of the time guests run.
    public enum HostVisibility: String, Sendable, CaseIterable {
        /// Everything an event without exclude_guest asks for.
        case everything
        /// Nothing, and an event that asks for it is refused while a VM holds the PMU, as a VM is while such an event
        /// exists: mediated vPMU.
        case refuses
        /// Nothing, and nobody is told: guest time is a blind spot of every event.
        case blinded
    }

    /// - Parameter guests: mediated guests take the PMU at VM entry, exclude events that count guests and have no
    ///   event priority; the rest is Linux's habit.
    public init(
        name: String, guests: Guests, pinnedMisfit: PinnedMisfit = .sticky, misfit: Misfit = .blocksLater,
        freed: Freed = .waits
    ) {
        self.name = name
        models = ""
        arguedBy = ""
        guest = GuestRules(access: guests)
        overrides = [:]
        arbitration = .priority
        self.pinnedMisfit = pinnedMisfit
        self.misfit = misfit
        self.freed = freed
        taskPinned = .displaces
        flexibleOrder = .cpuFirst
        hostVisibility = guests == .mediated ? .refuses : .everything
        reservations = []
    }

    /// How guests come by counters where no VM says otherwise.
    public var guests: Guests {
        get { guest.access }
        set { guest.access = newValue }
    }

    /// The rules for the VM called `name`.
    public func guestRules(vm name: String) -> GuestRules { overrides[name] ?? guest }

    /// Every guest's rules: the common ones and those of single VMs in the order of their names.
    public var allGuestRules: [GuestRules] {
        [guest] + overrides.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Today's KVM: guest counters are task-pinned events.
    public static let emulated = PolicyRules(name: "emulated", guests: .emulated)
    /// The PMU is ceded while the guest runs.
    public static let mediated = PolicyRules(name: "mediated", guests: .mediated)
    /// Guests get no PMU.
    public static let none = PolicyRules(name: "none", guests: .none)
}
