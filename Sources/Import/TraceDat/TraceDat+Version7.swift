import Trace

extension TraceDatReader {
    /// One section's header and where its data is.
    struct Section {
        var id: UInt16
        var isCompressed: Bool
        /// The first byte behind the header.
        var start: UInt64
        /// Bytes in the file; 0 where the recorder never filled it in.
        var size: UInt64
    }

    private static let sectionHeaderSize: UInt64 = 16
    /// A section other than pages is never larger than this when unpacked: kallsyms are some 20 MB.
    private static let sectionLimit = 256 << 20

    /// Compression and the chain of options, which say where everything else is.
    ///
    /// - Throws: `ImportDamage`.
    func readSections(_ region: inout Region) throws {
        guard let name = try region.zeroTerminated(limit: 64), try region.zeroTerminated(limit: 64) != nil,
            let first: UInt64 = try region.integer()
        else { throw ImportDamage(offset: region.position, reason: "cut off in the header") }
        compression = name == "none" ? .none : name == "zstd" ? .zstd : .other(name)
        let sections = region.position
        var failure: ImportDamage?
        do { try readOptionChain(from: first) } catch let damage as ImportDamage { failure = damage }
        if failure != nil || tracing.table.isEmpty || buffers.isEmpty { try recover(from: sections) }
        if let failure { throw failure }
        if buffers.isEmpty {
            throw ImportDamage(offset: file.size, reason: "the file describes no buffer with records")
        }
    }

    private func readOptionChain(from first: UInt64) throws {
        var next = first
        var seen: Set<UInt64> = []
        while next != 0 {
            guard seen.insert(next).inserted, seen.count < 4096 else {
                throw ImportDamage(offset: next, reason: "the options point back at themselves")
            }
            guard let section = try section(at: next), section.id == 0 else {
                throw ImportDamage(
                    offset: min(next, file.size),
                    reason: next >= file.size
                        ? "the file ends here, but further options are at byte \(next)"
                        : "no options where they should be")
            }
            guard let content = try content(of: section) else {
                throw ImportDamage(offset: section.start, reason: "the options are cut off or damaged")
            }
            optionsEnd = section.start + section.size
            next = try readOptions(content)
        }
    }

    /// - Returns: where the next options are, 0 for nowhere.
    private func readOptions(_ content: ImportInput) throws -> UInt64 {
        var region = Region(content, from: 0, to: content.size)
        while let option: UInt16 = try region.integer(), let size: UInt32 = try region.integer() {
            guard let data = try region.bytes(Int(size)) else { break }
            switch option {
            case TraceDatNumber.done: return data.count >= 8 ? data.value(0) : 0
            case TraceDatNumber.buffer: takeBuffer(data)
            case TraceDatNumber.bufferText where data.count >= 8:
                if let section = try section(at: data.value(0)) { textAt = section.start }
            case TraceDatNumber.headerInfo, TraceDatNumber.ftraceEvents, TraceDatNumber.eventFormats,
                TraceDatNumber.commandLines:
                if data.count >= 8 { try readDescription(option, at: data.value(0)) }
            default: take(option: option, data, at: region.position)
            }
        }
        return 0
    }

    /// A section of formats or names; damage is noted and the rest read.
    ///
    /// Options may name one section many times: it says nothing new then, and unpacking it costs.
    private func readDescription(_ id: UInt16, at offset: UInt64) throws {
        guard descriptionsRead.insert(offset).inserted else { return }
        guard let section = try section(at: offset), section.id == id else {
            collector.noteDamage(at: min(offset, file.size), "section \(id) is not where the options say")
            return
        }
        try readDescription(section)
    }

    private func readDescription(_ section: Section) throws {
        guard let content = try content(of: section) else {
            collector.noteDamage(at: section.start, "section \(section.id) is cut off or damaged")
            return
        }
        var region = Region(content, from: 0, to: content.size)
        do {
            switch section.id {
            case TraceDatNumber.headerInfo: try tracing.readHeaderInfo(&region)
            case TraceDatNumber.ftraceEvents: try tracing.readFtraceFormats(&region)
            case TraceDatNumber.eventFormats: try tracing.readEventFormats(&region)
            case TraceDatNumber.commandLines: try tracing.readProcessNames(&region)
            default: break
            }
        } catch let damage as ImportDamage {
            collector.noteDamage(at: section.start, "section \(section.id): \(damage.reason)")
        }
    }

