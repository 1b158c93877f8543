import Trace

/// A trace as a table: RFC 4180 with a header line, numbers decimal except registers and values, which are hexadecimal
/// with `0x`.
///
/// A column that a record has no value for is empty.
struct CSVExport {
    static let header =
        "time_ns,pcpu,pid,event,flags,register,access,value,fault,vcpu,rip,reason,isa,info1,info2,"
        + "prev_comm,prev_prio,prev_state,next_comm,next_pid,next_prio\n"
    /// More columns, of traces that hold records of optional tracepoints.
    static let optionalColumns = ["cpu", "group_fd", "open_flags", "apicid", "vector", "delivery_mode"]

    private let reader: TraceReader
    private var out: [UInt8] = []
    private var showsOptional = false

    init(_ reader: TraceReader) {
        self.reader = reader
    }

    mutating func run(write: (UnsafeRawBufferPointer) throws -> Void) throws {
        let summary = try reader.summary()
        showsOptional = EventKind.allCases.contains { $0.isOptional && summary.records($0) > 0 }
        out = Array(Self.header.utf8)
        if showsOptional {
            out.removeLast()
            out += Array(("," + Self.optionalColumns.joined(separator: ",") + "\n").utf8)
        }
        try reader.forEachEvent { event, _ in
            add(event)
            if out.count >= 64 << 10 {
                try out.withUnsafeBytes(write)
                out.removeAll(keepingCapacity: true)
            }
        }
        try out.withUnsafeBytes(write)
        out = []
    }

    private mutating func add(_ event: TraceEvent) {
        var fields = [String](repeating: "", count: 16)
        var optional = [String](repeating: "", count: Self.optionalColumns.count)
        switch event.kind {
        case .kvmMSR:
            fields[0] = hex(UInt64(event.register))
            fields[1] = event.isWrite ? "write" : "read"
            fields[2] = hex(event.value)
            fields[3] = event.raisedException ? "1" : "0"
        case .writeMSR, .readMSR, .rdpmc:
            fields[0] = hex(UInt64(event.register))
            fields[1] = event.kind == .writeMSR ? "write" : "read"
            fields[2] = hex(event.value)
            fields[3] = event.failed ? "1" : "0"
        case .kvmEntry:
            fields[4] = "\(event.vcpuID)"
            fields[5] = hex(event.value)
            fields[8] = hex(event.value2 & 0xffff_ffff)
            fields[9] = hex(event.value2 >> 32)
        case .kvmExit:
            if event.vcpuID != TraceEvent.unknownVCPU { fields[4] = "\(event.vcpuID)" }
            fields[5] = hex(event.value)
            fields[6] = ExitReason.name(of: event.exitReason, isa: event.isa) ?? hex(UInt64(event.exitReason))
            fields[7] = "\(event.isa)"
            fields[8] = hex(event.value2)
            fields[9] = hex(event.value3)
        case .schedSwitch:
            fields[10] = quoted(reader.comm(event.prevComm) ?? "")
            fields[11] = "\(Int32(bitPattern: event.prevPrio))"
            fields[12] = hex(event.value)
            fields[13] = quoted(reader.comm(event.nextComm) ?? "")
            fields[14] = "\(event.nextPID)"
            fields[15] = "\(Int32(bitPattern: event.nextPrio))"
        case .processFork:
            fields[10] = quoted(reader.comm(event.prevComm) ?? "")
            fields[13] = quoted(reader.comm(event.nextComm) ?? "")
            fields[14] = "\(event.subjectPID)"
        case .processExit:
            fields[10] = quoted(reader.comm(event.prevComm) ?? "")
            fields[11] = "\(Int32(truncatingIfNeeded: event.value))"
        case .perfEventOpen:
            fields[14] = "\(event.openTarget)"
            optional[0] = "\(event.openCPU)"
            optional[1] = "\(event.openGroupFD)"
            optional[2] = hex(event.value)
        case .acceptIRQ:
            optional[3] = "\(event.a)"
            optional[4] = hex(UInt64(event.vector))
            optional[5] = DeliveryMode.names[Int(event.deliveryMode >> 8 & 7)]
        }
        if showsOptional { fields += optional }
        let line =
            "\(event.time),\(event.pcpu),\(event.pid),\(event.kind.tracepoint),\(event.flags),"
            + fields.joined(separator: ",") + "\n"
        out.append(contentsOf: line.utf8)
    }

    private func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

    private func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x22 || $0 == 0x2c || $0 == 0x0a || $0 == 0x0d }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
