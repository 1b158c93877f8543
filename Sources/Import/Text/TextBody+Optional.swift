import Trace

/// Texts of the tracepoints that are taken only where somebody asks for them.
extension TextBody {
    static func readOptional(
        _ body: UnsafeRawBufferPointer, _ event: inout TraceEvent, _ comm: (UnsafeRawBufferPointer) -> UInt32
    ) -> Bool {
        switch event.kind {
        case .processFork: readFork(body, &event, comm)
        case .processExit: readExitOfThread(body, &event, comm)
        case .perfEventOpen: readOpen(body, &event)
        case .acceptIRQ: readInterrupt(body, &event)
        default: false
        }
    }

    /// `comm=bash pid=10 child_comm=bash child_pid=11`
    private static func readFork(
        _ body: UnsafeRawBufferPointer, _ event: inout TraceEvent, _ comm: (UnsafeRawBufferPointer) -> UInt32
    ) -> Bool {
        guard body.starts(with: "comm="), let child = body.lastField(" child_pid="),
            let childAt = body.findLast(" child_pid=", before: body.count),
            let middle = body.findLast(" child_comm=", before: childAt),
            let parentAt = body.findLast(" pid=", before: middle)
        else { return false }
        event.a = UInt32(truncatingIfNeeded: child)
        event.value2 =
            UInt64(comm(body.slice(5..<parentAt))) | UInt64(comm(body.slice(middle + 12..<childAt))) << 32
        return true
    }

    /// `comm=bash pid=10 prio=120 group_dead=true`; the last word since Linux 6.16.
    private static func readExitOfThread(
        _ body: UnsafeRawBufferPointer, _ event: inout TraceEvent, _ comm: (UnsafeRawBufferPointer) -> UInt32
    ) -> Bool {
        guard body.starts(with: "comm="), let pid = body.lastField(" pid="),
            let end = body.findLast(" pid=", before: body.count)
        else { return false }
        event.a = UInt32(truncatingIfNeeded: pid)
        event.value = UInt64(UInt32(truncatingIfNeeded: body.lastField(" prio=") ?? 0))
        event.b = body.find("group_dead=true", from: end) != nil ? 1 : 0
        event.value2 = UInt64(comm(body.slice(5..<end)))
        return true
    }

    /// `attr_uptr: 0x7ffe..., pid: 0x00000000, cpu: 0xffffffffffffffff, group_fd: 0xffffffff, flags: 0x00000008`;
    /// ftrace prints the numbers without `0x`, trace-cmd report -R as `nr=298 attr_uptr=0x7ffe... pid=0 ...`.
    private static func readOpen(_ body: UnsafeRawBufferPointer, _ event: inout TraceEvent) -> Bool {
        if body.find("attr_uptr=") != nil { return readRawOpen(body, &event) }
        guard let target = body.field("pid: ", .hex), let cpu = body.field("cpu: ", .hex),
            let group = body.field("group_fd: ", .hex), let flags = body.field("flags: ", .hex)
        else { return false }
        setOpen(&event, target, cpu, group, flags)
        return true
    }

    /// The call's own number tells whether numbers are hexadecimal: 298 on x86-64
    /// (arch/x86/entry/syscalls/syscall_64.tbl).
    private static func readRawOpen(_ body: UnsafeRawBufferPointer, _ event: inout TraceEvent) -> Bool {
        let base: UnsafeRawBufferPointer.NumberBase =
            body.field("nr=", .decimal) ?? body.field("__syscall_nr=", .decimal) == 298 ? .decimal : .hex
        func number(_ key: StaticString, _ short: StaticString) -> UInt64? {
            body.field(key, .hex) ?? body.field(short, base)
        }
        guard let target = number("pid=0x", "pid="), let cpu = number("cpu=0x", "cpu="),
            let group = number("group_fd=0x", "group_fd="), let flags = number("flags=0x", "flags=")
        else { return false }
        setOpen(&event, target, cpu, group, flags)
        return true
    }

    private static func setOpen(
        _ event: inout TraceEvent, _ target: UInt64, _ cpu: UInt64, _ group: UInt64, _ flags: UInt64
    ) {
        event.a = UInt32(truncatingIfNeeded: target)
        event.b = UInt32(truncatingIfNeeded: cpu)
        event.value = flags
        event.value2 = group & 0xffff_ffff
    }

    /// `apicid 0 vec 236 (Fixed|edge)`; the number of the APIC is hexadecimal, the vector is not.
    private static func readInterrupt(_ body: UnsafeRawBufferPointer, _ event: inout TraceEvent) -> Bool {
        guard let apic = body.field("apicid ", .hex), let vector = body.field("vec ", .decimal), vector <= 0xff,
            apic <= UInt64(UInt32.max), let open = body.find(" (")
        else { return false }
        let words = body.slice(open + 2..<body.count)
        guard
            let mode = DeliveryMode.names.indices.first(where: { number in
                Array(DeliveryMode.names[number].utf8).withUnsafeBytes { name in
                    words.count > name.count && words[name.count] == 0x7c
                        && words.slice(0..<name.count).elementsEqual(name)
                }
            })
        else { return false }
        event.a = UInt32(apic)
        event.b = UInt32(vector) | (words.find("|level") != nil ? 0x100 : 0) | UInt32(mode) << 24
        return true
    }
}
