/// Turns the raw records of one of our tracepoints into events.
///
/// The layout comes from the traced kernel's own format text. Fields that some kernels do not have (see
/// `TracepointFormat`) read as 0, except a missing `vcpu_id`, which reads as `TraceEvent.unknownVCPU`. One value per
/// tracepoint and kernel; decoding allocates nothing.
public struct TracepointDecoder: Sendable {
    public let kind: EventKind
    /// Bytes a record must at least have.
    public let recordLength: Int

    private let flags: IntegerField
    private let pid: IntegerField
    private let layout: Layout
    /// Whether the record is an access to a register, as nearly all are, of which `access` knows the fields.
    @usableFromInline let isAccess: Bool
    @usableFromInline let access: AccessLayout
    /// Of a task switch, where its fields can be had without looking at their widths.
    let switchLayout: SwitchLayout?

    /// - Throws: `TracepointError.notOurs` for a tracepoint that is none of ours, `.unusableField` for a layout that
    ///   lacks what the event cannot do without.
    public init(format: TracepointFormat) throws {
        guard let kind = EventKind(tracepoint: format.name) else { throw TracepointError.notOurs(name: format.name) }
        var reader = LayoutReader(format: format)
        self.kind = kind
        flags = try reader.required("common_flags")
        pid = try reader.required("common_pid")
        layout =
            switch kind {
            case .kvmMSR:
                .kvmMSR(
                    write: try reader.required("write"), register: try reader.required("ecx"),
                    data: try reader.required("data"), exception: try reader.required("exception"))
            case .kvmEntry:
                .kvmEntry(
                    vcpu: try reader.required("vcpu_id"), rip: try reader.optional("rip"),
                    immediateExit: try reader.optional("immediate_exit"), intrInfo: try reader.optional("intr_info"),
                    errorCode: try reader.optional("error_code"))
            case .kvmExit:
                .kvmExit(
                    reason: try reader.required("exit_reason"), rip: try reader.optional("guest_rip"),
                    isa: try reader.optional("isa"), info1: try reader.optional("info1"),
                    info2: try reader.optional("info2"), vcpu: try reader.optional("vcpu_id"))
            case .writeMSR, .readMSR, .rdpmc:
                .host(
                    register: try reader.required("msr"), value: try reader.required("val"),
                    failed: try reader.required("failed"))
            case .schedSwitch:
                .schedSwitch(
                    prevComm: try reader.text("prev_comm"), prev: try reader.required("prev_pid"),
                    prevPrio: try reader.required("prev_prio"), prevState: try reader.required("prev_state"),
                    nextComm: try reader.text("next_comm"), next: try reader.required("next_pid"),
                    nextPrio: try reader.required("next_prio"))
            case .processFork:
                .processFork(
                    parentComm: try reader.text("parent_comm"), childComm: try reader.text("child_comm"),
                    child: try reader.required("child_pid"))
            case .processExit:
                .processExit(
                    comm: try reader.text("comm"), thread: try reader.required("pid"),
                    prio: try reader.optional("prio"),
                    groupDead: try reader.optional("group_dead"))
            case .perfEventOpen:
                .perfEventOpen(
                    target: try reader.required("pid"), cpu: try reader.required("cpu"),
                    group: try reader.required("group_fd"), flags: try reader.required("flags"))
            case .acceptIRQ:
                .acceptIRQ(
                    apic: try reader.required("apicid"), mode: try reader.required("dm"),
                    trigger: try reader.required("tm"), vector: try reader.required("vec"))
            }
        recordLength = reader.extent
        let access = AccessLayout(layout, flags: flags, pid: pid, recordLength: recordLength)
        isAccess = access != nil
        self.access = access ?? .none
        switchLayout = SwitchLayout(layout, flags: flags, recordLength: recordLength)
    }

