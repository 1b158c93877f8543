import PMU

/// What a guest does with its PMU, and whether it reacts to what it meets.
public struct GuestProgram: Sendable, Equatable {
    public var kind: Kind
    /// Guest time between one access and the next of a burst.
    public var accessInterval: UInt64

    public enum Kind: Sendable, Equatable {
        /// A fixed list; interrupts and answers change nothing.
        case openLoop([Step])
        case perfStat(PerfStat)
        case perfRecord(PerfRecord)
    }

    /// One step of a list. Accesses wait until the vCPU is in guest mode.
    public indirect enum Step: Sendable, Equatable {
        case write(register: UInt32, value: UInt64)
        case read(register: UInt32)
        case readPMC(Counter)
        /// KVM emulates an instruction of the guest.
        case emulated(isBranch: Bool)
        /// Nothing before this time.
        case at(UInt64)
        /// Nothing for this long.
        case wait(UInt64)
        case loop(count: Int, [Step])
    }

    /// A guest that counts with `perf stat`: as many events as fit, in turns if there are more, read at an interval.
    public struct PerfStat: Sendable, Equatable {
        /// Event selects with privilege bits, without enable.
        public var events: [UInt64]
        public var from: UInt64
        public var to: UInt64
        /// The guest's own multiplexing interval.
        public var rotateEvery: UInt64
        public var readEvery: UInt64
    }

    /// A guest that samples with `perf record`: every interrupt makes it read status and counter and arm anew.
    public struct PerfRecord: Sendable, Equatable {
        public var events: [Sampled]
        public var from: UInt64
        public var to: UInt64

        public struct Sampled: Sendable, Equatable {
            public var config: UInt64
            public var period: UInt64
        }
    }

    public init(kind: Kind, accessInterval: UInt64 = 1_000) {
        self.kind = kind
        self.accessInterval = accessInterval
    }

    /// A guest that leaves its PMU alone.
    public static let idle = GuestProgram(kind: .openLoop([]))
}
