/// Steps through the events of a block. The columns must outlive it, and must not be decoded into meanwhile.
public struct BlockCursor {
    @usableFromInline let times: UnsafePointer<UInt64>
    @usableFromInline let values: UnsafePointer<UInt64>
    @usableFromInline let tokens: UnsafePointer<UInt8>
    @usableFromInline let templates: UnsafePointer<TraceEvent>
    @usableFromInline let isWide: UnsafePointer<UInt8>
    @usableFromInline var run: UnsafePointer<BlockColumns.Run>
    @usableFromInline var wide: UnsafePointer<TraceEvent>
    @usableFromInline let count: Int
    @usableFromInline let pcpu: UInt16
    /// Index of the event that `next()` answers.
    @inlinable public var index: Int { position }
    @usableFromInline var position = 0

    public init(_ columns: BlockColumns) {
        times = UnsafePointer(columns.times)
        values = UnsafePointer(columns.values)
        tokens = UnsafePointer(columns.tokens)
        templates = UnsafePointer(columns.templates)
        isWide = UnsafePointer(columns.isWide)
        run = UnsafePointer(columns.runs)
        wide = UnsafePointer(columns.wide)
        count = columns.count
        pcpu = columns.pcpu
    }

    @inlinable public var isAtEnd: Bool { position >= count }

    /// The time of the event that `next()` answers; the cursor must not be at the end.
    @inlinable public var time: UInt64 { times[position] }

    /// The next event; the cursor must not be at the end.
    @inlinable
    public mutating func next() -> TraceEvent {
        let token = Int(tokens[position])
        if position >= run.pointee.end { run += 1 }
        var event: TraceEvent
        if isWide[token] == 0 {
            event = templates[token]
            event.value = values[position]
        } else {
            event = wide.pointee
            wide += 1
        }
        event.time = times[position]
        event.pcpu = pcpu
        event.pid = run.pointee.pid
        position &+= 1
        return event
    }
}
