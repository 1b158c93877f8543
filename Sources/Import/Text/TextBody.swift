import Trace

/// Reads what stands behind an event's name, in the words of the kernel's `print fmt` or of trace-cmd's plugins.
///
/// The texts are those of arch/x86/kvm/trace.h and include/trace/events/{sched.h}, arch/x86/include/asm/msr-trace.h
/// in Linux 3.x to 7.x. What follows a complete text (an address, a remark) is ignored.
struct TextBody {
    /// Of the last `kvm_exit` that told its isa: numbers without a name are of the same one.
    private var lastISA: UInt8 = 0

    /// Puts the body of one of our tracepoints into `event`, whose context is set.
    ///
    /// - Returns: whether the text was complete.
    mutating func read(
        _ body: UnsafeRawBufferPointer, into event: inout TraceEvent, comm: (UnsafeRawBufferPointer) -> UInt32
    ) -> Bool {
        // vpmu dump says what perf script cannot.
        if body.count >= 6, body.slice(body.count - 6..<body.count).equals(" # nmi") { event.flags |= 0x40 }
        return switch event.kind {
        case .kvmMSR: Self.readGuestAccess(body, &event)
        case .kvmEntry: Self.readEntry(body, &event)
        case .kvmExit: readExit(body, &event)
        case .writeMSR, .readMSR, .rdpmc: Self.readHostAccess(body, &event)
        case .schedSwitch: Self.readSwitch(body, &event, comm)
        case .processFork, .processExit, .perfEventOpen, .acceptIRQ: Self.readOptional(body, &event, comm)
        }
    }

    // MARK: Registers

    /// `msr_write 186 = 0x5300c0 (#GP)`; trace-cmd report -R: `write=1 ecx=186 data=5300c0 exception=0`.
    private static func readGuestAccess(_ body: UnsafeRawBufferPointer, _ event: inout TraceEvent) -> Bool {
        var cursor = TextCursor(body)
        let isWrite: Bool
        if cursor.skip("msr_write ") {
            isWrite = true
        } else if cursor.skip("msr_read ") {
            isWrite = false
        } else {
            guard let write = body.field("write=", .hex), let register = body.field("ecx=", .hex),
                let data = body.field("data=", .hex), register <= UInt64(UInt32.max)
            else { return false }
            event.a = UInt32(register)
            event.b = (write != 0 ? 1 : 0) | (body.field("exception=", .hex) ?? 0 != 0 ? 2 : 0)
            event.value = data
            return true
        }
        guard let register = register(&cursor) else { return false }
        cursor.skipBlanks()
        guard cursor.skip("=") else { return false }
        cursor.skipBlanks()
        guard let value = cursor.hex() else { return false }
        event.a = register
        event.b = (isWrite ? 1 : 0) | (faults(&cursor) ? 2 : 0)
        event.value = value
        return true
    }

    /// `38f, value 70000000f #GP`; `MSR_CORE_PERF_GLOBAL_CTRL(38f), value 0` as the kernel's decode_msr.py rewrites it;
    /// trace-cmd report -R: `msr=830 val=fd failed=0`.
    private static func readHostAccess(_ body: UnsafeRawBufferPointer, _ event: inout TraceEvent) -> Bool {
        if body.starts(with: "msr=") {
            guard let register = body.field("msr=", .hex), let value = body.field("val=", .hex),
                register <= UInt64(UInt32.max)
            else { return false }
            event.a = UInt32(register)
            event.value = value
            event.b = body.field("failed=", .hex) ?? 0 != 0 ? 1 : 0
            return true
        }
        var cursor = TextCursor(body)
        guard let register = register(&cursor), cursor.skip(",") else { return false }
        cursor.skipBlanks()
        guard cursor.skip("value") else { return false }
        cursor.skipBlanks()
        guard let value = cursor.hex() else { return false }
        event.a = register
        event.value = value
        event.b = faults(&cursor) ? 1 : 0
        return true
    }

