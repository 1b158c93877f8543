extension TraceEvent {
    /// A guest's register access as `kvm:kvm_msr` shows it, after the emulation.
    public static func kvmMSR(
        time: UInt64, pcpu: UInt16, pid: Int32, write: Bool, register: UInt32, data: UInt64, exception: Bool = false
    ) -> TraceEvent {
        TraceEvent(
            time: time, pcpu: pcpu, pid: pid, kind: .kvmMSR, a: register,
            b: (write ? 1 : 0) | (exception ? 2 : 0), value: data)
    }

    public static func kvmEntry(time: UInt64, pcpu: UInt16, pid: Int32, vcpu: UInt32, rip: UInt64 = 0) -> TraceEvent {
        TraceEvent(time: time, pcpu: pcpu, pid: pid, kind: .kvmEntry, a: vcpu, value: rip)
    }

    public static func kvmExit(
        time: UInt64, pcpu: UInt16, pid: Int32, vcpu: UInt32, reason: UInt32, rip: UInt64 = 0, isa: UInt8 = 1
    ) -> TraceEvent {
        TraceEvent(time: time, pcpu: pcpu, pid: pid, kind: .kvmExit, a: vcpu, b: reason, value: rip, isa: isa)
    }

    /// A host register access: `kind` is `.writeMSR`, `.readMSR` or `.rdpmc`.
    public static func host(
        _ kind: EventKind, time: UInt64, pcpu: UInt16, pid: Int32, flags: UInt8 = 0, register: UInt32, value: UInt64,
        failed: Bool = false
    ) -> TraceEvent {
        TraceEvent(
            time: time, pcpu: pcpu, pid: pid, kind: kind, flags: flags, a: register, b: failed ? 1 : 0, value: value)
    }

    /// `prev` and `next` are thread ids; `prevComm` and `nextComm` index the trace's comm table.
    public static func schedSwitch(
        time: UInt64, pcpu: UInt16, prev: Int32, next: Int32, prevState: UInt64 = 0, prevComm: UInt32 = 0,
        nextComm: UInt32 = 0, prevPrio: UInt32 = 120, nextPrio: UInt32 = 120
    ) -> TraceEvent {
        TraceEvent(
            time: time, pcpu: pcpu, pid: prev, kind: .schedSwitch, a: UInt32(bitPattern: next), value: prevState,
            value2: UInt64(prevComm) | UInt64(nextComm) << 32, value3: UInt64(prevPrio) | UInt64(nextPrio) << 32)
    }

    /// The register a `kvmMSR`, `writeMSR` or `readMSR` names; the RDPMC ECX of an `rdpmc`.
    public var register: UInt32 { a }
    /// `kvmMSR`: the guest wrote (else read).
    public var isWrite: Bool { b & 1 != 0 }
    /// `kvmMSR`: the access raised #GP in the guest.
    public var raisedException: Bool { b & 2 != 0 }
    /// `writeMSR`, `readMSR`, `rdpmc`: the instruction faulted.
    public var failed: Bool { b != 0 }
    /// `kvmEntry`, `kvmExit`: the vCPU's id inside its VM.
    public var vcpuID: UInt32 { a }
    /// `kvmExit`: the exit reason of its isa.
    public var exitReason: UInt32 { b }
    /// `schedSwitch`: the thread that runs from now on.
    public var nextPID: Int32 { Int32(bitPattern: a) }
    /// `schedSwitch`: indexes of the trace's comm table.
    public var prevComm: UInt32 { UInt32(truncatingIfNeeded: value2) }
    public var nextComm: UInt32 { UInt32(truncatingIfNeeded: value2 >> 32) }
    public var prevPrio: UInt32 { UInt32(truncatingIfNeeded: value3) }
    public var nextPrio: UInt32 { UInt32(truncatingIfNeeded: value3 >> 32) }
    /// The record was made in NMI context (`common_flags` bit 0x40).
    public var inNMI: Bool { flags & 0x40 != 0 }
}
