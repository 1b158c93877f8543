/// The seven tracepoints a trace is made of, by the name the kernel gives them.
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
        }
    }

    /// One of the three tracepoints of KVM.
    var isKVM: Bool { rawValue <= EventKind.kvmExit.rawValue }

    /// The tracepoint's system: `kvm`, `msr` or `sched`.
    public var system: String {
        switch self {
        case .kvmMSR, .kvmEntry, .kvmExit: "kvm"
        case .writeMSR, .readMSR, .rdpmc: "msr"
        case .schedSwitch: "sched"
        }
    }
}

/// One record of a trace: a flat value of fixed size, whatever the tracepoint.
///
/// What the generic fields hold depends on `kind`; the named accessors in
/// `TraceEvent+Fields.swift` are the way to read and make them.
///
/// | kind          | `a`         | `b`                          | `value`                       | `value2`                      | `value3` |
/// |---------------|-------------|------------------------------|-------------------------------|-------------------------------|----------|
/// | `kvmMSR`      | ecx         | bit 0 write, bit 1 exception | data                          | 0                             | 0        |
/// | `kvmEntry`    | vcpu_id     | bit 0 immediate_exit         | rip                           | intr_info, error_code << 32   | 0        |
/// | `kvmExit`     | vcpu_id     | exit_reason                  | guest_rip                     | info1                         | info2    |
/// | `writeMSR`, `readMSR`, `rdpmc` | msr (rdpmc: ECX) | failed (0, 1)  | val                   | 0                             | 0        |
/// | `schedSwitch` | next_pid    | 0                            | prev_state                    | prev comm id, next comm id << 32 | prev_prio, next_prio << 32 |
///
/// The source of the fields is the kernel's `include/trace/events/{kvm,msr,sched}.h` and
/// `arch/x86/kvm/trace.h`; a `kvmExit` keeps its isa (1 VMX, 2 SVM) in `isa`.
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
