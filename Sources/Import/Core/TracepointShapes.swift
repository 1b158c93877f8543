import Trace

/// Recognises our tracepoints by the shape of their records, for a file that was cut off before the formats.
///
/// perf writes the formats behind the records, so a file that was cut has none. Lengths and contents tell most of ours:
/// `sched_switch` by two names and their pids, `kvm_msr` by a truth value before a register, `kvm_exit` by its length
/// and isa. The three of `msr:` have one layout: `rdpmc` is told by its small indexes, reads and writes by registers
/// that are only ever read or only ever written (SDM volume 4, APM volume 2). What cannot be told is left alone.
struct TracepointShapes {
    private static let perTracepoint = 512
    private static let lookLimit = 400_000
    private var kept: [UInt32: [[UInt8]]] = [:]
    private var looked = 0

    var hasSeenEnough: Bool { looked >= Self.lookLimit }

    mutating func look(_ raw: UnsafeRawBufferPointer, id: UInt32) {
        looked += 1
        if kept[id, default: []].count < Self.perTracepoint, raw.count <= 256, kept.count <= 256 {
            kept[id, default: []].append(Array(raw))
        }
    }

    /// The tracepoints recognised, by rising number.
    func decoders() -> [(id: UInt32, decoder: TracepointDecoder)] {
        var found: [(id: UInt32, decoder: TracepointDecoder)] = []
        var host: [UInt32] = []
        for id in kept.keys.sorted() {
            let records = kept[id]!
            if let layout = Self.layouts.first(where: { layout in records.allSatisfy { layout.fits($0) } }) {
                if let decoder = layout.decoder(id) { found.append((id, decoder)) }
            } else if records.allSatisfy(Self.looksLikeHost) {
                host.append(id)
            }
        }
        for (id, kind) in tellHost(host) {
            if let decoder = Self.hostDecoder(kind, id) { found.append((id, decoder)) }
        }
        return found.sorted { $0.id < $1.id }
    }

    // MARK: Layouts of Linux 5.4 to 7.x, x86-64

    private struct Layout: Sendable {
        let kind: EventKind
        let fields: [(String, Int, Int, Bool)]
        let fits: @Sendable ([UInt8]) -> Bool

        func decoder(_ id: UInt32) -> TracepointDecoder? {
            TracepointShapes.decoder(kind, id, fields)
        }
    }

    private static func decoder(
        _ kind: EventKind, _ id: UInt32, _ fields: [(String, Int, Int, Bool)]
    ) -> TracepointDecoder? {
        let common = [("common_type", 0, 2, false), ("common_flags", 2, 1, false), ("common_pid", 4, 4, true)]
        let all = (common + fields).map { name, offset, size, signed in
            TracepointFormat.Field(
                name: name, type: size == 16 ? "char[16]" : "int", offset: offset, size: size, isSigned: signed)
        }
        return try? TracepointDecoder(format: TracepointFormat(name: kind.tracepoint, id: id, fields: all))
    }

    private static let layouts: [Layout] = [
        Layout(
            kind: .schedSwitch,
            fields: [
                ("prev_comm", 8, 16, false), ("prev_pid", 24, 4, true), ("prev_prio", 28, 4, true),
                ("prev_state", 32, 8, true), ("next_comm", 40, 16, false), ("next_pid", 56, 4, true),
                ("next_prio", 60, 4, true),
            ],
            fits: { raw in
                guard raw.count >= 64, raw.count <= 68 else { return false }
                let prio = word(raw, 28)
                return isName(raw, 8) && isName(raw, 40) && word(raw, 24) == word(raw, 4) && prio < 256
                    && word(raw, 60) < 256 && word(raw, 56) < 1 << 22
            }),
        Layout(
            kind: .kvmMSR,
            fields: [
                ("write", 8, 4, false), ("ecx", 12, 4, false), ("data", 16, 8, false), ("exception", 24, 1, false),
            ],
            fits: { raw in
                // kvm_pio has a truth value and a port in these places, then a size of 1, 2 or 4 and a count.
                guard raw.count == 36, word(raw, 8) <= 1, isRegister(word(raw, 12)), raw[24] <= 1 else { return false }
                return !([1, 2, 4].contains(word(raw, 16)) && (1...4096).contains(word(raw, 20)))
            }),
        Layout(
            kind: .kvmExit,
            fields: [
                ("exit_reason", 8, 4, false), ("guest_rip", 16, 8, false), ("isa", 24, 4, false),
                ("info1", 32, 8, false),
                ("info2", 40, 8, false), ("vcpu_id", 56, 4, false),
            ],
            fits: { raw in
                guard raw.count == 68 || raw.count == 76 else { return false }
                return (1...2).contains(word(raw, 24)) && word(raw, 56) < 4096
            }),
        Layout(
            kind: .kvmEntry,
            fields: [
                ("vcpu_id", 8, 4, false), ("rip", 16, 8, false), ("immediate_exit", 24, 1, false),
                ("intr_info", 28, 4, false), ("error_code", 32, 4, false),
            ],
            fits: { raw in raw.count == 44 && word(raw, 8) < 4096 && raw[24] <= 1 }),
    ]