    /// `186`, or `MSR_P6_EVNTSEL0(186)`.
    private static func register(_ cursor: inout TextCursor) -> UInt32? {
        cursor.skipBlanks()
        let start = cursor.position
        if let number = cursor.hex(), number <= UInt64(UInt32.max) {
            let next = cursor.isAtEnd ? 0x20 : cursor.bytes[cursor.position]
            if next == 0x20 || next == 0x2c || next == 0x3d { return UInt32(number) }
        }
        cursor.position = start
        while !cursor.isAtEnd {
            let byte = cursor.bytes[cursor.position]
            if byte == 0x28 { break }
            guard byte.isDigit || byte == 0x5f || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) else { return nil }
            cursor.position += 1
        }
        guard cursor.position > start, cursor.skip("("), let number = cursor.hex(), number <= UInt64(UInt32.max),
            cursor.skip(")")
        else { return nil }
        return UInt32(number)
    }

    /// ` #GP` or ` (#GP)` comes next.
    private static func faults(_ cursor: inout TextCursor) -> Bool {
        cursor.skipBlanks()
        return cursor.skip("#GP") || cursor.skip("(#GP)")
    }

    // MARK: Entries and exits

    /// `vcpu 0, rip 0x... intr_info 0x... error_code 0x...[immediate exit]`; older kernels print the first, or the
    /// first two.
    private static func readEntry(_ body: UnsafeRawBufferPointer, _ event: inout TraceEvent) -> Bool {
        guard let vcpu = body.field("vcpu ", .decimal) ?? body.field("vcpu_id=", .hex), vcpu <= UInt64(UInt32.max)
        else { return false }
        event.a = UInt32(vcpu)
        event.value = body.field("rip ", .hex) ?? body.field("rip=", .hex) ?? 0
        let info = body.field("intr_info ", .hex) ?? body.field("intr_info=", .hex) ?? 0
        let code = body.field("error_code ", .hex) ?? body.field("error_code=", .hex) ?? 0
        event.value2 = info & 0xffff_ffff | code << 32
        let immediate = body.find("[immediate exit]") != nil || body.field("immediate_exit=", .hex) ?? 0 != 0
        event.b = immediate ? 1 : 0
        return true
    }

    /// `vcpu 0 reason MSR_WRITE rip 0x... info1 0x... info2 0x... intr_info 0x... error_code 0x... requests 0x...`;
    /// before 5.10 `reason MSR_WRITE rip 0x... info 0 0`; trace-cmd's plugin puts ` vcpu 0` behind.
    private mutating func readExit(_ body: UnsafeRawBufferPointer, _ event: inout TraceEvent) -> Bool {
        if body.find("exit_reason=") != nil { return readRawExit(body, &event) }
        guard let reasonAt = body.find("reason "), let ripAt = body.find(" rip ", from: reasonAt + 7) else {
            return false
        }
        var words = body.slice(reasonAt + 7..<ripAt).trimmed
        var failed: UInt32 = 0
        if let flag = words.find(" FAILED_VMENTRY") {
            failed = 0x8000_0000
            words = words.slice(0..<flag).trimmed
        }
        guard let (number, isa) = ExitReason.number(of: words.string) else { return false }
        if isa != 0 { lastISA = isa }
        var cursor = TextCursor(body, at: ripAt + 5)
        guard let rip = cursor.hex() else { return false }
        event.b = number | failed
        event.isa = isa != 0 ? isa : lastISA
        event.value = rip
        event.a =
            body.field("vcpu ", .decimal).map { UInt32(truncatingIfNeeded: $0) } ?? TraceEvent.unknownVCPU
        if let info1 = body.field(" info1 ", .hex) {
            event.value2 = info1
            event.value3 = body.field(" info2 ", .hex) ?? 0
        } else if cursor.skip(past: " info ") {
            event.value2 = cursor.hex() ?? 0
            cursor.skipBlanks()
            event.value3 = cursor.hex() ?? 0
        }
        return true
    }

    private mutating func readRawExit(_ body: UnsafeRawBufferPointer, _ event: inout TraceEvent) -> Bool {
        guard let reason = body.field("exit_reason=", .hex), let rip = body.field("guest_rip=", .hex) else {
            return false
        }
        event.b = UInt32(truncatingIfNeeded: reason)
        event.value = rip
        event.isa = UInt8(truncatingIfNeeded: body.field("isa=", .hex) ?? 0)
        if event.isa != 0 { lastISA = event.isa }
        event.value2 = body.field("info1=", .hex) ?? 0
        event.value3 = body.field("info2=", .hex) ?? 0
        event.a = body.field("vcpu_id=", .hex).map { UInt32(truncatingIfNeeded: $0) } ?? TraceEvent.unknownVCPU
        return true
    }

    // MARK: Task switches

    /// `prev_comm=a prev_pid=1 prev_prio=120 prev_state=S ==> next_comm=b next_pid=2 next_prio=120`, or trace-cmd's
    /// `a:1 [120] S ==> b:2 [120]`. Names are cut out between the last keywords that fit, because a name may hold
    /// anything.
    private static func readSwitch(
        _ body: UnsafeRawBufferPointer, _ event: inout TraceEvent, _ comm: (UnsafeRawBufferPointer) -> UInt32
    ) -> Bool {
        guard body.starts(with: "prev_comm=") else { return readPrettySwitch(body, &event, comm) }
        let isRaw = body.find(" ==> next_comm=") == nil
        guard
            let arrow = isRaw
                ? body.findLast(" next_comm=", before: body.count)
                : body.findLast(" ==> next_comm=", before: body.count)
        else { return false }
        let left = body.slice(10..<arrow)
        let right = body.slice(arrow + (isRaw ? 11 : 15)..<body.count)
        guard let prevPID = left.lastField(" prev_pid="), let prevPrio = left.lastField(" prev_prio="),
            let stateAt = left.findLast(" prev_state=", before: left.count),
            let prevCommEnd = left.findLast(" prev_pid=", before: left.count),
            let nextPID = right.lastField(" next_pid="), let nextPrio = right.lastField(" next_prio="),
            let nextCommEnd = right.findLast(" next_pid=", before: right.count)
        else { return false }
        let state = left.slice(stateAt + 12..<left.count).trimmed
        if isRaw {
            var cursor = TextCursor(state)
            guard let number = cursor.number() else { return false }
            event.value = UInt64(bitPattern: number)
        } else {
            guard let bits = TaskState.bits(state, .kernel) else { return false }
            event.value = bits
        }
        set(&event, prevPID, prevPrio, nextPID, nextPrio)
        event.value2 = UInt64(comm(left.slice(0..<prevCommEnd))) | UInt64(comm(right.slice(0..<nextCommEnd))) << 32
        return true
    }

    private static func readPrettySwitch(
        _ body: UnsafeRawBufferPointer, _ event: inout TraceEvent, _ comm: (UnsafeRawBufferPointer) -> UInt32
    ) -> Bool {
        guard let arrow = body.findLast(" ==> ", before: body.count) else { return false }
        let left = body.slice(0..<arrow).trimmed
        guard let stateAt = left.findLast(" ", before: left.count),
            let bits = TaskState.bits(left.slice(stateAt + 1..<left.count), .plugin),
            let prev = PrettyTask(left.slice(0..<stateAt).trimmed),
            let next = PrettyTask(body.slice(arrow + 5..<body.count))
        else { return false }
        event.value = bits
        set(&event, prev.pid, prev.prio, next.pid, next.prio)
        event.value2 = UInt64(comm(prev.comm)) | UInt64(comm(next.comm)) << 32
        return true
    }

    private static func set(
        _ event: inout TraceEvent, _ prev: Int64, _ prevPrio: Int64, _ next: Int64, _ nextPrio: Int64
    ) {
        event.pid = Int32(truncatingIfNeeded: prev)
        event.a = UInt32(truncatingIfNeeded: next)
        event.value3 =
            UInt64(UInt32(truncatingIfNeeded: prevPrio)) | UInt64(UInt32(truncatingIfNeeded: nextPrio)) << 32
    }

    /// `kworker/1:2:449 [120]`
    private struct PrettyTask {
        var comm: UnsafeRawBufferPointer
        var pid: Int64
        var prio: Int64

        init?(_ text: UnsafeRawBufferPointer) {
            guard let open = text.findLast(" [", before: text.count) else { return nil }
            var cursor = TextCursor(text, at: open + 2)
            guard let prio = cursor.signedDecimal(), cursor.skip("]"),
                let colon = text.findLast(":", before: open)
            else { return nil }
            var number = TextCursor(text.slice(0..<open), at: colon + 1)
            guard let pid = number.signedDecimal(), number.isAtEnd else { return nil }
            self.pid = pid
            self.prio = prio
            comm = text.slice(0..<colon)
        }
    }
}