    private func takeBuffer(_ data: UnsafeRawBufferPointer) {
        var reader = ByteReader(data)
        guard let section: UInt64 = reader.integer(), let name = reader.zeroTerminated(),
            let clock = reader.zeroTerminated(),
            let pageSize: UInt32 = reader.integer(), let count: UInt32 = reader.integer()
        else { return }
        // One section's records count once, however many options name it.
        guard describedSections.insert(section).inserted || section == 0 else { return }
        var buffer = TraceDatBuffer(
            name: name, clock: clock.isEmpty ? nil : TraceDatClock.selected(clock), pageSize: Int(pageSize), cpus: [])
        for _ in 0..<count {
            guard let id: UInt32 = reader.integer(), let offset: UInt64 = reader.integer(),
                let size: UInt64 = reader.integer()
            else { break }
            buffer.cpus.append(.init(id: id, offset: offset, size: size))
        }
        buffers.append(buffer)
    }

    // MARK: Sections

    func section(at offset: UInt64) throws -> Section? {
        guard offset < file.size else { return nil }
        var region = Region(file, from: offset, to: file.size, stride: 64)
        guard let id: UInt16 = try region.integer(), let flags: UInt16 = try region.integer(), region.skip(4),
            let size: UInt64 = try region.integer()
        else { return nil }
        return Section(
            id: id, isCompressed: flags & 1 != 0, start: offset + Self.sectionHeaderSize, size: size)
    }

    /// A section's content, unpacked; nil where it is cut off or does not unpack.
    private func content(of section: Section) throws -> ImportInput? {
        guard section.size <= file.size, section.start <= file.size - section.size else { return nil }
        guard section.isCompressed else {
            guard section.size <= UInt64(Self.sectionLimit) else { return nil }
            return ImportInput(bytes: try file.bytes(at: section.start, count: Int(section.size)), name: file.name)
        }
        guard section.size >= 8, compression == .zstd else { return nil }
        let head = try file.bytes(at: section.start, count: 8)
        let (packed, plain) = head.withUnsafeBytes { ($0.value(0, as: UInt32.self), $0.value(4, as: UInt32.self)) }
        guard UInt64(packed) <= section.size - 8, Int(plain) <= Self.sectionLimit else { return nil }
        let bytes = try file.bytes(at: section.start + 8, count: Int(packed))
        return ZstdChunk.unpack(bytes, limit: Int(plain)).map { ImportInput(bytes: $0, name: file.name) }
    }

    // MARK: A file without its end

    /// Walks the sections one after the other, for a file whose options are gone.
    ///
    /// trace-cmd writes the option that describes the pages behind the pages, so a file that was cut off lacks it. The
    /// pages' section is found by its number; which CPU a stretch of pages belongs to is told by the counts of chunks
    /// and by time going back (`recoverPages`).
    private func recover(from start: UInt64) throws {
        var at = start
        var steps = 0
        while let section = try section(at: at), steps < 4096 {
            steps += 1
            switch section.id {
            case TraceDatNumber.headerInfo, TraceDatNumber.ftraceEvents, TraceDatNumber.eventFormats,
                TraceDatNumber.commandLines:
                if tracing.table.isEmpty || section.id == TraceDatNumber.commandLines {
                    try readDescription(section)
                }
            case TraceDatNumber.buffer:
                if !describedSections.contains(at) {
                    try recoverPages(section)
                    if section.size == 0 { return }
                } else if section.size == 0 {
                    // Its options stand behind its pages, and the next section behind the last options of all.
                    guard optionsEnd > at else { return }
                    at = optionsEnd
                    continue
                }
            case 0...TraceDatNumber.bufferText + 2: break
            default: return
            }
            guard section.size <= file.size, section.start <= file.size - section.size else { return }
            at = section.start + section.size
        }
    }
}
