/// perf.data under construction: IDENTIFIER, IP, TID, TIME, CPU, PERIOD and RAW in each sample, as perf record -a makes
/// them for tracepoints.
struct PerfDataBuilder {
    struct Event {
        var config: UInt64
        var type: UInt32 = 2
        var period: UInt64 = 1
        var flags: UInt64 = 1 << 18
        var ids: [UInt64]
        var name: String
    }

    var events = [
        Event(config: 99, ids: [1, 2], name: "kvm:kvm_msr"), Event(config: 2153, ids: [3, 4], name: "msr:write_msr"),
        Event(config: 372, ids: [5, 6], name: "sched:sched_switch"),
        Event(config: 110, ids: [7, 8], name: "kvm:kvm_pio"),
    ]
    var records: [[UInt8]] = []
    var sampleType: UInt64 = 0x10587
    static let tracepointOfRecord: [UInt16: Int] = [99: 0, 2153: 1, 372: 2, 110: 3]

    static func record(_ type: UInt32, misc: UInt16 = 0, _ body: [UInt8]) -> [UInt8] {
        bytes(type) + bytes(misc) + bytes(UInt16(8 + body.count)) + body
    }

    mutating func sample(
        _ raw: [UInt8], time: UInt64, cpu: UInt32 = 0, process: Int32 = 5, thread: Int32 = 7
    ) {
        let config = UInt16(raw[0]) | UInt16(raw[1]) << 8
        let event = events[Self.tracepointOfRecord[config]!]
        var body = ByteBuilder()
        body.add(event.ids[min(Int(cpu), event.ids.count - 1)])
        body.add(UInt64(0))
        body.add(process)
        body.add(thread)
        if sampleType & 4 != 0 { body.add(time) }
        body.add(UInt64(cpu))
        body.add(UInt64(1))
        // The size counts the filling that brings the next field to 8 bytes.
        let size = (raw.count + 4 + 7) & ~7 - 4
        body.add(UInt32(size))
        body.add(raw)
        body.pad(to: 8)
        records.append(Self.record(9, body.bytes))
    }

    private func trailer(id: UInt64, time: UInt64, cpu: UInt32) -> [UInt8] {
        bytes(Int32(7), 7) + bytes(time) + bytes(UInt64(cpu)) + bytes(id)
    }

    mutating func lost(_ count: UInt64, time: UInt64, cpu: UInt32) {
        records.append(Self.record(2, bytes(UInt64(1), count) + trailer(id: 1, time: time, cpu: cpu)))
    }

    mutating func lostSamples(_ count: UInt64, id: UInt64, misc: UInt16 = 0) {
        records.append(Self.record(13, misc: misc, bytes(count) + trailer(id: id, time: 0, cpu: 0)))
    }

    mutating func idIndex() {
        var body = ByteBuilder()
        let ids = events.flatMap { event in event.ids.enumerated().map { ($0.offset, $0.element) } }
        body.add(UInt64(ids.count))
        for (cpu, id) in ids { body.add(bytes(id, 0, UInt64(cpu), UInt64.max)) }
        records.append(Self.record(69, body.bytes))
    }

    mutating func comm(_ name: String, pid: Int32, tid: Int32) {
        var body = ByteBuilder()
        body.add(pid)
        body.add(tid)
        body.add(zeroTerminated: name)
        body.pad(to: 8)
        body.add(trailer(id: 1, time: 0, cpu: 0))
        records.append(Self.record(3, body.bytes))
    }

    mutating func fork(_ child: (pid: Int32, tid: Int32), of parent: (pid: Int32, tid: Int32)) {
        let body = bytes(child.pid, parent.pid, child.tid, parent.tid) + bytes(UInt64(0))
        records.append(Self.record(7, body + trailer(id: 1, time: 0, cpu: 0)))
    }

    private func attribute(_ event: Event) -> [UInt8] {
        var attr = ByteBuilder()
        attr.add(event.type)
        attr.add(UInt32(128))
        attr.add(event.config)
        attr.add(event.period)
        attr.add(sampleType)
        attr.add(UInt64(4))
        attr.add(event.flags)
        attr.add([UInt8](repeating: 0, count: 128 - attr.bytes.count))
        return attr.bytes
    }

