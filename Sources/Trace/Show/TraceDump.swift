/// Prints a trace record by record, in the order of `TraceReader.forEachEvent`, with what was lost where it was lost.
public struct TraceDump {
    public enum Format: Sendable {
        /// As `perf script --ns` prints these tracepoints, so that whatever reads that reads this.
        case text
        /// One object a line; `dump.schema.json` describes them.
        case json
    }

    private let reader: TraceReader
    private let format: Format
    private let range: ClosedRange<UInt64>
    private let pcpus: Set<UInt16>?
    private var line = DumpLine()
    /// Each kind's name as a line has it, by raw value.
    private let kindNames: [[UInt8]]
    /// Each thread's name, an index of the trace's comms, as `sched_switch` last told.
    private var names: [Int32: UInt32] = [:]
    private var known: [Int32: String] = [:]
    private var lost: ArraySlice<LostRecords>

    /// A bare `TraceDump.run` prints all; `range` is in ns.
    public init(
        _ reader: TraceReader, format: Format, in range: ClosedRange<UInt64> = 0...UInt64.max, pcpus: Set<UInt16>? = nil
    ) {
        self.reader = reader
        self.format = format
        self.range = range
        self.pcpus = pcpus
        kindNames = EventKind.allCases.map { kind in
            guard format == .text else { return Array(kind.tracepoint.utf8) }
            let name = kind.qualifiedName
            return Array((String(repeating: " ", count: max(0, 20 - name.utf8.count)) + name).utf8)
        }
        for thread in reader.metadata.threads where known[thread.tid] == nil { known[thread.tid] = thread.comm }
        lost =
            reader.lost.filter { range.contains($0.earliest) && pcpus?.contains($0.pcpu) != false }
            .enumerated().sorted { ($0.element.earliest, $0.offset) < ($1.element.earliest, $1.offset) }
            .map(\.element)[...]
    }

    /// Calls `write` with whole lines, some 64 KiB at a time.
    /// - Returns: what was left out, always empty with `onDamage: .fail`.
    @discardableResult
    public mutating func run(
        onDamage: DamageHandling = .fail, write: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> [TraceDamage] {
        let chunk = 64 << 10
        let damage = try reader.forEachEvent(in: range, pcpus: pcpus, onDamage: onDamage) { event, _ in
            while let next = lost.first, next.earliest <= event.time {
                add(next)
                lost.removeFirst()
            }
            add(event)
            if line.bytes.count >= chunk {
                try line.bytes.withUnsafeBytes(write)
                line.removeAll()
            }
        }
        for record in lost { add(record) }
        lost = []
        if !line.bytes.isEmpty { try line.bytes.withUnsafeBytes(write) }
        line.removeAll()
        return damage
    }

    private mutating func add(_ event: TraceEvent) {
        switch format {
        case .text: addText(event)
        case .json: addJSON(event)
        }
        switch event.kind {
        case .schedSwitch:
            names[event.pid] = event.prevComm
            names[event.nextPID] = event.nextComm
        case .processFork:
            names[event.pid] = event.prevComm
            names[event.subjectPID] = event.nextComm
        default: break
        }
    }

    private func name(of pid: Int32) -> String? {
        if let index = names[pid], let comm = reader.comm(index) { return comm }
        return known[pid]
    }
}

// MARK: Text

extension TraceDump {
    private mutating func addText(_ event: TraceEvent) {
        let comm = event.kind == .schedSwitch ? reader.comm(event.prevComm) : name(of: event.pid)
        addPadded(comm ?? ":\(event.pid)", width: 16)
        line.add(" ")
        line.add(signed: Int64(event.pid), width: 7)
        line.add(" [")
        line.add(decimal: UInt64(event.pcpu), width: 3, fill: UInt8(ascii: "0"))
        line.add("] ")
        line.add(seconds: event.time, width: 5)
        line.add(": ")
        line.add(kindNames[Int(event.kind.rawValue)])
        line.add(": ")
        switch event.kind {
        case .kvmMSR:
            line.add(event.isWrite ? "msr_write " : "msr_read ")
            line.add(hex: UInt64(event.register))
            line.add(" = 0x")
            line.add(hex: event.value)
            if event.raisedException { line.add(" (#GP)") }
        case .kvmEntry:
            line.add("vcpu ")
            line.add(decimal: UInt64(event.vcpuID))
            line.add(", rip 0x")
            line.add(hex: event.value)
            if event.b & 1 != 0 { line.add("[immediate exit]") }
            line.add(" intr_info 0x")
            line.add(hex: event.value2 & 0xFFFF_FFFF)
            line.add(" error_code 0x")
            line.add(hex: event.value2 >> 32)
        case .kvmExit:
            line.add("vcpu ")
            line.add(decimal: UInt64(event.vcpuID))
            line.add(" reason ")
            addExitReason(event)
            line.add(" rip 0x")
            line.add(hex: event.value)
            line.add(" info1 0x")
            line.add(hex: event.value2)
            line.add(" info2 0x")
            line.add(hex: event.value3)
        case .writeMSR, .readMSR, .rdpmc:
            line.add(hex: UInt64(event.register))
            line.add(", value ")
            line.add(hex: event.value)
            if event.failed { line.add(" #GP") }
        case .schedSwitch: addSwitch(event)
        case .processFork:
            line.add("comm=")
            addPadded(reader.comm(event.prevComm) ?? "?", width: 0)
            line.add(" pid=")
            line.add(signed: Int64(event.pid))
            line.add(" child_comm=")
            addPadded(reader.comm(event.nextComm) ?? "?", width: 0)
            line.add(" child_pid=")
            line.add(signed: Int64(event.subjectPID))
        case .processExit:
            line.add("comm=")
            addPadded(reader.comm(event.prevComm) ?? "?", width: 0)
            line.add(" pid=")
            line.add(signed: Int64(event.subjectPID))
            line.add(" prio=")
            line.add(signed: Int64(Int32(truncatingIfNeeded: event.value)))
            line.add(" group_dead=")
            line.add(event.b & 1 != 0)
        case .perfEventOpen:
            // The attr's address is not kept.
            line.add("attr_uptr: 0x00000000")
            argument(", pid: 0x", UInt64(bitPattern: Int64(event.openTarget)))
            argument(", cpu: 0x", UInt64(bitPattern: Int64(event.openCPU)))
            argument(", group_fd: 0x", UInt64(bitPattern: Int64(event.openGroupFD)))
            argument(", flags: 0x", event.value)
        case .acceptIRQ:
            line.add("apicid ")
            line.add(hex: UInt64(event.a))
            line.add(" vec ")
            line.add(decimal: UInt64(event.vector))
            line.add(" (")
            line.add(Array(DeliveryMode.names[Int(event.deliveryMode >> 8 & 7)].utf8))
            line.add(event.isLevel ? "|level)" : "|edge)")
        }
        if event.inNMI { line.add(" # nmi") }
        line.add(UInt8(ascii: "\n"))
    }

