/// Thread names seen of late, as the kernel's own 16 bytes (`TASK_COMM_LEN`), with their indexes in a comm table: a
/// switch to a thread that was switched to before need not make a string of its name.
public struct CommCache: Sendable {
    private struct Entry {
        var low: UInt64 = 0
        var high: UInt64 = 0
        var index: UInt32 = 0
        var isFull = false
    }

    static let nameBytes = 16
    private static let size = 128
    private var entries = ContiguousArray<Entry>(repeating: Entry(), count: size)

    public init() {}

    @inline(__always)
    private static func slot(_ low: UInt64, _ high: UInt64) -> Int {
        let hash = (low ^ (high &* 0x9e37_79b9_7f4a_7c15)) &* 0xc2b2_ae3d_27d4_eb4f
        return Int(truncatingIfNeeded: hash >> 57)
    }

    /// The index of the name at `bytes`; nil where it is not kept.
    @inline(__always)
    func known(_ bytes: UnsafeRawPointer) -> UInt32? {
        let low = bytes.loadUnaligned(as: UInt64.self)
        let high = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        let entry = entries[Self.slot(low, high)]
        return entry.isFull && entry.low == low && entry.high == high ? entry.index : nil
    }

    /// The index of the name at `bytes`, from `lookUp` where it is not kept.
    @inline(__always)
    mutating func index<E>(_ bytes: UnsafeRawPointer, lookUp: () throws(E) -> UInt32) throws(E) -> UInt32 {
        let low = bytes.loadUnaligned(as: UInt64.self)
        let high = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        let slot = Self.slot(low, high)
        if entries[slot].isFull, entries[slot].low == low, entries[slot].high == high { return entries[slot].index }
        let index = try lookUp()
        entries[slot] = Entry(low: low, high: high, index: index, isFull: true)
        return index
    }
}

extension TracepointDecoder {
    /// The event of one record, as `decode(_:time:pcpu:comm:)` makes it, with the names of threads looked up in `names`
    /// first: it must always come with the same table behind `comm`.
    ///
    /// - Throws: as that one.
    public func decode(
        _ raw: UnsafeRawBufferPointer, time: UInt64, pcpu: UInt16, names: inout CommCache,
        comm: (String) throws -> UInt32
    ) throws -> TraceEvent {
        var event = try decodeFixedPart(raw, time: time, pcpu: pcpu)
        guard kind.namesThreads else { return event }
        event.value2 = UInt64(try index(.prev, of: raw, &names, comm))
        if kind != .processExit { event.value2 |= UInt64(try index(.next, of: raw, &names, comm)) << 32 }
        return event
    }

    private func index(
        _ task: Task, of raw: UnsafeRawBufferPointer, _ names: inout CommCache, _ comm: (String) throws -> UInt32
    ) throws -> UInt32 {
        guard let place = inlineName(task), place <= raw.count - CommCache.nameBytes, let base = raw.baseAddress
        else { return try comm(try text(task, of: raw)) }
        return try names.index(base + place) { try comm(try text(task, of: raw)) }
    }
}
