/// An integer of a record: read with its own width and sign, wherever it lies.
struct IntegerField: Sendable {
    let offset: UInt32
    /// 1, 2, 4 or 8 bytes; 0 for a field that this kernel does not have.
    let size: UInt8
    let isSigned: Bool

    static let absent = IntegerField(offset: 0, size: 0, isSigned: false)

    init(offset: UInt32, size: UInt8, isSigned: Bool) {
        self.offset = offset
        self.size = size
        self.isSigned = isSigned
    }

    var isPresent: Bool { size != 0 }

    /// The value, sign-extended to 64 bits where the kernel says it is signed; 0 when absent.
    ///
    /// The caller has checked that the record reaches the field's end.
    func read(_ base: UnsafeRawPointer) -> UInt64 {
        let at = base + Int(offset)
        switch (size, isSigned) {
        case (4, false): return UInt64(UInt32(littleEndian: at.loadUnaligned(as: UInt32.self)))
        case (8, _): return UInt64(littleEndian: at.loadUnaligned(as: UInt64.self))
        case (4, true):
            return UInt64(bitPattern: Int64(Int32(littleEndian: at.loadUnaligned(as: Int32.self))))
        case (1, false): return UInt64(at.load(as: UInt8.self))
        case (1, true): return UInt64(bitPattern: Int64(at.load(as: Int8.self)))
        case (2, false): return UInt64(UInt16(littleEndian: at.loadUnaligned(as: UInt16.self)))
        case (2, true):
            return UInt64(bitPattern: Int64(Int16(littleEndian: at.loadUnaligned(as: Int16.self))))
        default: return 0
        }
    }
}

/// A string of a record, in place or behind a `__data_loc` or `__rel_loc` word.
struct TextField: Sendable {
    let name: String
    let offset: Int
    let size: Int
    let storage: TracepointFormat.Storage

    /// The bytes up to the first NUL, repaired where they are not UTF-8; nil where they would lie outside the record.
    func read(_ raw: UnsafeRawBufferPointer) -> String? {
        let (start, length) = extent(in: raw)
        guard start >= 0, length >= 0, start <= raw.count, length <= raw.count - start else { return nil }
        let bytes = UnsafeRawBufferPointer(rebasing: raw[start..<start + length])
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Where the text claims to be. The record reaches the field's own end.
    func extent(in raw: UnsafeRawBufferPointer) -> (offset: Int, length: Int) {
        guard storage != .inline else { return (offset, size) }
        let word = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        let origin = storage == .relativeLocation ? offset + 4 : 0
        return (origin + Int(word & 0xffff), Int(word >> 16))
    }
}

/// Looks up fields by name and notes how far a record must reach.
struct LayoutReader {
    let format: TracepointFormat
    private(set) var extent = 0

    init(format: TracepointFormat) {
        self.format = format
    }

    mutating func required(_ name: String) throws -> IntegerField {
        let field = try optional(name)
        guard field.isPresent else { throw unusable(name, "is missing") }
        return field
    }

    mutating func optional(_ name: String) throws -> IntegerField {
        guard let field = format.field(name) else { return .absent }
        guard [1, 2, 4, 8].contains(field.size), field.storage == .inline else {
            throw unusable(name, "has \(field.size) bytes and is no integer")
        }
        try reach(field)
        return IntegerField(offset: UInt32(field.offset), size: UInt8(field.size), isSigned: field.isSigned)
    }

    mutating func text(_ name: String) throws -> TextField {
        guard let field = format.field(name) else { throw unusable(name, "is missing") }
        guard field.storage == .inline || field.size == 4 else {
            throw unusable(name, "is a data location of \(field.size) bytes")
        }
        try reach(field)
        return TextField(name: name, offset: field.offset, size: field.size, storage: field.storage)
    }

    private mutating func reach(_ field: TracepointFormat.Field) throws {
        guard field.offset >= 0, field.size >= 0, field.offset <= TracepointFormat.maximumExtent,
            field.size <= TracepointFormat.maximumExtent - field.offset
        else { throw unusable(field.name, "lies at \(field.offset), beyond any record") }
        extent = max(extent, field.offset + field.size)
    }

    private func unusable(_ field: String, _ reason: String) -> TracepointError {
        .unusableField(tracepoint: format.name, field: field, reason: reason)
    }
}
