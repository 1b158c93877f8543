import Trace

extension PerfDataReader {
    /// Whether the walk over the records goes on.
    enum Step { case next, stop }

    /// Walks the records of a stretch of the file. Framing that cannot be is where the walk ends.
    func walk(from start: UInt64, to end: UInt64) throws {
        var at = start
        while at < end {
            guard end - at >= 8, let head = try window.bytes(at: at, count: 8) else {
                damageAtCut(at: at, "the input ends inside a record's header")
                return
            }
            let header = PerfRecord.Header(head)
            if header.type == PerfRecord.ownMessage {
                if pass == .take {
                    collector.note("perf's own messages follow the records at byte \(at); they are passed over")
                }
                return
            }
            if let length = try oversized(header, at: at, to: end) {
                let there = min(length, end - at)
                if there < length {
                    damageAtCut(at: at, "a record of \(length) bytes is cut off after \(there)")
                }
                guard let record = try window.bytes(at: at, count: Int(there)),
                    try unpackOversized(record, of: length, at: at) == .next
                else { return }
                if there < length { return }
                at += length
                continue
            }
            if let fault = header.fault {
                damage(at: at, fault + "; records up to here are kept")
                return
            }
            guard UInt64(header.size) <= end - at, let record = try window.bytes(at: at, count: Int(header.size)) else {
                damageAtCut(at: at, "a record of \(header.size) bytes is cut off after \(end - at)")
                try unpackRest(header, at: at, to: end)
                return
            }
            var length = UInt64(header.size)
            switch header.type {
            case PerfRecord.compressed, PerfRecord.compressed2:
                if try unpack(record, header, at: at) == .stop { return }
            case PerfRecord.tracingData, PerfRecord.auxTrace:
                // The payload stands behind the record, not in it.
                guard let payload = payloadLength(record, header), payload <= end - at - length else {
                    damage(at: at, "the data behind a record of type \(header.type) is cut off")
                    return
                }
                if header.type == PerfRecord.tracingData, pass == .take {
                    var region = Region(file, from: at + length, to: at + length + payload)
                    try readTracingData(&region)
                }
                length += payload
            default:
                if try take(record, header, at: at) == .stop { return }
            }
            at += length
        }
        if let rest = compressed?.waiting, rest > 0, end == file.size || header.mode == .file {
            damageAtCut(at: at, "the last compressed record ends inside a record (\(rest) bytes of it)")
        }
    }

    /// Bytes behind a TRACING_DATA (32-bit size, filled to 8) or AUXTRACE record (64-bit size).
    private func payloadLength(_ record: UnsafeRawBufferPointer, _ header: PerfRecord.Header) -> UInt64? {
        if header.type == PerfRecord.auxTrace { return record.count >= 16 ? record.value(8) : nil }
        guard record.count >= 12 else { return nil }
        return (UInt64(record.value(8, as: UInt32.self)) + 7) & ~7
    }

    /// What a compressed record holds up to where it is cut off.
    private func unpackRest(_ header: PerfRecord.Header, at offset: UInt64, to end: UInt64) throws {
        let from: UInt64 = header.type == PerfRecord.compressed2 ? 16 : 8
        guard header.type == PerfRecord.compressed || header.type == PerfRecord.compressed2, end - offset > from,
            let bytes = try window.bytes(at: offset + from, count: Int(end - offset - from))
        else { return }
        _ = try unpack(bytes, at: offset)
    }

    /// The end of a file whose header has already said that it goes on is one damage, not two.
    private func damageAtCut(at offset: UInt64, _ reason: String) {
        if !isCutOff { damage(at: offset, reason) }
    }

    /// Damage that ends the walk; it is named once, not once per pass.
    func damage(at offset: UInt64, _ reason: String) {
        guard pass == .take else { return }
        collector.noteCut(at: offset, features.isDirectory ? "\(file.name): \(reason)" : reason)
    }