    // MARK: Forms

    private func features() -> [(Int, [UInt8])] {
        func string(_ text: String) -> [UInt8] {
            var field = ByteBuilder()
            field.add(UInt32(64))
            field.add(text: text)
            field.pad(to: 4)
            field.add([UInt8](repeating: 0, count: 68 - field.bytes.count))
            return field.bytes
        }
        var names = ByteBuilder()
        names.add(UInt32(events.count))
        names.add(UInt32(128))
        for event in events {
            names.add(attribute(event))
            names.add(UInt32(event.ids.count))
            names.add(string(event.name))
            for id in event.ids { names.add(id) }
        }
        return [
            (1, Tracepoints.tracingData(version: "0.6")), (3, string("host")), (4, string("6.18.44")),
            (5, string("6.1.187")),
            (7, bytes(UInt32(2), 2)), (9, string("GenuineIntel,6,85,4")), (12, names.bytes),
            (13, bytes(UInt32(0), 0, 0, 0, 1, 0)),
        ]
    }

    /// A file, its records plain or put into compressed records of the given type.
    func file(compressed type: UInt32? = nil) -> [UInt8] {
        let data = type.map { Self.compress(records, type: $0) } ?? records.flatMap { $0 }
        var file = ByteBuilder()
        file.add(text: "PERFILE2")
        let idsAt = 104
        let attributesAt = idsAt + events.reduce(0) { $0 + 8 * $1.ids.count }
        let dataAt = attributesAt + 144 * events.count
        file.add(bytes(UInt64(104), 144, UInt64(attributesAt), UInt64(144 * events.count)))
        file.add(bytes(UInt64(dataAt), UInt64(data.count), 0, 0))
        var features = features()
        if type != nil { features.append((27, bytes(UInt32(1), 1, 1, 3, 1 << 20))) }
        file.add(features.reduce(UInt64(0)) { $0 | 1 << UInt64($1.0) })
        file.add(bytes(UInt64(0), 0, 0))
        var at = idsAt
        for event in events { for id in event.ids { file.add(id) } }
        for event in events {
            file.add(attribute(event))
            file.add(bytes(UInt64(at), UInt64(8 * event.ids.count)))
            at += 8 * event.ids.count
        }
        file.add(data)
        var offset = file.bytes.count + 16 * features.count
        for (_, content) in features {
            file.add(bytes(UInt64(offset), UInt64(content.count)))
            offset += content.count
        }
        for (_, content) in features { file.add(content) }
        return file.bytes
    }

    /// What perf writes into a pipe.
    func pipe(compressed type: UInt32? = nil) -> [UInt8] {
        pipe(data: type.map { Self.compress(records, type: $0) } ?? records.flatMap { $0 })
    }

    /// The same, with records that are written already.
    func pipe(data: [UInt8]) -> [UInt8] {
        var file = ByteBuilder()
        file.add(text: "PERFILE2")
        file.add(UInt64(16))
        for event in events {
            var body = attribute(event)
            for id in event.ids { body += bytes(id) }
            file.add(Self.record(64, body))
        }
        for (number, content) in features() where number != 1 {
            var body = bytes(UInt64(number)) + content
            while body.count % 8 != 0 { body.append(0) }
            file.add(Self.record(80, body))
        }
        let tracing = Tracepoints.tracingData(version: "0.6")
        file.add(Self.record(66, bytes(UInt32(tracing.count))))
        file.add(tracing)
        file.add([UInt8](repeating: 0, count: (8 - tracing.count % 8) % 8))
        file.add(data)
        return file.bytes
    }

    /// Compressed records of one stream, cut where no record ends.
    static func compress(_ records: [[UInt8]], type: UInt32) -> [UInt8] {
        let all = records.flatMap { $0 }
        let cut = stride(from: 0, to: all.count, by: 3001).map { Array(all[$0..<min(all.count, $0 + 3001)]) }
        return zstdPieces(cut).flatMap { piece -> [UInt8] in
            guard type == 83 else { return record(type, piece) }
            var body = bytes(UInt64(piece.count)) + piece
            while body.count % 8 != 0 { body.append(0) }
            return record(type, body)
        }
    }
}