/// The state a task is left in, by the letters of the tracers.
enum TaskState {
    enum Alphabet { case kernel, plugin }

    /// - Parameter alphabet: the kernel's own (`TASK_...` in include/linux/sched.h: bit 0 S, then D T t X Z P I, and
    ///   `+` for bit 8, preempted), or that of libtraceevent's sched_switch plugin, which swaps X and Z and has x and W
    ///   above.
    static func bits(_ text: UnsafeRawBufferPointer, _ alphabet: Alphabet) -> UInt64? {
        guard !text.isEmpty, text.count <= 32 else { return nil }
        var bits: UInt64 = 0
        for byte in text {
            switch (byte, alphabet) {
            case (0x52, _), (0x7c, _): break  // R, |
            case (0x53, _): bits |= 1 << 0  // S
            case (0x44, _): bits |= 1 << 1  // D
            case (0x54, _): bits |= 1 << 2  // T
            case (0x74, _): bits |= 1 << 3  // t
            case (0x58, .kernel), (0x5a, .plugin): bits |= 1 << 4  // X, Z
            case (0x5a, .kernel), (0x58, .plugin): bits |= 1 << 5
            case (0x50, .kernel), (0x78, .plugin): bits |= 1 << 6  // P, x
            case (0x49, .kernel), (0x57, .plugin): bits |= 1 << 7  // I, W
            case (0x2b, .kernel): bits |= 1 << 8  // +
            case (0x78, .kernel): bits |= 1 << 6  // x, before 4.14
            case (0x4b, .kernel), (0x57, .kernel): break  // K, W, before 4.14: no bits of later kernels
            default: return nil
            }
        }
        return bits
    }
}

extension UnsafeRawBufferPointer {
    enum NumberBase { case hex, decimal }

    /// The number behind the first `key` that begins a word.
    func field(_ key: StaticString, _ base: NumberBase) -> UInt64? {
        var from = 0
        while let at = find(key, from: from) {
            if at == 0 || self[at - 1] == 0x20 || self[at] == 0x20 || self[at - 1] == 0x2c {
                var cursor = TextCursor(self, at: at + key.utf8CodeUnitCount)
                // ftrace's `fields` option prints a byte as `exception=(1)`.
                _ = cursor.skip("(")
                return base == .hex ? cursor.hex() : cursor.decimal()
            }
            from = at + 1
        }
        return nil
    }

    /// The number behind the last `key`.
    func lastField(_ key: StaticString) -> Int64? {
        guard let at = findLast(key, before: count) else { return nil }
        var cursor = TextCursor(self, at: at + key.utf8CodeUnitCount)
        return cursor.number()
    }
}
