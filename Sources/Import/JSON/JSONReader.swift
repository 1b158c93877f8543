import FoundationEssentials
import Trace

/// Reads what `vpmu dump --json` and `vpmu export --format json` write: one object a line.
final class JSONReader {
    private let collector: ImportCollector
    private var lines: LineReader

    init(_ file: ImportInput, into collector: ImportCollector) {
        self.collector = collector
        lines = LineReader(file, limit: MetadataLine.lengthLimit)
    }

    func read() throws {
        collector.form = "JSON of vpmu"
        collector.metadata.source = "import \(collector.form)"
        while let line = try lines.next() {
            switch line {
            case .tooLong(let offset):
                collector.noteDamage(at: offset, "a line of more than \(MetadataLine.lengthLimit) bytes is passed over")
            case .text(let bytes, let offset, let isTerminated):
                if bytes.trimmed.isEmpty { continue }
                if !(try take(bytes)) {
                    if isTerminated {
                        collector.noteDamage(at: offset, "a line is no record as vpmu dump --json writes it")
                    } else {
                        collector.noteCut(at: offset, "the last line is cut off")
                    }
                }
            }
        }
    }

    private func take(_ line: UnsafeRawBufferPointer) throws -> Bool {
        guard let object = FlatObject(line), let name = object.text("event") else { return false }
        if name == "metadata" {
            guard case .nested(let range)? = object["metadata"] else { return false }
            return MetadataLine.take(line.slice(range), into: collector)
        }
        if name == "lost" { return takeLost(object) }
        guard let kind = EventKind(tracepoint: name) else {
            collector.countOther(name)
            return true
        }
        guard let event = event(kind, object) else { return false }
        try collector.take(event)
        return true
    }

    private func takeLost(_ object: FlatObject) -> Bool {
        guard let pcpu = object.unsigned("pcpu"), pcpu <= UInt64(UInt16.max),
            let earliest = object.unsigned("earliest"),
            let latest = object.unsigned("latest")
        else { return false }
        collector.takeLost(
            LostRecords(
                pcpu: UInt16(pcpu), kind: object.text("tracepoint").flatMap { EventKind(tracepoint: $0) },
                count: object.unsigned("count"), earliest: earliest, latest: latest))
        return true
    }

    private func event(_ kind: EventKind, _ object: FlatObject) -> TraceEvent? {
        guard let time = object.unsigned("t"), let pcpu = object.unsigned("pcpu"), pcpu <= UInt64(UInt16.max),
            let pid = object.signed("pid")
        else { return nil }
        var event = TraceEvent(
            time: time, pcpu: UInt16(pcpu), pid: Int32(truncatingIfNeeded: pid), kind: kind,
            flags: UInt8(truncatingIfNeeded: object.unsigned("flags") ?? 0))
        func word(_ key: String) -> UInt32? { object.unsigned(key).flatMap { UInt32(exactly: $0) } }
        switch kind {
        case .kvmMSR:
            guard let register = word("register"), let data = object.unsigned("data"), let write = object.truth("write")
            else { return nil }
            event.a = register
            event.b = (write ? 1 : 0) | (object.truth("exception") == true ? 2 : 0)
            event.value = data
        case .kvmEntry:
            guard let vcpu = word("vcpu") else { return nil }
            event.a = vcpu
            event.b = object.truth("immediateExit") == true ? 1 : 0
            event.value = object.unsigned("rip") ?? 0
            event.value2 = UInt64(word("intrInfo") ?? 0) | UInt64(word("errorCode") ?? 0) << 32
        case .kvmExit:
            guard let vcpu = word("vcpu"), let reason = word("reason") else { return nil }
            event.a = vcpu
            event.b = reason
            event.isa = UInt8(truncatingIfNeeded: object.unsigned("isa") ?? 0)
            event.value = object.unsigned("rip") ?? 0
            event.value2 = object.unsigned("info1") ?? 0
            event.value3 = object.unsigned("info2") ?? 0
        case .writeMSR, .readMSR, .rdpmc:
            guard let register = word("register"), let value = object.unsigned("value") else { return nil }
            event.a = register
            event.b = object.truth("failed") == true ? 1 : 0
            event.value = value
        case .schedSwitch:
            guard let next = object.signed("nextPid"), let state = object.unsigned("prevState") else { return nil }
            event.pid = Int32(truncatingIfNeeded: object.signed("prevPid") ?? pid)
            event.a = UInt32(truncatingIfNeeded: next)
            event.value = state
            event.value2 = UInt64(comm(object.text("prevComm"))) | UInt64(comm(object.text("nextComm"))) << 32
            event.value3 =
                UInt64(UInt32(truncatingIfNeeded: object.signed("prevPrio") ?? 0))
                | UInt64(UInt32(truncatingIfNeeded: object.signed("nextPrio") ?? 0)) << 32
        case .processFork:
            guard let child = object.signed("childPid") else { return nil }
            event.a = UInt32(truncatingIfNeeded: child)
            event.value2 = UInt64(comm(object.text("parentComm"))) | UInt64(comm(object.text("childComm"))) << 32
        case .processExit:
            guard let thread = object.signed("exitPid") else { return nil }
            event.a = UInt32(truncatingIfNeeded: thread)
            event.b = object.truth("groupDead") == true ? 1 : 0
            event.value = UInt64(UInt32(truncatingIfNeeded: object.signed("prio") ?? 0))
            event.value2 = UInt64(comm(object.text("comm")))
        case .perfEventOpen:
            guard let target = object.signed("targetPid"), let cpu = object.signed("cpu") else { return nil }
            event.a = UInt32(truncatingIfNeeded: target)
            event.b = UInt32(truncatingIfNeeded: cpu)
            event.value = object.unsigned("openFlags") ?? 0
            event.value2 = UInt64(UInt32(truncatingIfNeeded: object.signed("groupFd") ?? -1))
        case .acceptIRQ:
            guard let apic = word("apicId"), let vector = word("vector"), let mode = word("deliveryMode"),
                vector <= 0xff, mode <= 0xffff
            else { return nil }
            event.a = apic
            event.b = vector | (object.truth("level") == true ? 0x100 : 0) | mode << 16
        }
        return event
    }

    private func comm(_ name: String?) -> UInt32 { name.map { collector.comm($0) } ?? ThreadNames.none }
}

/// The metadata of an exported trace, as JSON on one line.
enum MetadataLine {
    /// Formats and threads of a large host make a long line.
    static let lengthLimit = 16 << 20

    /// - Returns: whether the bytes are a trace's metadata.
    static func take(_ json: UnsafeRawBufferPointer, into collector: ImportCollector) -> Bool {
        guard var metadata = try? JSONDecoder().decode(TraceMetadata.self, from: Data(json)) else { return false }
        let threads = metadata.threads
        metadata.threads = []
        metadata.source = collector.metadata.source + " of \(metadata.source)"
        collector.adopt(metadata, threads: threads)
        return true
    }

    static func json(_ metadata: TraceMetadata) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(metadata))
    }
}