    private func unpack(
        _ record: UnsafeRawBufferPointer, _ header: PerfRecord.Header, at offset: UInt64
    ) throws -> Step {
        anyCompression = true
        if let type = features.compression, type != 1 {
            damage(at: offset, "records are compressed by method \(type), which is not zstd")
            return .stop
        }
        var from = 8
        var count = record.count - 8
        if header.type == PerfRecord.compressed2 {
            // A 64-bit size of what follows, which is filled to 8.
            guard record.count >= 16, record.value(8, as: UInt64.self) <= UInt64(record.count - 16) else {
                damage(at: offset, "a compressed record claims more data than it has")
                return .stop
            }
            from = 16
            count = Int(record.value(8, as: UInt64.self))
        }
        return try unpack(UnsafeRawBufferPointer(rebasing: record[from..<from + count]), at: offset)
    }

    func unpack(_ input: UnsafeRawBufferPointer, at offset: UInt64) throws -> Step {
        let inner = try compressed ?? CompressedRecords()
        compressed = inner
        var step = Step.next
        let failure = try inner.unpack(input) { record, header in
            if let fault = header.fault {
                damage(at: offset, "inside the compressed record: \(fault)")
                step = .stop
            } else {
                step = try take(record, header, at: offset)
            }
            return step
        }
        if let failure, step == .next {
            damage(
                at: offset + 8 + UInt64(failure.consumed),
                "compressed data is damaged (\(failure.reason)); records before it are kept")
            return .stop
        }
        return step
    }

    /// Takes one record, which is whole as its header says.
    private func take(
        _ record: UnsafeRawBufferPointer, _ header: PerfRecord.Header, at offset: UInt64
    ) throws -> Step {
        if pass == .look {
            return header.type == PerfRecord.sample ? look(record) : .next
        }
        switch header.type {
        case PerfRecord.sample: return try takeSample(record, at: offset)
        case PerfRecord.lost where record.count >= 24:
            takeLost(record, count: record.value(16))
        case PerfRecord.lostSamples where record.count >= 16:
            if header.misc & PerfRecord.filteredByBPF != 0 {
                collector.note("\(record.value(8, as: UInt64.self)) samples were left out by perf's own filter")
            } else {
                takeLostSamples(record, count: record.value(8))
            }
        case PerfRecord.comm where record.count > 16:
            let comm = UnsafeRawBufferPointer(rebasing: record[16...]).text
            collector.threads.process(of: record.value(12), is: record.value(8))
            collector.threads.name(record.value(12), comm)
        case PerfRecord.fork where record.count >= 24:
            // Process and thread of the child and of its parent: pid, ppid, tid, ptid.
            collector.threads.process(of: record.value(16), is: record.value(8))
            collector.threads.process(of: record.value(20), is: record.value(12))
        case PerfRecord.idIndex where record.count >= 16: losses.readIndex(record)
        case PerfRecord.attribute: takeAttribute(record)
        case PerfRecord.eventUpdate where record.count > 24:
            // 2: the event's name.
            if record.value(8, as: UInt64.self) == 2, let attribute = attributeOfID[record.value(16)] {
                attributes[attribute].name = UnsafeRawBufferPointer(rebasing: record[24...]).text
            }
        case PerfRecord.feature where record.count >= 16:
            let content = UnsafeRawBufferPointer(rebasing: record[16...])
            let number: UInt64 = record.value(8)
            if number < 256 { features.take(Int(number), content, into: &collector.metadata) }
        default: break
        }
        return .next
    }

    /// An event of a pipe: its attribute, then the ids its samples carry.
    private func takeAttribute(_ record: UnsafeRawBufferPointer) {
        guard record.count >= 8 + PerfAttribute.minimumSize else { return }
        // attr.size says where the ids begin; 0 is the first version's way of saying 64.
        let claimed = Int(record.value(12, as: UInt32.self))
        let size = claimed == 0 ? PerfAttribute.minimumSize : claimed
        guard size <= record.count - 8, attributes.count < 1 << 16,
            let attribute = PerfAttribute(UnsafeRawBufferPointer(rebasing: record[8..<8 + size]))
        else { return }
        add(attribute)
        var reader = ByteReader(record, at: 8 + size)
        while let id: UInt64 = reader.integer() { register(id, attributes.count - 1) }
    }
}
