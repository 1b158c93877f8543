import PMU

/// A VM's event filter: which events its guest's counters may count (KVM_SET_PMU_EVENT_FILTER, Documentation/virt/kvm/
/// api.rst; `check_pmu_event_filter()`, arch/x86/kvm/pmu.c, v6.12). Counter mask, invert and edge do not matter to it.
public struct EventFilter: Sendable, Equatable {
    public var action: Action
    /// Bit n speaks of fixed counter n.
    public var fixedCounters: UInt32
    private var includes: [Entry]
    private var excludes: [Entry]

    public enum Action: String, Sendable, CaseIterable { case allow, deny }

    /// How the 64-bit entries of the ioctl are to be read.
    public enum Encoding: String, Sendable, CaseIterable {
        /// Event and umask, both exact (flags 0).
        case events
        /// KVM_PMU_EVENT_FLAG_MASKED_EVENTS: select, match, mask and exclude bit.
        case masked
    }

    public enum BadFilter: Error, Equatable, CustomStringConvertible {
        case tooManyEntries(Int)
        case impossibleEntry(UInt64)

        public var description: String {
            switch self {
            case .tooManyEntries(let count): "event filter of \(count) entries; KVM takes at most 300"
            case .impossibleEntry(let entry):
                "event filter entry 0x\(String(entry, radix: 16)) sets bits outside select, match, mask and exclude"
            }
        }
    }

    struct Entry: Sendable, Equatable {
        var select: UInt64
        var match: UInt64
        var mask: UInt64
    }

    /// - Throws: `BadFilter` where the ioctl answers -E2BIG or -EINVAL.
    public init(
        action: Action, entries: [UInt64], encoding: Encoding = .events, fixedCounters: UInt32 = 0, flavour: Flavour
    ) throws(BadFilter) {
        guard entries.count <= 300 else { throw .tooManyEntries(entries.count) }
        self.action = action
        self.fixedCounters = fixedCounters
        includes = []
        excludes = []
        let selectBits: UInt64 = flavour == .intel ? 0xff : EventSelect.amdEventMask
        for entry in entries {
            switch encoding {
            case .events:
                if entry & ~(selectBits | 0xff00) != 0 { continue }
                includes.append(Entry(select: entry & selectBits, match: entry >> 8 & 0xff, mask: 0xff))
            case .masked:
                guard entry & ~(selectBits | 0xff00 | 1 << 55 | 0xff << 56) == 0 else { throw .impossibleEntry(entry) }
                let item = Entry(select: entry & selectBits, match: entry >> 8 & 0xff, mask: entry >> 56)
                if entry >> 55 & 1 != 0 { excludes.append(item) } else { includes.append(item) }
            }
        }
    }

    /// Whether a GP counter with this event select may count.
    public func allows(eventSelect: UInt64, flavour: Flavour) -> Bool {
        let select = eventSelect & (flavour == .intel ? 0xff : EventSelect.amdEventMask)
        let umask = eventSelect >> 8 & 0xff
        func isIn(_ entries: [Entry]) -> Bool {
            entries.contains { $0.select == select && umask & $0.mask == $0.match }
        }
        return (isIn(includes) && !isIn(excludes)) == (action == .allow)
    }

    /// Whether fixed counter `number` may count.
    public func allows(fixedCounter number: Int) -> Bool {
        (fixedCounters >> UInt32(number) & 1 != 0) == (action == .allow)
    }
}
