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

    /// The thread that is current makes another one.
    public static func processFork(
        time: UInt64, pcpu: UInt16, pid: Int32, child: Int32, comm: UInt32 = 0, childComm: UInt32 = 0
    ) -> TraceEvent {
        TraceEvent(
            time: time, pcpu: pcpu, pid: pid, kind: .processFork, a: UInt32(bitPattern: child),
            value2: UInt64(comm) | UInt64(childComm) << 32)
    }

    /// The thread ends: it will not return to user space, and is switched out for good soon.
    public static func processExit(time: UInt64, pcpu: UInt16, pid: Int32, comm: UInt32 = 0) -> TraceEvent {
        TraceEvent(
            time: time, pcpu: pcpu, pid: pid, kind: .processExit, a: UInt32(bitPattern: pid), value2: UInt64(comm))
    }

    /// The thread asks for a perf event, as perf_event_open(2) has it.
    public static func perfEventOpen(
        time: UInt64, pcpu: UInt16, pid: Int32, target: Int32, cpu: Int32, groupFD: Int32 = -1, flags: UInt64 = 0
    ) -> TraceEvent {
        TraceEvent(
            time: time, pcpu: pcpu, pid: pid, kind: .perfEventOpen, a: UInt32(bitPattern: target),
            b: UInt32(bitPattern: cpu), value: flags, value2: UInt64(UInt32(bitPattern: groupFD)))
    }

    /// The APIC `apicID` of a guest takes an interrupt; KVM gives its own vCPU's id for it where a local interrupt is
    /// meant.
    public static func acceptIRQ(
        time: UInt64, pcpu: UInt16, pid: Int32, apicID: UInt32, vector: UInt8, deliveryMode: UInt16,
        isLevel: Bool = false
    ) -> TraceEvent {
        TraceEvent(
            time: time, pcpu: pcpu, pid: pid, kind: .acceptIRQ, a: apicID,
            b: UInt32(vector) | (isLevel ? 0x100 : 0) | UInt32(deliveryMode) << 16)
    }

    /// `processFork`: the new thread. `processExit`: the one that ends.
    public var subjectPID: Int32 { Int32(bitPattern: a) }
    /// `perfEventOpen`: the thread to count, 0 the caller, -1 all; with `flags` bit 2 a cgroup's descriptor.
    public var openTarget: Int32 { Int32(bitPattern: a) }
    /// `perfEventOpen`: the CPU to count on, -1 all.
    public var openCPU: Int32 { Int32(bitPattern: b) }
    /// `perfEventOpen`: the leader's descriptor, -1 for none.
    public var openGroupFD: Int32 { Int32(bitPattern: UInt32(truncatingIfNeeded: value2)) }
    /// `acceptIRQ`: the vector, whether it is level-triggered, and the delivery mode as the APIC has it: 0 fixed, 0x400
    /// NMI.
    public var vector: UInt8 { UInt8(truncatingIfNeeded: b) }
    public var isLevel: Bool { b & 0x100 != 0 }
    public var deliveryMode: UInt16 { UInt16(truncatingIfNeeded: b >> 16) }
    /// `acceptIRQ`: it is an NMI, as which Linux guests have their counters' interrupts delivered.
    public var isNMIDelivery: Bool { deliveryMode & 0x700 == 0x400 }

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
    /// `schedSwitch`, `processFork` (parent, child), `processExit` (the first alone): indexes of the trace's comm
    /// table.
    public var prevComm: UInt32 { UInt32(truncatingIfNeeded: value2) }
    public var nextComm: UInt32 { UInt32(truncatingIfNeeded: value2 >> 32) }

    /// Gives each name of a thread, if the event holds any, the index that `index` answers for it.
    public mutating func renumberComms(_ index: (UInt32) throws -> UInt32) rethrows {
        switch kind {
        case .schedSwitch, .processFork:
            value2 = UInt64(try index(prevComm)) | UInt64(try index(nextComm)) << 32
        case .processExit: value2 = UInt64(try index(prevComm))
        default: break
        }
    }
    public var prevPrio: UInt32 { UInt32(truncatingIfNeeded: value3) }
    public var nextPrio: UInt32 { UInt32(truncatingIfNeeded: value3 >> 32) }
    /// The record was made in NMI context (`common_flags` bit 0x40).
    public var inNMI: Bool { flags & 0x40 != 0 }
}