    private mutating func addPadded(_ text: String, width: Int) {
        for _ in 0..<max(0, width - text.utf8.count) { line.add(UInt8(ascii: " ")) }
        // A name with a line break would be taken for two lines.
        for byte in text.utf8 { line.add(byte < 0x20 ? UInt8(ascii: "?") : byte) }
    }

    private mutating func argument(_ name: StaticString, _ value: UInt64) {
        line.add(name)
        // As the kernel prints it: eight digits at least.
        var digits = 1
        while digits < 8, value >> UInt64(4 * digits) != 0 { digits += 1 }
        for _ in digits..<8 { line.add("0") }
        line.add(hex: value)
    }

    private mutating func addExitReason(_ event: TraceEvent) {
        if let name = ExitReason.name(of: event.exitReason, isa: event.isa) {
            line.add(Array(name.utf8))
        } else {
            line.add("0x")
            line.add(hex: UInt64(event.exitReason))
        }
    }

    private mutating func addSwitch(_ event: TraceEvent) {
        line.add("prev_comm=")
        addPadded(reader.comm(event.prevComm) ?? "?", width: 0)
        line.add(" prev_pid=")
        line.add(signed: Int64(event.pid))
        line.add(" prev_prio=")
        line.add(signed: Int64(Int32(bitPattern: event.prevPrio)))
        line.add(" prev_state=")
        addState(event.value)
        line.add(" ==> next_comm=")
        addPadded(reader.comm(event.nextComm) ?? "?", width: 0)
        line.add(" next_pid=")
        line.add(signed: Int64(event.nextPID))
        line.add(" next_prio=")
        line.add(signed: Int64(Int32(bitPattern: event.nextPrio)))
    }

