import Trace

extension PerfDataReader {
    /// The event of a sample, by its id where there are several.
    @inline(__always)
    private func attribute(ofSample record: UnsafeRawBufferPointer) -> Int? {
        if attributes.count == 1 { return 0 }
        guard let first = layouts.first, first.id >= 0, record.count >= first.id + 8 else { return nil }
        return attribute(ofID: record.value(first.id))
    }

    func takeSample(_ record: UnsafeRawBufferPointer, at offset: UInt64) throws -> Step {
        guard let index = attribute(ofSample: record) else {
            collector.countNotUnderstood("samples of an event that the recording does not describe")
            return .next
        }
        let layout = layouts[index]
        guard record.count >= layout.fixedLength else {
            skipped(at: offset, "a sample of \(record.count) bytes is shorter than its event's fields")
            return .next
        }
        otherCounts[index] += 1
        let attribute = attributes[index]
        guard attribute.isTracepoint, layout.hasRaw, attribute.config < 1 << 16,
            let entry = tracing.table.entry(Int(attribute.config)), let decoder = entry.decoder
        else {
            if layout.cpu >= 0 { losses.saw(record.value(layout.cpu, as: UInt32.self), time(record, layout)) }
            return .next
        }
        // What is not taken below is damaged and no longer counts as seen.
        otherCounts[index] -= 1
        if !isDescribed { describe() }
        guard let raw = layout.raw(record), raw.count >= 8 else {
            skipped(at: offset, "a sample of \(entry.name) claims more data than its record has")
            return .next
        }
        guard raw.value(0, as: UInt16.self) == UInt16(attribute.config) else {
            skipped(
                at: offset, "a sample of \(entry.name) holds a record of tracepoint \(raw.value(0, as: UInt16.self))")
            return .next
        }
        var pcpu: UInt32 = 0
        if layout.cpu >= 0 { pcpu = record.value(layout.cpu) } else { missingCPU += 1 }
        let limit = features.processorCount > 0 ? UInt32(features.processorCount) : UInt32(UInt16.max)
        guard pcpu < limit else {
            skipped(at: offset, "a sample of \(entry.name) names CPU \(pcpu)")
            return .next
        }
        let time = time(record, layout)
        losses.saw(pcpu, time)
        do {
            let event = try decoder.decode(raw, time: time, pcpu: UInt16(pcpu), comm: { collector.comm($0) })
            if layout.thread >= 0 {
                numbering.take(
                    process: record.value(layout.thread), thread: record.value(layout.thread + 4), recorded: event.pid,
                    into: &collector.threads)
            }
            try collector.take(event)
        } catch let error as TracepointError {
            skipped(at: offset, "\(error)")
        }
        return .next
    }

    /// A sample that cannot be; the walk goes on behind it.
    private func skipped(at offset: UInt64, _ reason: String) {
        guard pass == .take else { return }
        collector.noteDamage(at: offset, reason)
        if !hasSkipped {
            hasSkipped = true
            collector.takeLostAnywhere(count: nil, because: "damaged records were passed over")
        }
    }

    /// The sample's time, or its place in the file where it has none.
    @inline(__always)
    private func time(_ record: UnsafeRawBufferPointer, _ layout: SampleLayout) -> UInt64 {
        if layout.time >= 0 { return record.value(layout.time) }
        missingTime += 1
        ordinal += 1
        return ordinal
    }

    // MARK: Losses

    func takeLost(_ record: UnsafeRawBufferPointer, count: UInt64) {
        guard let trailer = trailer(of: record) else {
            collector.takeLostAnywhere(
                count: count, because: "records were lost on a CPU that the recording does not name")
            losses.countUnplaced(count)
            return
        }
        let earliest = losses.lastTime(trailer.cpu) ?? trailer.time
        losses.count(count, on: trailer.cpu, at: trailer.time)
        collector.takeLost(
            LostRecords(
                pcpu: trailer.cpu, kind: nil, count: count, earliest: min(earliest, trailer.time),
                latest: trailer.time))
    }

    /// `PERF_RECORD_LOST_SAMPLES` as perf writes it at the end: an event's own total on one CPU, so it includes what
    /// `PERF_RECORD_LOST` has told piece by piece.
    func takeLostSamples(_ record: UnsafeRawBufferPointer, count: UInt64) {
        let id = layouts.first.flatMap { layout -> UInt64? in
            guard layout.trailerID > 0, record.count >= 16 + layout.trailerLength else { return nil }
            return record.value(record.count - layout.trailerID)
        }
        let name = id.flatMap { attributeOfID[$0] }.map { attributes[$0].describedName }
        losses.total(count, id: id, name: name)
    }

