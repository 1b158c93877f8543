/// The tracepoints a trace is made of, by the name the kernel gives them: seven that every recording takes, and four
/// that are taken where somebody asks for them (`OptionalSource`).
///
/// The raw value is part of the file format (`Traces/FORMAT.md`): never renumber.
public enum EventKind: UInt8, Sendable, CaseIterable, Codable {
    case kvmMSR = 0
    case kvmEntry = 1
    case kvmExit = 2
    case writeMSR = 3
    case readMSR = 4
    case rdpmc = 5
    case schedSwitch = 6
    case processFork = 7
    case processExit = 8
    case perfEventOpen = 9
    case acceptIRQ = 10

    /// Those that every recording takes.
    public static let always = allCases.filter { !$0.isOptional }

    /// It is in a trace only where it was asked for.
    @inlinable public var isOptional: Bool { rawValue > EventKind.schedSwitch.rawValue }

    /// Its records hold names of threads, as indexes of the comm table.
    @inlinable public var namesThreads: Bool {
        rawValue >= EventKind.schedSwitch.rawValue && rawValue <= EventKind.processExit.rawValue
    }

    /// The tracepoint's name without its system, as `info --json` counts it.
    public var tracepoint: String {
        switch self {
        case .kvmMSR: "kvm_msr"
        case .kvmEntry: "kvm_entry"
        case .kvmExit: "kvm_exit"
        case .writeMSR: "write_msr"
        case .readMSR: "read_msr"
        case .rdpmc: "rdpmc"
        case .schedSwitch: "sched_switch"
        case .processFork: "sched_process_fork"
        case .processExit: "sched_process_exit"
        case .perfEventOpen: "sys_enter_perf_event_open"
        case .acceptIRQ: "kvm_apic_accept_irq"
        }
    }

    /// One of the three tracepoints of KVM that a vCPU's own thread makes.
    var isKVM: Bool { rawValue <= EventKind.kvmExit.rawValue }

    /// The tracepoint's system: `kvm`, `msr` or `sched`.
    public var system: String {
        switch self {
        case .kvmMSR, .kvmEntry, .kvmExit, .acceptIRQ: "kvm"
        case .writeMSR, .readMSR, .rdpmc: "msr"
        case .schedSwitch, .processFork, .processExit: "sched"
        case .perfEventOpen: "syscalls"
        }
    }
}

/// One record of a trace: a flat value of fixed size, whatever the tracepoint.
///
/// What the generic fields hold depends on `kind`; the named accessors in
/// `TraceEvent+Fields.swift` are the way to read and make them.
///
/// | kind | `a` | `b` | `value` | `value2` | `value3` |
/// |---------------|-------------|------------------------------|-------------------------------|-------------------------------|----------|
/// | `kvmMSR` | ecx | bit 0 write, bit 1 exception | data | 0 | 0 | | `kvmEntry` | vcpu_id | bit 0 immediate_exit | rip
/// | intr_info, error_code << 32 | 0 | | `kvmExit` | vcpu_id | exit_reason | guest_rip | info1 | info2 | | `writeMSR`,
/// `readMSR`, `rdpmc` | msr (rdpmc: ECX) | failed (0, 1) | val | 0 | 0 | | `schedSwitch` | next_pid | 0 | prev_state |
/// prev comm id, next comm id << 32 | prev_prio, next_prio << 32 | | `processFork` | child_pid | 0 | 0 | parent comm
/// id, child comm id << 32 | 0 | | `processExit` | pid | bit 0 group_dead | prio | comm id | 0 | | `perfEventOpen` |
/// pid | cpu | flags | group_fd | 0 | | `acceptIRQ` | apicid | bits 0-7 vec, 8 level, 16-31 dm | 0 | 0 | 0 |
///
/// The source of the fields is the kernel's `include/trace/events/{kvm,msr,sched}.h`, `kernel/trace/trace_syscalls.c`
/// and `arch/x86/kvm/trace.h`; the attr of a `perfEventOpen` is a pointer into the caller's memory and is not kept; a
/// `kvmExit` keeps its isa (1 VMX, 2 SVM) in `isa`.
public struct TraceEvent: Equatable, Sendable {
    /// Nanoseconds of the trace's clock.
    public var time: UInt64
    /// The thread that was current, `common_pid`; 0 is the idle task.
    public var pid: Int32
    /// The logical host CPU the record was made on.
    public var pcpu: UInt16
    public var kind: EventKind
    /// `common_flags`: 0x40 NMI, 0x08 hard irq, 0x10 soft irq, 0x04 need-resched.
    public var flags: UInt8
    public var a: UInt32
    public var b: UInt32
    public var value: UInt64
    public var value2: UInt64
    public var value3: UInt64
    /// `kvmExit` only: 1 VMX, 2 SVM; else 0.
    public var isa: UInt8

    @inlinable
    public init(
        time: UInt64, pcpu: UInt16, pid: Int32, kind: EventKind, flags: UInt8 = 0, a: UInt32 = 0, b: UInt32 = 0,
        value: UInt64 = 0, value2: UInt64 = 0, value3: UInt64 = 0, isa: UInt8 = 0
    ) {
        self.time = time
        self.pid = pid
        self.pcpu = pcpu
        self.kind = kind
        self.flags = flags
        self.a = a
        self.b = b
        self.value = value
        self.value2 = value2
        self.value3 = value3
        self.isa = isa
    }
}
