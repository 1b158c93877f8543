import Trace

extension TraceDatReader {
    /// Reads the pages of all buffers, CPU by CPU, those of one CPU merged by time.
    func readBuffers() throws {
        if case .other(let name) = compression {
            collector.noteDamage(
                at: 0,
                "its pages are compressed with \(name), which cannot be read; run trace-cmd convert --compression none")
            return
        }
        var ids: Set<UInt32> = []
        for buffer in buffers { for cpu in buffer.cpus where cpu.size > 0 { ids.insert(cpu.id) } }
        for id in ids.sorted() {
            guard id < UInt32(UInt16.max) else {
                collector.noteDamage(at: 0, "a buffer claims a CPU \(id)")
                continue
            }
            try readCPU(UInt16(id))
        }
    }

    private func readCPU(_ pcpu: UInt16) throws {
        let lostBefore = lostCounted
        var streams: [RingStream] = []
        for buffer in buffers {
            for cpu in buffer.cpus where cpu.id == UInt32(pcpu) && cpu.size > 0 {
                guard buffer.pageSize >= 64, buffer.pageSize <= 16 << 20 else {
                    collector.noteDamage(at: cpu.offset, "a buffer claims pages of \(buffer.pageSize) bytes")
                    continue
                }
                let pages = PageStream(
                    file, cpu, pageSize: buffer.pageSize, isCompressed: compression == .zstd && tracing.version == "7")
                let stream = RingStream(
                    pages, layout: tracing.headerPage,
                    onDamage: { [collector] damage, isEnd in
                        if isEnd {
                            collector.noteCut(at: damage.offset, damage.reason)
                        } else {
                            collector.noteDamage(damage)
                        }
                    },
                    onLost: { [unowned self] in takeLost($0, pcpu, $1, $2) })
                try stream.advance()
                if stream.current != nil { streams.append(stream) }
            }
        }
        // The earliest first; buffers in the order of the file where times are equal.
        while var next = streams.first {
            for stream in streams.dropFirst() where stream.current!.time < next.current!.time { next = stream }
            let record = next.current!
            try take(record.bytes, time: clock.nanoseconds(record.time), pcpu: pcpu, at: record.offset)
            try next.advance()
            if next.current == nil { streams.removeAll { $0 === next } }
        }
        takeStatistics(of: pcpu, alreadyCounted: lostCounted - lostBefore)
    }

    private func take(_ bytes: UnsafeRawBufferPointer, time: UInt64, pcpu: UInt16, at offset: UInt64) throws {
        guard bytes.count >= 8 else {
            collector.noteDamage(at: offset, "a record of \(bytes.count) bytes")
            return
        }
        guard let index = tracing.table.index(Int(bytes.value(0, as: UInt16.self))) else {
            unknownTypes += 1
            return
        }
        guard let decoder = tracing.table[index].decoder else {
            others[index] += 1
            return
        }
        do {
            try collector.take(try decoder.decode(bytes, time: time, pcpu: pcpu, comm: { collector.comm($0) }))
        } catch let error as TracepointError {
            collector.noteDamage(at: offset, "\(error)")
        }
    }

    // MARK: Losses

    private func takeLost(_ missed: KbufferPage.Missed, _ pcpu: UInt16, _ earliest: UInt64, _ latest: UInt64) {
        var count: UInt64?
        if case .count(let number) = missed { count = number }
        lostCounted = lostCounted.addingSaturated(count ?? 0)
        collector.takeLost(
            LostRecords(
                pcpu: pcpu, kind: nil, count: count, earliest: clock.nanoseconds(earliest),
                latest: clock.nanoseconds(latest)))
    }

    /// The kernel's own counts of overwritten and dropped records, where they know of more than the pages told.
    private func takeStatistics(of pcpu: UInt16, alreadyCounted: UInt64) {
        var total: UInt64 = 0
        for text in cpuStats {
            let lines = text.split(separator: "\n")
            func number(_ key: String) -> UInt64? {
                lines.first { $0.hasPrefix(key) }.flatMap { UInt64($0.dropFirst(key.count).drop { $0 == " " }) }
            }
            guard number("CPU:") == UInt64(pcpu) else { continue }
            for key in ["overrun:", "dropped events:"] {
                total = total.addingSaturated(number(key) ?? 0)
            }
        }
        guard total > alreadyCounted else { return }
        let span: (first: UInt64, last: UInt64) = collector.span ?? (0, 0)
        collector.takeLost(
            LostRecords(
                pcpu: pcpu, kind: nil, count: total - alreadyCounted, earliest: span.first, latest: span.last))
    }

    // MARK: A file without its end

    /// Divides a section of pages among CPUs without the option that would say how.
    func recoverPages(_ section: Section) throws {
        let pageSize = max(64, UInt64(tracing.pageSize))
        let claimed = section.start.addingReportingOverflow(section.size)
        let end = section.size == 0 || claimed.overflow ? file.size : min(claimed.partialValue, file.size)
        var buffer = TraceDatBuffer(name: "", clock: nil, pageSize: Int(pageSize), cpus: [])
        // Each CPU's pages begin at a multiple of the page size.
        var at = section.start.roundedUp(to: pageSize)
        while at < end, buffer.cpus.count < Int(UInt16.max) {
            let next =
                compression == .zstd
                ? try endOfChunks(from: at, to: end) : try endOfCPU(from: at, to: end, pageSize: pageSize)
            guard next > at else { break }
            // One byte more than there is says that the stream was cut off.
            let isCut = next >= end && (section.size == 0 || claimed.partialValue > file.size)
            buffer.cpus.append(
                .init(id: UInt32(buffer.cpus.count), offset: at, size: next - at + (isCut ? 1 : 0)))
            at = next.roundedUp(to: pageSize)
        }
        guard !buffer.cpus.isEmpty else { return }
        collector.note(
            "the description of a buffer is missing; its pages were divided among \(buffer.cpus.count) CPUs by their times, "
                + "numbered from 0")
        collector.metadata.blindSpots.append(
            "Inferred: which CPU a record was made on, because the recording lacks its list of buffers.")
        buffers.append(buffer)
    }

    private func endOfChunks(from start: UInt64, to end: UInt64) throws -> UInt64 {
        var region = Region(file, from: start, to: end, stride: 4096)
        guard let count: UInt32 = try region.integer() else { return end }
        for _ in 0..<count {
            guard let size: UInt32 = try region.integer(), region.skip(4), region.skip(UInt64(size)) else { return end }
        }
        return region.position
    }

    /// The first page whose time stamp is earlier than that of the page before.
    private func endOfCPU(from start: UInt64, to end: UInt64, pageSize: UInt64) throws -> UInt64 {
        var region = Region(file, from: start, to: end)
        var last: UInt64 = 0
        while region.remaining >= pageSize {
            let at = region.position
            guard let time: UInt64 = try region.integer() else { break }
            if time < last { return at }
            last = time
            guard region.skip(pageSize - 8) else { break }
        }
        return end
    }
}

extension UInt64 {
    fileprivate func roundedUp(to multiple: UInt64) -> UInt64 {
        let rest = self % multiple
        return rest == 0 ? self : addingReportingOverflow(multiple - rest).partialValue
    }
}