    private func trailer(of record: UnsafeRawBufferPointer) -> (cpu: UInt16, time: UInt64)? {
        guard let layout = layouts.first, layout.trailerCPU > 0, layout.trailerTime > 0,
            record.count >= 16 + layout.trailerLength
        else { return nil }
        let cpu: UInt32 = record.value(record.count - layout.trailerCPU)
        guard cpu < UInt32(UInt16.max) else { return nil }
        return (UInt16(cpu), record.value(record.count - layout.trailerTime))
    }

    // MARK: Description

    /// Puts what is known of the recording into the metadata; again at the end, when it is known better.
    func describe() {
        isDescribed = true
        nameAttributes()
        let clocks: [Int32: String] = [0: "realtime", 1: "monotonic", 4: "mono_raw", 7: "boot", 11: "tai"]
        let clock = attributes.lazy.compactMap(\.clockID).first
        collector.metadata.clock = clock.map { clocks[$0] ?? "clock \($0)" } ?? "perf"
        collector.metadata.formats = tracing.table.formats
        collector.metadata.tracepoints = Set(attributes.filter(\.isTracepoint).map(\.describedName)).sorted()
        // Their processes are told elsewhere, if at all.
        for thread in tracing.threads where !collector.threads.hasName(thread.tid) {
            collector.threads.name(thread.tid, thread.comm)
        }
    }

    private func nameAttributes() {
        for (index, event) in features.events.enumerated() {
            let attribute = event.ids.first.flatMap { attributeOfID[$0] } ?? index
            if attribute < attributes.count, attributes[attribute].name == nil {
                attributes[attribute].name = event.name
            }
        }
        for index in attributes.indices where attributes[index].name == nil && attributes[index].isTracepoint {
            attributes[index].name = tracing.table.entry(Int(clamping: attributes[index].config))?.name
        }
    }

    func finish() {
        describe()
        let way = header.mode == .pipe ? "pipe mode" : "file mode"
        collector.form = "perf.data (\(way)\(anyCompression ? ", zstd" : ""))"
        collector.metadata.source = "import \(collector.form)"
        for (index, count) in otherCounts.enumerated() where count > 0 {
            collector.countOther(attributes[index].describedName, count)
        }
        for problem in tracing.problems { collector.note(problem) }
        for attribute in attributes where attribute.isTracepoint && attribute.isThinned {
            let text = "\(attribute.describedName) was sampled, not traced: most of its occurrences made no record."
            if EventKind.allCases.contains(where: { $0.qualifiedName == attribute.describedName }) {
                collector.metadata.blindSpots.append(text)
            }
        }
        if let filter = collector.metadata.command.firstIndex(where: { $0.hasPrefix("--filter") }) {
            let words = collector.metadata.command[filter...].prefix(2).joined(separator: " ")
            collector.metadata.blindSpots.append("Recorded with \(words): what the filter rejects is not in the trace.")
        }
        if missingTime > 0 {
            collector.metadata.clock = "order"
            collector.note("\(missingTime) samples have no time; they are numbered in the order of the file")
        }
        if missingCPU > 0 {
            collector.metadata.blindSpots.append("The recording names no CPUs; all records are shown on CPU 0.")
            collector.note("\(missingCPU) samples name no CPU and are shown on CPU 0")
        }
        if numbering.isForeign {
            collector.threads.forget()
            collector.note(
                "perf ran in a pid namespace of its own: the names and processes it gives are of other thread ids than its "
                    + "tracepoints' and are left out")
        }
        losses.finish(into: collector)
    }

    // MARK: Recordings without their tracepoint formats

    /// Looks at a sample of a file that lacks the description of its tracepoints.
    func look(_ record: UnsafeRawBufferPointer) -> Step {
        guard let index = attribute(ofSample: record), attributes[index].isTracepoint, layouts[index].hasRaw,
            record.count >= layouts[index].fixedLength, let raw = layouts[index].raw(record), raw.count >= 8,
            UInt64(raw.value(0, as: UInt16.self)) == attributes[index].config
        else { return .next }
        shapes.look(raw, id: UInt32(attributes[index].config))
        return shapes.hasSeenEnough ? .stop : .next
    }

    func adoptShapes() {
        let found = shapes.decoders()
        for (id, decoder) in found { tracing.table.addInferred(decoder, id: id) }
        let names = found.map { "\($0.id) as \($0.decoder.kind.qualifiedName)" }.joined(separator: ", ")
        let text =
            found.isEmpty
            ? "the file lacks its tracepoint formats, and no records were recognised by their shape"
            : "the file lacks its tracepoint formats; tracepoints were recognised by the shape of their records: \(names)"
        collector.note(text)
        if !found.isEmpty {
            collector.metadata.blindSpots.append("Inferred: " + text + ".")
        }
    }
}
