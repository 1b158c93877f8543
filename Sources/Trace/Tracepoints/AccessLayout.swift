/// Where the fields of an access to a register lie, worked out once, so that reading them takes no branch.
@usableFromInline
struct AccessLayout: Sendable {
    @usableFromInline let flags: LoadedField
    @usableFromInline let pid: LoadedField
    @usableFromInline let register: LoadedField
    @usableFromInline let value: LoadedField
    /// What bit 0 of the event's `b` tells: whether it was a write, or whether it failed.
    @usableFromInline let low: LoadedField
    /// What bit 1 of the event's `b` tells: whether it raised an exception. Absent in an access of the host's.
    @usableFromInline let high: LoadedField

    /// Of records that are no access.
    static let none = AccessLayout()

    private init() {
        (flags, pid, register, value, low, high) = (.absent, .absent, .absent, .absent, .absent, .absent)
    }

    /// nil where the record is something else, or a field would need its sign.
    init?(_ layout: TracepointDecoder.Layout, flags: IntegerField, pid: IntegerField, recordLength: Int) {
        let fields: (register: IntegerField, value: IntegerField, low: IntegerField, high: IntegerField)
        switch layout {
        case .kvmMSR(let write, let register, let data, let exception): fields = (register, data, write, exception)
        case .host(let register, let value, let failed): fields = (register, value, failed, .absent)
        default: return nil
        }
        func loaded(_ field: IntegerField, width: UInt8) -> LoadedField? {
            LoadedField(field, width: width, recordLength: recordLength)
        }
        // Of the last two only whether they are 0 counts.
        guard let flags = loaded(flags, width: 1), let pid = loaded(pid, width: 4),
            let register = loaded(fields.register, width: 4), let value = loaded(fields.value, width: 8),
            let low = loaded(fields.low, width: 0), let high = loaded(fields.high, width: 0)
        else { return nil }
        (self.flags, self.pid, self.register, self.value, self.low, self.high) = (
            flags, pid, register, value, low, high
        )
    }
}

/// An integer of a record, read by loading the eight bytes that hold it and taking out its own.
@usableFromInline
struct LoadedField: Sendable {
    private static let loadedBytes = 8

    @usableFromInline let offset: Int
    @usableFromInline let shift: UInt64
    /// 0 for a field that this kernel does not have.
    @usableFromInline let mask: UInt64

    static let absent = LoadedField()

    private init() { (offset, shift, mask) = (0, 0, 0) }

    /// nil where the record is shorter than a load, or the field signed and narrower than the `width` bytes that are
    /// wanted of it.
    init?(_ field: IntegerField, width: UInt8, recordLength: Int) {
        guard recordLength >= Self.loadedBytes, !field.isSigned || field.size >= width else { return nil }
        guard field.isPresent else {
            self = .absent
            return
        }
        offset = min(Int(field.offset), recordLength - Self.loadedBytes)
        shift = UInt64(8 * (Int(field.offset) - offset))
        mask = .max >> UInt64(64 - 8 * Int(field.size))
    }

    /// The low bytes of what `IntegerField.read` answers, `width` at least. The record reaches `recordLength`.
    @inlinable @inline(__always)
    func read(_ base: UnsafeRawPointer) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &>> shift & mask
    }
}
