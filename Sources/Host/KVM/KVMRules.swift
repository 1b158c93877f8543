import PMU

/// Which of KVM's habits apply: they changed from kernel to kernel, and a trace names its kernel.
public struct KVMRules: Sendable, Equatable {
    public var reprogramming: Reprogramming
    public var reuse: EventReuse
    public var identity: EventIdentity
    public var emulatedInstructions: EmulatedInstructions
    public var fixedControlWrites: FixedControlWrites
    public var entries: EntryVisibility
    /// The PMU guests are shown; nil is what KVM offers on the processor at hand.
    public var guest: GuestPMUShape?
    /// The event filter of each VM (KVM_SET_PMU_EVENT_FILTER), by the VM's index; absent ones have none.
    public var filters: [Int: EventFilter]

    /// When a guest's control write reaches perf.
    public enum Reprogramming: String, Sendable, CaseIterable {
        /// At the next VM entry (`kvm_pmu_handle_event()`; since v6.2, commit 68fb4757e867).
        case deferred
        /// Inside the emulation of the access.
        case immediate
    }

    /// What becomes of the perf event behind a counter that stops.
    public enum EventReuse: String, Sendable, CaseIterable {
        /// It is kept, off, and resumed if the same config returns (since v5.5, commit b35e5548b411).
        case kept
        /// It is released at once and made anew.
        case released
    }

    /// How a guest's event select is named to perf.
    public enum EventIdentity: String, Sendable, CaseIterable {
        /// PERF_TYPE_RAW, unchanged (since commits dc852ff5bb41 and 7aadaa988c5e of 2022, v6.0).
        case raw
        /// A generic hardware id where KVM's own table knows the event, which the host's table then translates back.
        case hardwareID = "hardware-id"
    }

    /// Whether instructions that KVM emulates show in guest counters (since v5.17, commit 9cd803d496e7).
    public enum EmulatedInstructions: String, Sendable, CaseIterable { case counted, ignored }

    /// When the host writes IA32_FIXED_CTR_CTRL.
    public enum FixedControlWrites: String, Sendable, CaseIterable {
        /// Once at the end of a section, if the image changed. Seen at v6.12.
        case lazy
        /// RDMSR and WRMSR at each start and stop (`intel_pmu_enable_fixed()`, v5.17; taken to end with v6.1).
        case immediate
    }

    /// Whether VM entries and exits are among the operations; on a host that is itself a guest they often are not.
    public enum EntryVisibility: String, Sendable, CaseIterable {
        case visible
        /// What waits for an entry happens right after the access that asked for it; a mediated guest is loaded for
        /// its thread's whole time slice. Both are inferred.
        case hidden
    }

    public init(
        reprogramming: Reprogramming = .deferred, reuse: EventReuse = .kept, identity: EventIdentity = .raw,
        emulatedInstructions: EmulatedInstructions = .counted, fixedControlWrites: FixedControlWrites = .lazy,
        entries: EntryVisibility = .visible, guest: GuestPMUShape? = nil, filters: [Int: EventFilter] = [:]
    ) {
        self.reprogramming = reprogramming
        self.reuse = reuse
        self.identity = identity
        self.emulatedInstructions = emulatedInstructions
        self.fixedControlWrites = fixedControlWrites
        self.entries = entries
        self.guest = guest
        self.filters = filters
    }

    /// The rules of the kernel that calls itself `release` (`uname -r`); the newest rules if it cannot be read.
    public init(kernel release: String?, entries: EntryVisibility = .visible) {
        self.init(entries: entries)
        guard let version = KernelVersion(release) else { return }
        if version < KernelVersion(6, 2) { reprogramming = .immediate }
        if version < KernelVersion(5, 5) { reuse = .released }
        if version < KernelVersion(6, 0) { identity = .hardwareID }
        if version < KernelVersion(5, 17) { emulatedInstructions = .ignored }
        if version < KernelVersion(6, 1) { fixedControlWrites = .immediate }
    }
}

/// The first two numbers of a kernel release.
public struct KernelVersion: Sendable, Comparable {
    public var major: Int
    public var minor: Int

    public init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads `6.12.29-amd64`, `5.4`, `7.3-rc1`; nil if the text does not begin with two numbers.
    public init?(_ release: String?) {
        guard let parts = release?.split(separator: ".", maxSplits: 2), parts.count >= 2,
            let major = Int(parts[0]), let minor = Int(parts[1].prefix { $0.isNumber })
        else { return nil }
        self.init(major, minor)
    }

    public static func < (a: KernelVersion, b: KernelVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }
}