    /// The letters of include/trace/events/sched.h (6.18); bit 8 says that the thread was preempted.
    private mutating func addState(_ state: UInt64) {
        let letters: StaticString = "SDTtXZPI"
        var isFirst = true
        for bit in 0..<8 where state >> UInt64(bit) & 1 != 0 {
            if !isFirst { line.add("|") }
            line.add(letters.utf8Start[bit])
            isFirst = false
        }
        if isFirst { line.add("R") }
        if state & 0x100 != 0 { line.add("+") }
    }
}

// MARK: JSON

extension TraceDump {
    private mutating func addJSON(_ event: TraceEvent) {
        line.add("{\"t\":")
        line.add(decimal: event.time)
        line.add(",\"pcpu\":")
        line.add(decimal: UInt64(event.pcpu))
        line.add(",\"pid\":")
        line.add(signed: Int64(event.pid))
        line.add(",\"event\":\"")
        line.add(kindNames[Int(event.kind.rawValue)])
        line.add("\",\"flags\":")
        line.add(decimal: UInt64(event.flags))
        switch event.kind {
        case .kvmMSR:
            field(",\"register\":", UInt64(event.register))
            line.add(",\"write\":")
            line.add(event.isWrite)
            field(",\"data\":", event.value)
            line.add(",\"exception\":")
            line.add(event.raisedException)
        case .kvmEntry:
            field(",\"vcpu\":", UInt64(event.vcpuID))
            field(",\"rip\":", event.value)
            line.add(",\"immediateExit\":")
            line.add(event.b & 1 != 0)
            field(",\"intrInfo\":", event.value2 & 0xFFFF_FFFF)
            field(",\"errorCode\":", event.value2 >> 32)
        case .kvmExit:
            field(",\"vcpu\":", UInt64(event.vcpuID))
            field(",\"reason\":", UInt64(event.exitReason))
            field(",\"isa\":", UInt64(event.isa))
            field(",\"rip\":", event.value)
            field(",\"info1\":", event.value2)
            field(",\"info2\":", event.value3)
        case .writeMSR, .readMSR, .rdpmc:
            field(",\"register\":", UInt64(event.register))
            field(",\"value\":", event.value)
            line.add(",\"failed\":")
            line.add(event.failed)
        case .schedSwitch:
            thread("prev", event.prevComm, event.pid, event.prevPrio)
            field(",\"prevState\":", event.value)
            thread("next", event.nextComm, event.nextPID, event.nextPrio)
        case .processFork:
            name("parentComm", event.prevComm)
            name("childComm", event.nextComm)
            signed(",\"childPid\":", event.subjectPID)
        case .processExit:
            name("comm", event.prevComm)
            signed(",\"exitPid\":", event.subjectPID)
            signed(",\"prio\":", Int32(truncatingIfNeeded: event.value))
            line.add(",\"groupDead\":")
            line.add(event.b & 1 != 0)
        case .perfEventOpen:
            signed(",\"targetPid\":", event.openTarget)
            signed(",\"cpu\":", event.openCPU)
            signed(",\"groupFd\":", event.openGroupFD)
            field(",\"openFlags\":", event.value)
        case .acceptIRQ:
            field(",\"apicId\":", UInt64(event.a))
            field(",\"vector\":", UInt64(event.vector))
            field(",\"deliveryMode\":", UInt64(event.deliveryMode))
            line.add(",\"level\":")
            line.add(event.isLevel)
        }
        line.add("}\n")
    }

    private mutating func field(_ name: StaticString, _ value: UInt64) {
        line.add(name)
        line.add(decimal: value)
    }

    private mutating func signed(_ name: StaticString, _ value: Int32) {
        line.add(name)
        line.add(signed: Int64(value))
    }

    private mutating func name(_ key: StaticString, _ comm: UInt32) {
        line.add(",\"")
        line.add(key)
        line.add("\":")
        if let name = reader.comm(comm) { line.add(json: name) } else { line.add("null") }
    }

    private mutating func thread(_ role: StaticString, _ comm: UInt32, _ pid: Int32, _ prio: UInt32) {
        line.add(",\"")
        line.add(role)
        line.add("Comm\":")
        if let name = reader.comm(comm) { line.add(json: name) } else { line.add("null") }
        line.add(",\"")
        line.add(role)
        line.add("Pid\":")
        line.add(signed: Int64(pid))
        line.add(",\"")
        line.add(role)
        line.add("Prio\":")
        line.add(signed: Int64(Int32(bitPattern: prio)))
    }

    private mutating func add(_ record: LostRecords) {
        switch format {
        case .json:
            line.add("{\"t\":")
            line.add(decimal: record.earliest)
            line.add(",\"pcpu\":")
            line.add(decimal: UInt64(record.pcpu))
            line.add(",\"event\":\"lost\",\"tracepoint\":")
            if let kind = record.kind { line.add(json: kind.tracepoint) } else { line.add("null") }
            line.add(",\"count\":")
            if let count = record.count { line.add(decimal: count) } else { line.add("null") }
            line.add(",\"earliest\":")
            line.add(decimal: record.earliest)
            line.add(",\"latest\":")
            line.add(decimal: record.latest)
            line.add("}\n")
        case .text:
            line.add("# lost ")
            if let count = record.count { line.add(decimal: count) } else { line.add("some") }
            line.add(" records of ")
            line.add(Array((record.kind?.qualifiedName ?? "any tracepoint").utf8))
            line.add(" on pCPU ")
            line.add(decimal: UInt64(record.pcpu))
            line.add(" between ")
            line.add(seconds: record.earliest)
            line.add(" and ")
            line.add(seconds: record.latest)
            line.add(UInt8(ascii: "\n"))
        }
    }
}
