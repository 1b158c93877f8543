/// What one token of a block stands for: a record with its constant fields filled in, and which fields follow
/// elsewhere.
struct TokenEntry: Equatable, Sendable {
    /// Constant fields; `time`, `pid` and `pcpu` are 0, and so is every field that `fields` names.
    var template: TraceEvent
    /// Fields that are stored per event.
    var fields: StoredFields

    /// Token 255 of every block: nothing is constant.
    static let escape = TokenEntry(
        template: TraceEvent(time: 0, pcpu: 0, pid: 0, kind: .kvmMSR),
        fields: [.wide, .head, .a, .b, .value, .value2, .value3])
    static let escapeToken: UInt8 = 255
    /// Tokens 0...254 are in the block's own dictionary.
    static let mostEntries = 255
}

/// Which fields of a record are stored per event rather than in the dictionary.
///
/// The raw value is part of the file format.
struct StoredFields: OptionSet, Sendable {
    let rawValue: UInt8
    /// `value`, in the block's counter literals.
    static let counter = StoredFields(rawValue: 1 << 0)
    /// `a` and so on: in the wide columns.
    static let a = StoredFields(rawValue: 1 << 1)
    static let b = StoredFields(rawValue: 1 << 2)
    static let value = StoredFields(rawValue: 1 << 3)
    static let value2 = StoredFields(rawValue: 1 << 4)
    static let value3 = StoredFields(rawValue: 1 << 5)
    /// kind, flags and isa.
    static let head = StoredFields(rawValue: 1 << 6)
    /// Set whenever one of the wide columns is used.
    static let wide = StoredFields(rawValue: 1 << 7)

    /// What the encoder stores per event for a record of `kind` that its dictionary does not hold whole.
    static func forClass(of kind: EventKind) -> StoredFields {
        switch kind {
        case .kvmMSR, .writeMSR, .readMSR, .rdpmc: [.counter]
        case .kvmEntry, .kvmExit: [.wide, .value, .value2, .value3]
        case .schedSwitch: [.wide, .a, .value, .value2, .value3]
        case .processFork, .processExit, .perfEventOpen, .acceptIRQ: [.wide, .a, .b, .value, .value2]
        }
    }

    var isValid: Bool {
        let wideFields: StoredFields = [.a, .b, .value, .value2, .value3, .head]
        return contains(.wide) == !isDisjoint(with: wideFields) && !(contains(.counter) && contains(.value))
    }
}

extension TraceEvent {
    /// The event as a dictionary holds it: without time, thread and the fields stored per event.
    func template(storing fields: StoredFields) -> TraceEvent {
        var template = self
        template.time = 0
        template.pid = 0
        template.pcpu = 0
        if fields.contains(.a) { template.a = 0 }
        if fields.contains(.b) { template.b = 0 }
        if fields.contains(.value) || fields.contains(.counter) { template.value = 0 }
        if fields.contains(.value2) { template.value2 = 0 }
        if fields.contains(.value3) { template.value3 = 0 }
        if fields.contains(.head) {
            template.kind = .kvmMSR
            template.flags = 0
            template.isa = 0
        }
        return template
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

    @inline(__always)
    init(_ reader: inout ByteReader) throws(FormatViolation) {
        fields = StoredFields(rawValue: try reader.read())
        guard fields.rawValue == 0 || fields.isValid else {
            throw FormatViolation("an entry with impossible stored fields")
        }
        let raw: UInt8 = try reader.read()
        guard let kind = EventKind(rawValue: raw) else { throw FormatViolation.unknownTracepoint(UInt64(raw)) }
        let flags: UInt8 = try reader.read()
        let isa: UInt8 = try reader.read()
        let a = try reader.varint()
        let b = try reader.varint()
        let value = try reader.varint()
        let value2 = try reader.varint()
        let value3 = try reader.varint()
        guard a | b <= UInt32.max else { throw FormatViolation("an entry with a field beyond 32 bits") }
        template = TraceEvent(
            time: 0, pcpu: 0, pid: 0, kind: kind, flags: flags, a: UInt32(truncatingIfNeeded: a),
            b: UInt32(truncatingIfNeeded: b), value: value, value2: value2, value3: value3, isa: isa)
        if fields.rawValue == 0 { return }
        // So that a decoder may add stored fields to the template.
        let isClean =
            (a == 0 || !fields.contains(.a)) && (b == 0 || !fields.contains(.b))
            && (value == 0 || fields.isDisjoint(with: [.value, .counter])) && (value2 == 0 || !fields.contains(.value2))
            && (value3 == 0 || !fields.contains(.value3)) && (raw | flags | isa == 0 || !fields.contains(.head))
        guard isClean else { throw FormatViolation("an entry with a constant for a stored field") }
    }
}