    /// The event of one record.
    ///
    /// - Parameters:
    ///   - raw: the record from its `common_type` on; bytes after the last field (padding) are ignored.
    ///   - time: nanoseconds of the trace's clock; neither perf nor ftrace keeps it inside the record.
    ///   - pcpu: the CPU whose ring held the record.
    ///   - comm: gives a thread name its index in the trace's comm table; called for the kinds that name threads.
    /// - Throws: `TracepointError.shortRecord`, `.fieldOutsideRecord`, or what `comm` throws.
    @inlinable
    public func decode(
        _ raw: UnsafeRawBufferPointer, time: UInt64, pcpu: UInt16, comm: (String) throws -> UInt32
    ) throws -> TraceEvent {
        var event = try decodeFixedPart(raw, time: time, pcpu: pcpu)
        if kind.namesThreads {
            event.value2 = UInt64(try comm(try text(.prev, of: raw)))
            if kind != .processExit { event.value2 |= UInt64(try comm(try text(.next, of: raw))) << 32 }
        }
        return event
    }

    /// Makes `event` the one that `decode` answers for a record of an access to a register; false for other tracepoints
    /// and for records that `decode` refuses. Reads each field by one load, whatever its width, and writes it where it
    /// belongs.
    @inlinable @inline(__always)
    public func decodeAccess(
        _ raw: UnsafeRawBufferPointer, time: UInt64, pcpu: UInt16, into event: UnsafeMutablePointer<TraceEvent>
    ) -> Bool {
        guard isAccess, raw.count >= recordLength, let base = raw.baseAddress else { return false }
        event.pointee.time = time
        event.pointee.pid = Int32(truncatingIfNeeded: access.pid.read(base))
        event.pointee.pcpu = pcpu
        event.pointee.kind = kind
        event.pointee.flags = UInt8(truncatingIfNeeded: access.flags.read(base))
        event.pointee.a = UInt32(truncatingIfNeeded: access.register.read(base))
        event.pointee.b = (access.low.read(base) != 0 ? 1 : 0) | (access.high.read(base) != 0 ? 2 : 0)
        event.pointee.value = access.value.read(base)
        event.pointee.value2 = 0
        event.pointee.value3 = 0
        event.pointee.isa = 0
        return true
    }

    /// All of the event but the comm indexes.
    @usableFromInline
    func decodeFixedPart(_ raw: UnsafeRawBufferPointer, time: UInt64, pcpu: UInt16) throws -> TraceEvent {
        guard raw.count >= recordLength, let base = raw.baseAddress else {
            throw TracepointError.shortRecord(tracepoint: kind.tracepoint, needed: recordLength, got: raw.count)
        }
        var event = TraceEvent(
            time: time, pcpu: pcpu, pid: Int32(truncatingIfNeeded: pid.read(base)), kind: kind,
            flags: UInt8(truncatingIfNeeded: flags.read(base)))
        switch layout {
        case .kvmMSR(let write, let register, let data, let exception):
            event.a = UInt32(truncatingIfNeeded: register.read(base))
            event.b = (write.read(base) != 0 ? 1 : 0) | (exception.read(base) != 0 ? 2 : 0)
            event.value = data.read(base)
        case .kvmEntry(let vcpu, let rip, let immediateExit, let intrInfo, let errorCode):
            event.a = UInt32(truncatingIfNeeded: vcpu.read(base))
            event.b = immediateExit.read(base) != 0 ? 1 : 0
            event.value = rip.read(base)
            event.value2 = intrInfo.read(base) & 0xffff_ffff | errorCode.read(base) << 32
        case .kvmExit(let reason, let rip, let isa, let info1, let info2, let vcpu):
            event.a = vcpu.isPresent ? UInt32(truncatingIfNeeded: vcpu.read(base)) : TraceEvent.unknownVCPU
            event.b = UInt32(truncatingIfNeeded: reason.read(base))
            event.value = rip.read(base)
            event.value2 = info1.read(base)
            event.value3 = info2.read(base)
            event.isa = UInt8(truncatingIfNeeded: isa.read(base))
        case .host(let register, let value, let failed):
            event.a = UInt32(truncatingIfNeeded: register.read(base))
            event.b = failed.read(base) != 0 ? 1 : 0
            event.value = value.read(base)
        case .schedSwitch(_, let prev, let prevPrio, let prevState, _, let next, let nextPrio):
            event.pid = Int32(truncatingIfNeeded: prev.read(base))
            event.a = UInt32(truncatingIfNeeded: next.read(base))
            event.value = prevState.read(base)
            event.value3 = prevPrio.read(base) & 0xffff_ffff | nextPrio.read(base) << 32
        case .processFork(_, _, let child): event.a = UInt32(truncatingIfNeeded: child.read(base))
        case .processExit(_, let thread, let prio, let groupDead):
            event.value = prio.read(base) & 0xffff_ffff
            event.a = UInt32(truncatingIfNeeded: thread.read(base))
            event.b = groupDead.read(base) != 0 ? 1 : 0
        case .perfEventOpen(let target, let cpu, let group, let flags):
            event.a = UInt32(truncatingIfNeeded: target.read(base))
            event.b = UInt32(truncatingIfNeeded: cpu.read(base))
            event.value = flags.read(base)
            event.value2 = group.read(base) & 0xffff_ffff
        case .acceptIRQ(let apic, let mode, let trigger, let vector):
            event.a = UInt32(truncatingIfNeeded: apic.read(base))
            event.b =
                UInt32(truncatingIfNeeded: vector.read(base) & 0xff) | (trigger.read(base) != 0 ? 0x100 : 0)
                | UInt32(truncatingIfNeeded: mode.read(base) & 0xffff) << 16
        }
        return event
    }

