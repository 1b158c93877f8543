import Trace

/// What a recording shall take, from whom, and for how long.
public struct RecordingOptions: Sendable {
    /// Nanoseconds after which the recording ends; nil: when the command ends or a signal arrives.
    public var duration: UInt64?
    /// Only records of these processes' threads; empty for the whole host.
    public var processes: [Int32] = []
    /// CPUs to record; nil for all that are online.
    public var cpus: [Int]?
    public var registers = RegisterScope.pmu
    /// Where the records come from.
    public var source = RecordingSource.automatic
    /// Whether entries into and exits from guests are recorded.
    public var exits = ExitDetail.none
    /// What is recorded beside what every recording takes.
    public var optional: Set<OptionalSource> = []
    /// A command to run once everything is being recorded; the recording ends with it. Its name is looked up in PATH.
    public var command: [String] = []
    /// How much is written, into how many files.
    public var limits = RecordingLimits()
    /// Whether records are read as they come, or stay in the kernel until they are asked for.
    public var mode = RecordingMode.continuous
    /// Per cent of one CPU that the recorder may use; nil: any. Beyond it entries and exits are given up, then the
    /// recording.
    public var mostOverheadPercent: Double?
    /// Nothing is recorded before a control command says so.
    public var startsPaused = false
    /// Where commands come from while recording; nil: nowhere.
    public var control: RecordingControl.Endpoint?
    /// What the trace calls this host; nil for its own name.
    public var hostName: String?
    /// Bytes of each CPU's ring; rounded up to a power of two of at least a page. nil: sized from the host.
    public var bufferBytes: UInt64?

    public init() {}

    /// Nanoseconds between two looks at rings that do not fill, at guests that turn up, and at the clock. Full rings
    /// and signals need none. What a quiet host's recorder costs is these looks, so they are no more frequent than the
    /// limits ask for; a command's guests may live for moments only, and whose threads they were is not to be learnt
    /// afterwards.
    public var tickNanoseconds: UInt64 {
        let isUnhurried = limits == RecordingLimits() && mostOverheadPercent == nil && command.isEmpty
        return isUnhurried ? 250_000_000 : 100_000_000
    }

    /// The ring size that is used: what was asked for, or 4 MiB where a 64th of the memory allows that for every CPU.
    func ringBytes(cpus: Int) throws -> UInt64 {
        let page = HostMemory.pageBytes
        guard let asked = bufferBytes else {
            let share = HostMemory.totalBytes / 64 / UInt64(max(1, cpus))
            return max(page * 16, min(4 << 20, share.powerOfTwoBelow))
        }
        guard asked > 0, asked <= 1 << 30 else {
            throw CaptureError.usage("a buffer of \(asked) bytes a CPU is not possible; choose 4096 to 1073741824")
        }
        return max(page, asked.powerOfTwoAbove)
    }
}

/// The two ways that the kernel offers its records.
public enum RecordingSource: String, Sendable, CaseIterable {
    /// tracefs where that can be had, else perf.
    case automatic = "auto"
    /// A private tracing instance: costs the guest least; loss is known for each CPU's ring.
    case tracefs
    /// perf_event_open(2): needs less privilege; loss is known for each tracepoint (Linux 6.0).
    case perf
}

/// When records leave the kernel's rings.
public enum RecordingMode: Sendable, Equatable {
    /// As they come.
    case continuous
    /// The rings overwrite themselves; what they hold is taken at SIGUSR1, at the control command `snapshot` and at the
    /// end: all of it, or what is not older than `last` ns then.
    case flightRecorder(last: UInt64? = nil)
}

/// How much of `kvm:kvm_entry` and `kvm:kvm_exit` is recorded.
///
/// They tell which vCPU a thread runs, when it was in the guest, and that a guest read a counter by RDPMC; and there is
/// one of each for every exit of every guest on the host.
public enum ExitDetail: String, Sendable, CaseIterable {
    case none
    /// One pair for each slice of a vCPU's thread, with the slice's time in guest mode (`ExitFolding`): a smaller file.
    /// The kernel makes, and the guest pays for, a record of each entry and exit all the same.
    case summary
    case full

    /// What a trace with this detail cannot show.
    var blindSpots: [String] {
        switch self {
        case .none:
            [
                "kvm_entry and kvm_exit were not recorded (--exits none): vCPUs are known by their threads' names, and time in "
                    + "guest mode is not known."
            ]
        case .summary:
            [
                "kvm_entry and kvm_exit were folded (--exits summary): the first entry and the last exit of each slice are "
                    + "there, the exit with the slice's time in guest mode in ns (info1) and its number of exits (info2); what lay "
                    + "between is not in guest mode throughout. The kernel paid for a record of each."
            ]
        case .full: []
        }
    }
}

extension UInt64 {
    /// The largest power of two that is not above; 1 for 0.
    var powerOfTwoBelow: UInt64 { self == 0 ? 1 : 1 << UInt64(63 - leadingZeroBitCount) }
    /// The smallest power of two that is not below.
    var powerOfTwoAbove: UInt64 { self <= 1 ? 1 : 1 << UInt64(64 - (self - 1).leadingZeroBitCount) }
}
