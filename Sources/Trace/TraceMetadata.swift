/// What a trace says of itself: enough to read it, and to judge what it cannot show.
///
/// Stored as JSON in the header frame; unknown keys of later versions are ignored, absent ones are nil or empty.
public struct TraceMetadata: Codable, Equatable, Sendable {
    /// What made the trace: `record`, `synth`, `import perf.data`, ...
    public var source: String
    /// `vpmu VERSION` or the other tool's own words.
    public var tool: String
    /// `uname -r` of the traced host, e.g. `6.18.44`; decides which of KVM's rules applied.
    public var kernel: String?
    public var hostName: String?
    /// The clock of `TraceEvent.time`, e.g. `monotonic`, `mono_raw`, `x86-tsc`, `local`, `simulated`.
    public var clock: String
    /// Wall clock at the trace's time 0, ns since 1970, where known.
    public var wallClockStart: UInt64?
    /// From when to when the recording was on, ns of the trace's clock, where that was known when it began: what the
    /// first and last record do not tell of a quiet host.
    public var begin: UInt64?
    public var end: UInt64?
    public var processor: Processor?
    public var topology: [LogicalCPU]
    /// Module parameters of kvm, kvm_intel, kvm_amd as `module.parameter`: value.
    public var kvmParameters: [String: String]
    public var nmiWatchdog: Bool?
    /// `emulated` or `mediated` where known: the recording policy.
    public var recordedPolicy: String?
    /// The `format` file of each tracepoint as the traced kernel gave it, by `system:name`.
    public var formats: [String: String]
    /// In-kernel filters in force, by `system:name`.
    public var filters: [String: String]
    /// Tracepoints recorded, by `system:name`.
    public var tracepoints: [String]
    /// What this trace cannot show, one sentence each.
    public var blindSpots: [String]
    /// Threads known at recording: vCPU identity by VMM naming, VM names, host processes.
    public var threads: [ThreadIdentity]
    /// `perf_event_mux_interval_ms` of the core PMU, where read.
    public var muxIntervalMilliseconds: UInt32?
    /// Whether loss is known per ring (shared by its tracepoints) or per tracepoint.
    public var lossGranularity: LossGranularity
    /// The command line that made the trace.
    public var command: [String]
    /// How kvm_entry and kvm_exit were recorded: `none`, `full` or `summary`; nil where the maker does not say. In a
    /// summary a `kvm_exit` ends a slice: its info1 is the time in guest mode since the `kvm_entry` before it, ns, its
    /// info2 the exits.
    public var exits: String?
    /// Who held perf events when the recording began; nil where nobody looked.
    public var perfEventHolders: PerfEventHolders?
    /// What the recording has cost its recorder up to the end of this file; nil where it was not recorded or not
    /// finished.
    public var recorder: RecorderCost?

    public init(source: String, tool: String, clock: String) {
        self.source = source
        self.tool = tool
        self.clock = clock
        topology = []
        kvmParameters = [:]
        formats = [:]
        filters = [:]
        tracepoints = []
        blindSpots = []
        threads = []
        lossGranularity = .ring
        command = []
    }

    /// What a recording costs its recorder's process; the kernel's part, paid by whoever made the records, is not in
    /// it.
    public struct RecorderCost: Codable, Equatable, Sendable {
        /// CPU time of the process, user and system, ns.
        public var cpuNanoseconds: UInt64 = 0
        /// Times it woke up.
        public var wakeUps: UInt64 = 0
        /// Bytes written, over all files of the recording.
        public var bytes: UInt64 = 0
        public init() {}
    }

    /// The processes that held descriptors of perf events at one moment. Events that the kernel made for itself (the
    /// NMI watchdog, guests' counters) have none.
    public struct PerfEventHolders: Codable, Equatable, Sendable {
        public var processes: [Holder] = []
        /// Processes whose descriptors could not be looked at.
        public var unseen: Int = 0
        public init() {}

        public struct Holder: Codable, Equatable, Sendable {
            public var pid: Int32
            public var comm: String
            public var events: Int
            public init(pid: Int32, comm: String, events: Int) {
                self.pid = pid
                self.comm = comm
                self.events = events
            }
        }
    }

    public enum LossGranularity: String, Codable, Sendable { case ring, tracepoint, unknown }

