/// Chooses a block's dictionary and finds the token of each event; the encoder's half of `TokenEntry`.
///
/// Two passes: the first counts how often each combination of fields occurs (in a small cache, so a rare one may be
/// missed, which costs bytes and nothing else), the second looks up.
final class TokenTable {
    /// Entries for whole records; the rest of the 255 is for classes of records.
    private static let mostWhole = 191
    private static let candidateSlots = 4096
    private static let tableSlots = 1024

    private struct Candidate {
        var hash: UInt64
        var count: Int32
        var index: Int32
    }

    private let candidates: UnsafeMutablePointer<Candidate>
    private let hashes: UnsafeMutablePointer<UInt64>
    private let tokens: UnsafeMutablePointer<UInt8>
    private let eventHashes: UnsafeMutablePointer<UInt64>
    private(set) var entries: [TokenEntry] = []

    init() {
        candidates = .allocate(capacity: Self.candidateSlots)
        hashes = .allocate(capacity: Self.tableSlots)
        tokens = .allocate(capacity: Self.tableSlots)
        eventHashes = .allocate(capacity: BlockHeader.mostEvents)
    }

    deinit {
        candidates.deallocate()
        hashes.deallocate()
        tokens.deallocate()
        eventHashes.deallocate()
    }

    /// Starts a block: picks the records that get an entry of their own.
    func prepare(_ events: UnsafeBufferPointer<TraceEvent>) {
        entries.removeAll(keepingCapacity: true)
        hashes.update(repeating: 0, count: Self.tableSlots)
        // Small blocks need few slots, and clearing and scanning them is most of their cost.
        var bits = 4
        while 1 << bits < min(Self.candidateSlots, 2 * events.count) { bits += 1 }
        let slots = 1 << bits
        let shift = UInt64(64 - bits)
        candidates.update(repeating: Candidate(hash: 0, count: 0, index: 0), count: slots)
        for i in events.indices {
            let hash = events[i].fieldsHash
            eventHashes[i] = hash
            let slot = candidates + Int(truncatingIfNeeded: hash >> shift)
            if slot.pointee.hash == hash {
                slot.pointee.count &+= 1
            } else if slot.pointee.count <= 1 {
                slot.pointee = Candidate(hash: hash, count: 1, index: Int32(truncatingIfNeeded: i))
            } else {
                slot.pointee.count &-= 1
            }
        }
        var chosen: [Candidate] = []
        for i in 0..<slots where candidates[i].count > 1 {
            // A record with wide fields is dear to store per event, a counter access is not.
            let kind = events[Int(candidates[i].index)].kind
            if candidates[i].count > 2 || StoredFields.forClass(of: kind).contains(.wide) {
                chosen.append(candidates[i])
            }
        }
        chosen.sort { ($1.count, $0.index) < ($0.count, $1.index) }
        for candidate in chosen.prefix(Self.mostWhole) {
            let template = events[Int(candidate.index)].template(storing: [])
            insert(TokenEntry(template: template, fields: []), hash: candidate.hash)
        }
    }

    /// The token of `event`, number `index` of the block that was prepared.
    @inline(__always)
    func token(of event: borrowing TraceEvent, index: Int) -> UInt8 {
        let hash = eventHashes[index]
        var slot = Int(truncatingIfNeeded: hash >> 54)
        while hashes[slot] != 0 {
            if hashes[slot] == hash {
                let token = tokens[slot]
                let entry = entries[Int(token)]
                if entry.fields.isEmpty, event.hasFields(of: entry.template) { return token }
            }
            slot = (slot &+ 1) & (Self.tableSlots - 1)
        }
        return classToken(of: event)
    }

    private func classToken(of event: TraceEvent) -> UInt8 {
        let fields = StoredFields.forClass(of: event.kind)
        let template = event.template(storing: fields)
        let hash = (template.fieldsHash ^ 0x5851_F42D_4C95_7F2D) | 1
        var slot = Int(truncatingIfNeeded: hash >> 54)
        while hashes[slot] != 0 {
            if hashes[slot] == hash {
                let token = tokens[slot]
                if entries[Int(token)] == TokenEntry(template: template, fields: fields) { return token }
            }
            slot = (slot &+ 1) & (Self.tableSlots - 1)
        }
        guard entries.count < TokenEntry.mostEntries else { return TokenEntry.escapeToken }
        insert(TokenEntry(template: template, fields: fields), hash: hash)
        return UInt8(entries.count - 1)
    }

    private func insert(_ entry: TokenEntry, hash: UInt64) {
        var slot = Int(truncatingIfNeeded: hash >> 54)
        while hashes[slot] != 0 { slot = (slot &+ 1) & (Self.tableSlots - 1) }
        hashes[slot] = hash
        tokens[slot] = UInt8(entries.count)
        entries.append(entry)
    }
}

extension TokenEntry {
    func encode(into out: inout ByteWriter) {
        out.append(fields.rawValue)
        out.append(template.kind.rawValue)
        out.append(template.flags)
        out.append(template.isa)
        out.append(varint: UInt64(template.a))
        out.append(varint: UInt64(template.b))
        out.append(varint: template.value)
        out.append(varint: template.value2)
        out.append(varint: template.value3)
    }

    init(_ reader: inout ByteReader) throws(FormatViolation) {
        fields = StoredFields(rawValue: try reader.read())
        guard fields.isValid else { throw FormatViolation("an entry with impossible stored fields") }
        let raw: UInt8 = try reader.read()
        guard let kind = EventKind(rawValue: raw) else { throw FormatViolation("unknown tracepoint \(raw)") }
        let flags: UInt8 = try reader.read()
        let isa: UInt8 = try reader.read()
        let a = try reader.varint()
        let b = try reader.varint()
        guard a <= UInt32.max, b <= UInt32.max else { throw FormatViolation("an entry with a field beyond 32 bits") }
        template = TraceEvent(
            time: 0, pcpu: 0, pid: 0, kind: kind, flags: flags, a: UInt32(a), b: UInt32(b),
            value: try reader.varint(), value2: try reader.varint(), value3: try reader.varint(), isa: isa)
        // So that a decoder may add stored fields to the template.
        guard template == template.template(storing: fields) else {
            throw FormatViolation("an entry with a constant for a stored field")
        }
    }
}