    private static func hostDecoder(_ kind: EventKind, _ id: UInt32) -> TracepointDecoder? {
        decoder(kind, id, [("msr", 8, 4, false), ("val", 16, 8, false), ("failed", 24, 4, true)])
    }

    private static func looksLikeHost(_ raw: [UInt8]) -> Bool {
        guard raw.count == 36, word(raw, 24) <= 1 else { return false }
        let register = word(raw, 8)
        return isRegister(register) || isCounterIndex(register)
    }

    /// Reads, writes and RDPMC among the numbers that have the layout of `msr:`.
    private func tellHost(_ ids: [UInt32]) -> [(UInt32, EventKind)] {
        var told: [(UInt32, EventKind)] = []
        for id in ids {
            let registers = kept[id]!.map { Self.word($0, 8) }
            let reads = registers.filter { Self.onlyRead.contains($0) }.count
            let writes = registers.filter { Self.onlyWritten.contains($0) }.count
            if registers.allSatisfy(Self.isCounterIndex) {
                told.append((id, .rdpmc))
            } else if writes > reads {
                told.append((id, .writeMSR))
            } else if reads > writes {
                told.append((id, .readMSR))
            }
        }
        // Two numbers told alike cannot both be right.
        return told.filter { candidate in told.filter { $0.1 == candidate.1 }.count == 1 }
    }

    /// Interrupt command, end of interrupt, TSC deadline, prediction and flush commands, overflow and status reset.
    private static let onlyWritten: Set<UInt32> = [0x49, 0x10b, 0x390, 0x6e0, 0x80b, 0x830, 0x83f, 0xc000_0302]
    /// TSC, DEBUGCTL (read before each write), MPERF, APERF, thermal status, performance status, energy, global status.
    private static let onlyRead: Set<UInt32> = [
        0x10, 0xe7, 0xe8, 0x198, 0x19c, 0x1b1, 0x1d9, 0x38e, 0x611, 0x619, 0x639, 0x641, 0x802, 0x803, 0xc000_0300,
        0xc001_0299, 0xc001_029a, 0xc001_029b,
    ]

    private static func isCounterIndex(_ value: UInt32) -> Bool {
        value < 0x20 || (0x4000_0000..<0x4000_0020).contains(value) || value == 0x2000_0000
    }

    private static func isRegister(_ value: UInt32) -> Bool {
        (0x10..<0x2000).contains(value) || (0x4000_0000..<0x4000_0200).contains(value)
            || (0x4b56_4d00..<0x4b56_4e00).contains(value) || (0xc000_0080..<0xc000_1000).contains(value)
            || (0xc001_0000..<0xc001_2000).contains(value)
    }

    private static func isName(_ raw: [UInt8], _ offset: Int) -> Bool {
        let name = raw[offset..<offset + 16].prefix { $0 != 0 }
        return !name.isEmpty && name.count < 16 && name.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    }

    private static func word(_ raw: [UInt8], _ offset: Int) -> UInt32 {
        guard offset + 4 <= raw.count else { return .max }
        return UInt32(raw[offset]) | UInt32(raw[offset + 1]) << 8 | UInt32(raw[offset + 2]) << 16
            | UInt32(raw[offset + 3]) << 24
    }
}
