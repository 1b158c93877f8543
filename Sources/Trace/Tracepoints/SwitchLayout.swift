/// Where the fields of a task switch lie, worked out once: switches are the only frequent records beside accesses, and
/// a host that is busy with other things makes more of them.
struct SwitchLayout: Sendable {
    fileprivate let flags: LoadedField
    fileprivate let prev: LoadedField
    fileprivate let prevState: LoadedField
    fileprivate let prevPrio: LoadedField
    fileprivate let next: LoadedField
    fileprivate let nextPrio: LoadedField
    /// Where the names of `CommCache.nameBytes` stand in the record itself.
    fileprivate let prevComm: Int
    fileprivate let nextComm: Int

    /// nil where the record is something else, its names stand elsewhere, or a field would need its sign.
    init?(_ layout: TracepointDecoder.Layout, flags: IntegerField, recordLength: Int) {
        guard
            case .schedSwitch(
                let prevComm, let prev, let prevPrio, let prevState, let nextComm, let next, let nextPrio) = layout,
            [prevComm, nextComm].allSatisfy({ $0.storage == .inline && $0.size == CommCache.nameBytes })
        else { return nil }
        func loaded(_ field: IntegerField, width: UInt8) -> LoadedField? {
            LoadedField(field, width: width, recordLength: recordLength)
        }
        guard let flags = loaded(flags, width: 1), let prev = loaded(prev, width: 4), let next = loaded(next, width: 4),
            let prevState = loaded(prevState, width: 8), let prevPrio = loaded(prevPrio, width: 4),
            let nextPrio = loaded(nextPrio, width: 4)
        else { return nil }
        (self.flags, self.prev, self.prevState, self.prevPrio) = (flags, prev, prevState, prevPrio)
        (self.next, self.nextPrio, self.prevComm, self.nextComm) = (next, nextPrio, prevComm.offset, nextComm.offset)
    }
}

extension TracepointDecoder {
    /// Makes `event` the one that `decode(_:time:pcpu:names:comm:)` answers for a task switch between threads whose
    /// names are in `names`; false for everything else.
    public func decodeSwitch(
        _ raw: UnsafeRawBufferPointer, time: UInt64, pcpu: UInt16, names: borrowing CommCache,
        into event: UnsafeMutablePointer<TraceEvent>
    ) -> Bool {
        guard let layout = switchLayout, raw.count >= recordLength, let base = raw.baseAddress,
            let prevComm = names.known(base + layout.prevComm), let nextComm = names.known(base + layout.nextComm)
        else { return false }
        event.pointee = TraceEvent(
            time: time, pcpu: pcpu, pid: Int32(truncatingIfNeeded: layout.prev.read(base)), kind: .schedSwitch,
            flags: UInt8(truncatingIfNeeded: layout.flags.read(base)),
            a: UInt32(truncatingIfNeeded: layout.next.read(base)), value: layout.prevState.read(base),
            value2: UInt64(prevComm) | UInt64(nextComm) << 32,
            value3: layout.prevPrio.read(base) & 0xffff_ffff | layout.nextPrio.read(base) << 32)
        return true
    }
}