    @usableFromInline
    enum Task { case prev, next }

    /// Where a thread's name stands in the record itself, in the kernel's usual width; nil where it does not.
    func inlineName(_ task: Task) -> Int? {
        guard case .schedSwitch(let prev, _, _, _, let next, _, _) = layout else { return nil }
        let field = task == .prev ? prev : next
        return field.storage == .inline && field.size == CommCache.nameBytes ? field.offset : nil
    }

    @usableFromInline
    func text(_ task: Task, of raw: UnsafeRawBufferPointer) throws -> String {
        let field: TextField
        switch layout {
        case .schedSwitch(let prev, _, _, _, let next, _, _): field = task == .prev ? prev : next
        case .processFork(let parent, let child, _): field = task == .prev ? parent : child
        case .processExit(let comm, _, _, _): field = comm
        default: return ""
        }
        guard let text = field.read(raw) else {
            let (offset, length) = field.extent(in: raw)
            throw TracepointError.fieldOutsideRecord(
                tracepoint: kind.tracepoint, field: field.name, offset: offset, length: length, record: raw.count)
        }
        return text
    }

    enum Layout: Sendable {
        case kvmMSR(write: IntegerField, register: IntegerField, data: IntegerField, exception: IntegerField)
        case kvmEntry(
            vcpu: IntegerField, rip: IntegerField, immediateExit: IntegerField, intrInfo: IntegerField,
            errorCode: IntegerField)
        case kvmExit(
            reason: IntegerField, rip: IntegerField, isa: IntegerField, info1: IntegerField, info2: IntegerField,
            vcpu: IntegerField)
        case host(register: IntegerField, value: IntegerField, failed: IntegerField)
        case schedSwitch(
            prevComm: TextField, prev: IntegerField, prevPrio: IntegerField, prevState: IntegerField,
            nextComm: TextField, next: IntegerField, nextPrio: IntegerField)
        case processFork(parentComm: TextField, childComm: TextField, child: IntegerField)
        case processExit(comm: TextField, thread: IntegerField, prio: IntegerField, groupDead: IntegerField)
        case perfEventOpen(target: IntegerField, cpu: IntegerField, group: IntegerField, flags: IntegerField)
        case acceptIRQ(apic: IntegerField, mode: IntegerField, trigger: IntegerField, vector: IntegerField)
    }
}

extension TraceEvent {
    /// The `vcpuID` of a `kvmExit` from a kernel whose records do not name the vCPU.
    public static let unknownVCPU = UInt32.max
}
