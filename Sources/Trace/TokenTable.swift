/// Chooses a block's dictionary and finds the token of each event; the encoder's half of `TokenEntry`.
///
/// Two passes: the first counts how often each combination of fields occurs (in a small cache, so a rare one may be
/// missed, which costs bytes and nothing else), the second looks up.
final class TokenTable {
    /// Entries for whole records; the rest of the 255 is for classes of records.
    private static let mostWhole = 191
    private static let candidateSlots = 4096
    private static let tableBits: UInt64 = 10

    private struct Candidate {
        var hash: UInt64
        var count: Int32
        var index: Int32
    }

    /// A slot of the table of entries; a hash of 0 marks a free one.
    private struct Slot {
        var hash: UInt64
        var token: Int
    }

    /// All memory is flat and behind constants, so that the per-event path has neither reference counts nor access
    /// checks.
    private let candidates: UnsafeMutablePointer<Candidate>
    private let slots: UnsafeMutablePointer<Slot>
    private let templates: UnsafeMutablePointer<TraceEvent>
    /// Stored fields by token; of 256, so that the escape is one of them.
    let fields: UnsafeMutablePointer<StoredFields>
    private let entryCount: UnsafeMutablePointer<Int>

    init() {
        candidates = .allocate(capacity: Self.candidateSlots)
        slots = .allocate(capacity: 1 << Self.tableBits)
        templates = .allocate(capacity: 256)
        templates.initialize(repeating: TokenEntry.escape.template, count: 256)
        fields = .allocate(capacity: 256)
        fields.initialize(repeating: TokenEntry.escape.fields, count: 256)
        entryCount = .allocate(capacity: 1)
        entryCount.initialize(to: 0)
    }

    deinit {
        candidates.deallocate()
        slots.deallocate()
        templates.deallocate()
        fields.deallocate()
        entryCount.deallocate()
    }

    /// The dictionary as it stands.
    var entries: [TokenEntry] {
        (0..<entryCount.pointee).map { TokenEntry(template: templates[$0], fields: fields[$0]) }
    }

    /// Starts a block: picks the records that get an entry of their own.
    func prepare(_ events: UnsafeBufferPointer<TraceEvent>) {
        entryCount.pointee = 0
        slots.update(repeating: Slot(hash: 0, token: 0), count: 1 << Self.tableBits)
        // Small blocks need few slots, and clearing and scanning them is most of their cost.
        var bits = 4
        while 1 << bits < min(Self.candidateSlots, 2 * events.count) { bits += 1 }
        let candidateCount = 1 << bits
        let shift = UInt64(64 - bits)
        candidates.update(repeating: Candidate(hash: 0, count: 0, index: 0), count: candidateCount)
        let candidates = candidates
        for i in events.indices {
            let hash = (events.baseAddress! + i).pointee.hashes.whole
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
        for i in 0..<candidateCount where candidates[i].count > 1 {
            // A record with wide fields is dear to store per event, a counter access is not.
            let kind = events[Int(candidates[i].index)].kind
            if candidates[i].count > 2 || StoredFields.forClass(of: kind).contains(.wide) {
                chosen.append(candidates[i])
            }
        }
        chosen.sort { ($1.count, $0.index) < ($0.count, $1.index) }
        for candidate in chosen.prefix(Self.mostWhole) {
            insert(events[Int(candidate.index)].template(storing: []), [], hash: candidate.hash)
        }
    }

    /// The token of `event`, one of the block that was prepared.
    @inline(__always)
    func token(of event: UnsafePointer<TraceEvent>) -> Int {
        let hashes = event.pointee.hashes
        if let token = find(hashes.whole, { $0.pointee.hasFields(of: event.pointee) }) { return token }
        if event.pointee.kind.isCounterAccess {
            let token = find(hashes.access) { $0.pointee.isSameAccess(as: event.pointee) }
            return token ?? addClass(of: event.pointee, hash: hashes.access)
        }
        return wideClass(of: event.pointee)
    }

    private func wideClass(of event: TraceEvent) -> Int {
        let template = event.template(storing: .forClass(of: event.kind))
        let hash = template.hashes.access
        return find(hash) { $0.pointee == template } ?? addClass(of: event, hash: hash)
    }

    private func addClass(of event: TraceEvent, hash: UInt64) -> Int {
        guard entryCount.pointee < TokenEntry.mostEntries else { return Int(TokenEntry.escapeToken) }
        let fields = StoredFields.forClass(of: event.kind)
        insert(event.template(storing: fields), fields, hash: hash)
        return entryCount.pointee - 1
    }

    @inline(__always)
    private func find(_ hash: UInt64, _ isMatch: (UnsafePointer<TraceEvent>) -> Bool) -> Int? {
        let mask = 1 << Int(Self.tableBits) - 1
        var slot = Int(truncatingIfNeeded: hash >> (64 - Self.tableBits))
        while slots[slot].hash != 0 {
            if slots[slot].hash == hash {
                let token = slots[slot].token
                if isMatch(UnsafePointer(templates + token)) { return token }
            }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    private func insert(_ template: TraceEvent, _ stored: StoredFields, hash: UInt64) {
        let mask = 1 << Int(Self.tableBits) - 1
        var slot = Int(truncatingIfNeeded: hash >> (64 - Self.tableBits))
        while slots[slot].hash != 0 { slot = (slot &+ 1) & mask }
        slots[slot] = Slot(hash: hash, token: entryCount.pointee)
        templates[entryCount.pointee] = template
        fields[entryCount.pointee] = stored
        entryCount.pointee += 1
        // Entries above are not in use; the escape keeps its own.
    }
}

extension EventKind {
    /// The kinds whose class leaves nothing but the value open.
    @inline(__always)
    var isCounterAccess: Bool {
        self == .kvmMSR
            || (rawValue >= EventKind.writeMSR.rawValue && rawValue < EventKind.schedSwitch.rawValue)
    }
}

extension TraceEvent {
    /// Hashes of everything but time, thread and pCPU (`whole`), and of that without the value (`access`); never 0.
    /// Whole records and classes share a table, so the two differ even where the value is 0.
    @inline(__always)
    var hashes: (whole: UInt64, access: UInt64) {
        var rest = (UInt64(a) | UInt64(b) << 32) &* 0xC2B2_AE3D_27D4_EB4F
        rest ^= value2 &* 0x1656_67B1_9E37_79F9
        rest ^= value3 &* 0x85EB_CA77_C2B2_AE63
        rest ^= (UInt64(kind.rawValue) | UInt64(flags) << 8 | UInt64(isa) << 16) &* 0x27D4_EB2F_1656_67C5
        let whole = rest ^ value &* 0x9E37_79B1_85EB_CA87
        let access = rest ^ 0x5851_F42D_4C95_7F2D
        return (
            (whole ^ whole >> 32) &* 0x9E37_79B1_85EB_CA87 | 1, (access ^ access >> 32) &* 0x9E37_79B1_85EB_CA87 | 1
        )
    }

    /// Equal in everything that a dictionary entry without stored fields holds.
    @inline(__always)
    func hasFields(of other: TraceEvent) -> Bool {
        value == other.value && isSameAccess(as: other)
    }

    /// Equal but for time, thread, pCPU and value.
    @inline(__always)
    func isSameAccess(as other: TraceEvent) -> Bool {
        a == other.a && b == other.b && kind == other.kind && flags == other.flags && isa == other.isa
            && value2 == other.value2 && value3 == other.value3
    }
}