    /// CPUID as far as the performance counters need it.
    public struct Processor: Codable, Equatable, Sendable {
        /// `GenuineIntel` or `AuthenticAMD`.
        public var vendor: String
        public var family: UInt32
        public var model: UInt32
        public var stepping: UInt32
        public var name: String?
        /// CPUID leaf 0xA as EAX, EBX, ECX, EDX.
        public var leaf0A: [UInt32]?
        /// CPUID leaf 0x80000022 as EAX, EBX, ECX, EDX.
        public var leaf80000022: [UInt32]?
        /// MSR IA32_PERF_CAPABILITIES (0x345).
        public var perfCapabilities: UInt64?
        /// The name of the vpmu processor model, where the maker knows it (`synth` does): `skylake-sp`, `zen2`, ...
        public var modelName: String?

        public init(vendor: String, family: UInt32, model: UInt32, stepping: UInt32) {
            self.vendor = vendor
            self.family = family
            self.model = model
            self.stepping = stepping
        }
    }

    public struct LogicalCPU: Codable, Equatable, Sendable {
        public var id: Int
        public var socket: Int
        public var core: Int
        public init(id: Int, socket: Int, core: Int) {
            self.id = id
            self.socket = socket
            self.core = core
        }
    }

    /// What is known of one use of a thread id.
    public struct ThreadIdentity: Codable, Equatable, Sendable {
        public var tid: Int32
        /// The process, nil where the maker could not know it: whether two such threads are one VM's is not known
        /// either.
        public var pid: Int32?
        /// Empty where the maker knows the thread's process alone.
        public var comm: String
        /// The VM's name where known (QEMU `-name`, libvirt), else nil.
        public var vm: String?
        /// The vCPU's index where the VMM names its threads (`CPU n/KVM`), else nil.
        public var vcpu: Int?
        public init(tid: Int32, pid: Int32?, comm: String, vm: String? = nil, vcpu: Int? = nil) {
            self.tid = tid
            self.pid = pid
            self.comm = comm
            self.vm = vm
            self.vcpu = vcpu
        }
    }
}

extension TraceMetadata {
    /// Absent keys are nil or empty, and only `source`, `tool` and `clock` have no default but a name for the unknown.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            source: try values.decodeIfPresent(String.self, forKey: .source) ?? "unknown",
            tool: try values.decodeIfPresent(String.self, forKey: .tool) ?? "unknown",
            clock: try values.decodeIfPresent(String.self, forKey: .clock) ?? "unknown")
        kernel = try values.decodeIfPresent(String.self, forKey: .kernel)
        hostName = try values.decodeIfPresent(String.self, forKey: .hostName)
        wallClockStart = try values.decodeIfPresent(UInt64.self, forKey: .wallClockStart)
        processor = try values.decodeIfPresent(Processor.self, forKey: .processor)
        begin = try values.decodeIfPresent(UInt64.self, forKey: .begin)
        end = try values.decodeIfPresent(UInt64.self, forKey: .end)
        topology = try values.decodeIfPresent([LogicalCPU].self, forKey: .topology) ?? []
        kvmParameters = try values.decodeIfPresent([String: String].self, forKey: .kvmParameters) ?? [:]
        nmiWatchdog = try values.decodeIfPresent(Bool.self, forKey: .nmiWatchdog)
        recordedPolicy = try values.decodeIfPresent(String.self, forKey: .recordedPolicy)
        formats = try values.decodeIfPresent([String: String].self, forKey: .formats) ?? [:]
        filters = try values.decodeIfPresent([String: String].self, forKey: .filters) ?? [:]
        tracepoints = try values.decodeIfPresent([String].self, forKey: .tracepoints) ?? []
        blindSpots = try values.decodeIfPresent([String].self, forKey: .blindSpots) ?? []
        threads = try values.decodeIfPresent([ThreadIdentity].self, forKey: .threads) ?? []
        muxIntervalMilliseconds = try values.decodeIfPresent(UInt32.self, forKey: .muxIntervalMilliseconds)
        let granularity = try values.decodeIfPresent(String.self, forKey: .lossGranularity)
        lossGranularity = granularity.flatMap { LossGranularity(rawValue: $0) } ?? .unknown
        command = try values.decodeIfPresent([String].self, forKey: .command) ?? []
        exits = try values.decodeIfPresent(String.self, forKey: .exits)
        recorder = try values.decodeIfPresent(RecorderCost.self, forKey: .recorder)
        perfEventHolders = try values.decodeIfPresent(PerfEventHolders.self, forKey: .perfEventHolders)
    }
}
